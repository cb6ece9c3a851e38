// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fit/estimate/words.h"
#include "isoflop/fit.h"

namespace isoflop {

/// What speaks against believing the fit as a whole; each in the .cc of its name.
void warn_of_conventions(const ConventionLadder& ladder, Words& warnings);
void warn_of_axes(const PointSet& points, Words& warnings);
void warn_of_pooled(const Fit& fit, Words& warnings);
void warn_of_cells(const PointSet& points, Words& warnings);
void warn_of_holdout(const Fit& fit, Words& warnings);
void warn_of_targets(const Fit& fit, Words& warnings);
void warn_of_sample_size(const SampleSize& size, Words& warnings);
void warn_of_sizes(const Fit& fit, Words& warnings);
void warn_of_outliers(const Outliers& outliers, Words& warnings);
void warn_of_evaluation(const PointSet& points, std::optional<double> run_noise, Words& warnings);
void warn_of_health(const PointSet& points, Words& warnings);

}  // namespace isoflop
