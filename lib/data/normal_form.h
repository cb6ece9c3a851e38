// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace isoflop {

/// A document without what differs between copies of it by the way they were saved: line ends (CRLF
/// and CR become LF), blanks at the ends of lines, blank lines at both ends, a byte order mark. It
/// ends with one newline.
[[nodiscard]] std::string normal_form(std::string_view document);

}  // namespace isoflop
