// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "isoflop/law.h"

namespace isoflop::cli {

/// This program's own file.
[[nodiscard]] std::filesystem::path executable();

/// Where data sets are: `given` if not empty, else $ISOFLOP_DATA, else ./data.
[[nodiscard]] std::filesystem::path data_root(const std::string& given);

/// The fits/ folder: $ISOFLOP_FITS, ./fits, or beside the program: an ancestor folder's fits/, or
/// share/isoflop/fits of an installation. Throws Error(unavailable) where there is none.
[[nodiscard]] std::filesystem::path fits_folder();

/// `id_or_file` is a file if it has a slash or ends in .json, else the id of a law in fits/.
/// Throws Error(invalid_argument) naming the ids that exist.
[[nodiscard]] Law find_law(const std::string& id_or_file, const std::string& option = "--law");

}  // namespace isoflop::cli
