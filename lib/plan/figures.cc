// SPDX-License-Identifier: Apache-2.0
#include "plan/figures.h"

#include <array>
#include <cmath>
#include <cstdint>

#include "base/text.h"

namespace isoflop {
namespace {

using Suffixes = std::array<const char*, 6>;
constexpr Suffixes kCounts = {"", "k", "M", "B", "T", "Q"};
constexpr Suffixes kSi = {"", "k", "M", "G", "T", "P"};

std::string with_suffix(double value, const Suffixes& suffixes) {
  constexpr double kRoundsUp = 999.95;  // to four digits
  std::size_t index = 0;
  while (std::abs(value) >= kRoundsUp && index + 1 < suffixes.size()) {
    value /= 1000;
    ++index;
  }
  return rounded_text(value, 4) + suffixes[index];
}

}  // namespace

std::string count_text(double count) { return with_suffix(count, kCounts); }

std::string flops_text(double flops) { return with_suffix(flops, kSi); }

std::string plain_text(double value) {
  constexpr double kWholeFrom = 1000, kLargest = 1e15;
  if (!(value >= kWholeFrom && value < kLargest)) return rounded_text(value, 4);
  std::string digits = std::to_string(std::llround(value));
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

std::string share_text(double share) { return rounded_text(100 * share, 3) + " %"; }

}  // namespace isoflop
