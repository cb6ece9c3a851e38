// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace isoflop {

/// The file that is written where `file` is named: the one at the end of its links, which need not
/// be there yet. Throws Error(invalid_argument) for what is there and no regular file, as a folder,
/// a device or a pipe, which a new file would replace; Error(io) for links that go in circles.
[[nodiscard]] std::filesystem::path output_file(const std::filesystem::path& file);

/// Makes the folder, and those above it, unless it is there. Throws Error(invalid_argument) for a
/// root folder, which is no place for results, and for what is there and no folder; Error(io) where
/// the system refuses.
void make_output_folder(const std::filesystem::path& folder);

}  // namespace isoflop
