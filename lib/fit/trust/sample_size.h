// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "fit/points/curves.h"
#include "isoflop/fit.h"

namespace isoflop {

/// Absent where no cell has two seeds. s1 is 0 for fewer than 3 cells or 6 degrees of freedom.
[[nodiscard]] std::optional<SeedNoise> pool_seed_noise(std::span<const Sample> samples);

/// Sets fit.sample_size but for its intervals: runs, how many of them are independent, their noise.
void count_sample(const PointSet& points, std::span<const Sample> samples, Fit& fit);

/// What the intervals of the exponents are worth, beside the least that the noise alone allows: for
/// the allocation by the errors of the minima, for the surface by the information matrix with the
/// residuals of ln L.
[[nodiscard]] std::vector<IntervalWorth> interval_worths(std::span<const Sample> samples,
                                                         const Fit& fit);

}  // namespace isoflop
