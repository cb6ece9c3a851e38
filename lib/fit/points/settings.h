// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "fit/points/curves.h"
#include "isoflop/interval.h"

namespace isoflop {

/// Which batch sizes and learning rates the sizes of a budget were run with.

/// Distinct values of > 0 up to kSameSetting, ascending; each with the range that it stands for.
[[nodiscard]] std::vector<Interval> distinct_settings(std::vector<double> values);

/// One sample per scale: where a scale was run with several hyper-parameters, the setting nearest
/// to the one that the curve's other sizes were run with (the best of many would be too good by the
/// noise), or the best where every size has several.
[[nodiscard]] BudgetGroup one_per_scale(const BudgetGroup& group);

/// The samples a loss surface may use: as one_per_scale() where a scale was run with several
/// hyper-parameters, all of them where it was not.
[[nodiscard]] std::vector<Sample> surface_samples(std::span<const BudgetGroup> groups);

/// What tells how the loss depends on the batch: of every size, length and batch of a budget the
/// run at the best learning rate.
[[nodiscard]] std::vector<Sample> samples_by_batch(std::span<const BudgetGroup> groups);

/// Runs of one model at one budget that differ in batch size or learning rate.
struct GridCell {
  double budget = 0, compute = 0;
  std::vector<Sample> samples;
};

/// The cells with at least 3 distinct learning rates or batch sizes. Where a cell was run with
/// several weight decays, its runs of the one with most of them.
[[nodiscard]] std::vector<GridCell> grid_cells(std::span<const BudgetGroup> groups);

/// The cells with at least 3 distinct weight decays above 0, with the runs that state one.
[[nodiscard]] std::vector<GridCell> decay_cells(std::span<const BudgetGroup> groups);

}  // namespace isoflop
