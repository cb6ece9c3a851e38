// SPDX-License-Identifier: Apache-2.0
#include "plan/shape_choice.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "isoflop/error.h"

namespace isoflop {
namespace {

double log_distance(double a, double b) { return std::abs(std::log(a / b)); }

}  // namespace

std::vector<Rung> ladder_up_to(double m, const LadderOptions& options, const ShapeRules& rules) {
  std::vector<Rung> ladder;
  for (const ModelShape& shape : shape_ladder(FlopsPerToken(m), options, rules)) {
    ladder.push_back({shape, flops_per_token(shape).value()});
  }
  return ladder;
}

const Rung& nearest_rung(std::span<const Rung> ladder, double m) {
  ISOFLOP_CHECK(!ladder.empty(), "a ladder has rungs");
  return *std::min_element(ladder.begin(), ladder.end(), [m](const Rung& a, const Rung& b) {
    return log_distance(a.m, m) < log_distance(b.m, m);
  });
}

std::vector<Rung> rungs_nearest_to_grid(std::span<const Rung> ladder, double low, double high,
                                        std::int64_t n) {
  const std::size_t n_rungs = ladder.size(), n_targets = static_cast<std::size_t>(n);
  if (n_rungs <= n_targets) return {ladder.begin(), ladder.end()};
  // best[t][r]: least distance of targets 0 ... t from rungs of which r is the last, since the best
  // assignment keeps the order. from[t][r]: the rung of target t - 1 in it.
  constexpr double kNever = std::numeric_limits<double>::infinity();
  std::vector<std::vector<double>> best(n_targets, std::vector<double>(n_rungs, kNever));
  std::vector<std::vector<std::size_t>> from(n_targets, std::vector<std::size_t>(n_rungs, 0));
  for (std::size_t t = 0; t < n_targets; ++t) {
    const double share = n == 1 ? 0.5 : static_cast<double>(t) / static_cast<double>(n - 1);
    const double target = low * std::pow(high / low, share);
    std::size_t before = 0;  // the best end of targets 0 ... t - 1 below the rung
    for (std::size_t r = t; r < n_rungs; ++r) {
      const double distance = log_distance(ladder[r].m, target);
      if (t > 0 && best[t - 1][r - 1] < best[t - 1][before]) before = r - 1;
      best[t][r] = distance * distance + (t > 0 ? best[t - 1][before] : 0);
      from[t][r] = before;
    }
  }
  const auto& last = best.back();
  auto r = static_cast<std::size_t>(std::min_element(last.begin(), last.end()) - last.begin());
  std::vector<Rung> chosen(n_targets);
  for (std::size_t t = n_targets; t-- > 0; r = from[t][r]) chosen[t] = ladder[r];
  return chosen;
}

std::vector<Rung> rungs_spaced(std::span<const Rung> ladder, double low, double high,
                               double spacing) {
  const double from = std::min(high, std::max(low, ladder.front().m));
  const double n_steps = std::round(std::log(high / from) / std::log(spacing));
  return rungs_nearest_to_grid(ladder, from, high, 1 + static_cast<std::int64_t>(n_steps));
}

}  // namespace isoflop
