// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace isoflop {

/// Throws Error(parse) where the first bytes of a file say that it is no text in UTF-8: compressed,
/// UTF-16, a spreadsheet, Parquet.
void require_text(std::string_view first_bytes, const std::string& file);

}  // namespace isoflop
