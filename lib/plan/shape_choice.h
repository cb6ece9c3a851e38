// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "isoflop/shape_rules.h"

namespace isoflop {

/// A shape of the ladder and its M.
struct Rung {
  ModelShape shape;
  double m = 0;  // [FLOPs/token], deepseek_m_actual
};

[[nodiscard]] std::vector<Rung> ladder_up_to(double m, const LadderOptions& options,
                                             const ShapeRules& rules = {});

/// The rung nearest to `m` by ratio. `ladder` is ascending and not empty.
[[nodiscard]] const Rung& nearest_rung(std::span<const Rung> ladder, double m);

/// `n` distinct rungs, ascending, which together lie nearest to a geometric grid of M from `low` to
/// `high` (least sum of squared log ratios); all rungs if there are no more than n.
[[nodiscard]] std::vector<Rung> rungs_nearest_to_grid(std::span<const Rung> ladder, double low,
                                                      double high, std::int64_t n);

/// The same for a grid from `low`, or the ladder's beginning, to `high` in steps of `spacing`.
[[nodiscard]] std::vector<Rung> rungs_spaced(std::span<const Rung> ladder, double low, double high,
                                             double spacing);

}  // namespace isoflop
