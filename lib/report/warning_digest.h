// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace isoflop {

/// Warnings of one kind, told by the first of them.
struct WarningGroup {
  std::string first;
  std::size_t n_alike = 0;  // others that differ from it in numbers only
};

/// In the order in which the kinds first appear.
[[nodiscard]] std::vector<WarningGroup> grouped(const std::vector<std::string>& warnings);

/// Whether it speaks of one budget, and not of the whole fit.
[[nodiscard]] bool is_of_one_budget(const std::string& warning);

/// At most `width` characters of `text`: up to a semicolon or colon where that leaves most of it,
/// else up to a word, then "...".
[[nodiscard]] std::string shortened(const std::string& text, std::size_t width);

}  // namespace isoflop
