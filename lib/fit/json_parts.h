// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "base/json.h"
#include "isoflop/fit.h"

namespace isoflop {

/// JSON knows no infinity, and a steep law of large sizes has an A beyond doubles.
[[nodiscard]] Json finite_or_null(double value);
[[nodiscard]] Json interval_json(const Interval& interval);

/// The parts of an isoflop.fit/1 answer.
[[nodiscard]] Json valley_json(const Valley& valley);
[[nodiscard]] Json power_law_json(const PowerLawFit& fit);
[[nodiscard]] Json estimators_json(std::span<const ValleyEstimator> estimators);
[[nodiscard]] Json disagreement_json(std::span<const EstimatorDisagreement> disagreement);
[[nodiscard]] Json law_checks_json(const LawChecks& checks);
[[nodiscard]] Json envelope_json(const EnvelopeFit& fit);
[[nodiscard]] Json surface_json(const ParametricFit& fit);
[[nodiscard]] Json forms_json(const std::vector<FormFit>& forms);
[[nodiscard]] Json lack_of_fit_json(const LackOfFit& test);
/// What `intervals` says: the calibrated interval of each parameter where there is one, else the
/// resamples' percentiles.
[[nodiscard]] Json parameter_intervals_json(const ParametricFit& fit,
                                            const std::optional<SurfaceIntervals>& calibrated);
[[nodiscard]] Json intervals_json(const SurfaceIntervals& intervals);
[[nodiscard]] Json hyper_json(const HyperFit& fit);
[[nodiscard]] Json conventions_json(const ConventionLadder& ladder);
[[nodiscard]] Json mistuning_json(const Mistuning& mistuning);
[[nodiscard]] Json holdout_json(const HoldoutScore& score);
[[nodiscard]] Json holdout_summary_json(std::span<const HoldoutSummary> summaries);
[[nodiscard]] Json target_json(const Target& target);
[[nodiscard]] Json second_stage_json(std::span<const SecondStage> stages);
[[nodiscard]] Json sample_size_json(const SampleSize& size);
[[nodiscard]] Json allocation_bootstrap_json(const AllocationBootstrap& bootstrap);

}  // namespace isoflop
