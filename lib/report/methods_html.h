// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace isoflop {

/// What methods_markdown() writes as HTML: headings, lists, the bold question of an item;
/// everything else is text. Its title is left out.
[[nodiscard]] std::string methods_html(const std::string& markdown);

}  // namespace isoflop
