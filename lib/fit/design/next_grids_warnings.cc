// SPDX-License-Identifier: Apache-2.0
#include "fit/design/next_grids_warnings.h"

#include "base/text.h"

namespace isoflop {
namespace {

constexpr double kFarTarget = 100;
constexpr double kRounded = 1 + 1e-6;

}  // namespace

void warn_of_open_grids(std::size_t n_open, std::size_t n_left, Words& warnings) {
  if (n_open == 0) return;
  warnings.push_back(
      std::to_string(n_open) + (n_open == 1 ? " grid has its" : " grids have their") +
      " best run at an edge; runs beyond it come first" +
      (n_left == 0
           ? "."
           : ", of which the FLOPs allow those of " + std::to_string(n_open - n_left) + "."));
}

void warn_of_next_grids(const NextGrids& next, double largest, Words& warnings) {
  const double ratio = next.target_compute / largest;
  if (ratio > kFarTarget * kRounded) {
    warnings.push_back("The target is " + rounded_text(ratio, 3) +
                       " times the largest grid: the intervals suppose that batch and rate follow "
                       "power laws as far as that, which no run says.");
  }
  if (next.grids.empty()) {
    warnings.push_back("No grid is chosen: " + rounded_text(next.flops, 3) +
                       " FLOPs buy none of the candidates; a grid takes 5 runs or more.");
  }
}

}  // namespace isoflop
