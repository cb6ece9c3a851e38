// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace isoflop {

/// Throws Error(parse) where the first bytes of a file say that it is no text in UTF-8: compressed,
/// UTF-16, a spreadsheet, Parquet.
void require_text(std::string_view first_bytes, const std::string& file);

/// How many bytes of a text are a byte order mark: 3 or none.
[[nodiscard]] std::size_t byte_order_mark_size(std::string_view text);

}  // namespace isoflop
