// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "base/json.h"
#include "isoflop/fit.h"

namespace isoflop {

/// The parts of an isoflop.fit/1 answer.
[[nodiscard]] Json valley_json(const Valley& valley);
[[nodiscard]] Json power_law_json(const PowerLawFit& fit);
[[nodiscard]] Json estimators_json(std::span<const ValleyEstimator> estimators);
[[nodiscard]] Json disagreement_json(std::span<const EstimatorDisagreement> disagreement);
[[nodiscard]] Json law_checks_json(const LawChecks& checks);
[[nodiscard]] Json envelope_json(const EnvelopeFit& fit);
[[nodiscard]] Json surface_json(const ParametricFit& fit);
[[nodiscard]] Json hyper_json(const HyperFit& fit);

}  // namespace isoflop
