// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "base/json.h"
#include "isoflop/envelope.h"
#include "isoflop/valley.h"

namespace isoflop {

/// The parts of an isoflop.fit/1 answer that are about minima and the laws through them.
[[nodiscard]] Json valley_json(const Valley& valley);
[[nodiscard]] Json estimators_json(std::span<const ValleyEstimator> estimators);
[[nodiscard]] Json disagreement_json(std::span<const EstimatorDisagreement> disagreement);
[[nodiscard]] Json law_checks_json(const LawChecks& checks);
[[nodiscard]] Json envelope_json(const EnvelopeFit& fit);
[[nodiscard]] Json allocation_bootstrap_json(const AllocationBootstrap& bootstrap);

}  // namespace isoflop
