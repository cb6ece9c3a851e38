// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "fit/estimate/words.h"
#include "fit/points/curves.h"
#include "isoflop/envelope.h"
#include "isoflop/law.h"
#include "isoflop/valley.h"

namespace isoflop {

void warn_of_narrow_budgets(std::span<const double> budgets, Words& warnings);
/// One valley per curve; `seed_noise` is the relative sd of one run between seeds.
void warn_of_valleys(std::span<const Valley> valleys, std::span<const BudgetGroup> curves,
                     std::optional<double> seed_noise, Words& warnings);
void warn_of_disagreement(std::span<const EstimatorDisagreement> disagreement, Words& warnings);

/// What an allocation law rests on.
struct AllocationEvidence {
  std::span<const Valley> valleys;
  const PowerLawFit& scale_opt;
  double compute_from = 0, compute_to = 0;  // smallest and largest budget behind the law
  const std::optional<LawChecks>& checks;
  const std::optional<FrontierLaw>& frontier;
  const std::optional<double>& incredible_bias;
};
void warn_of_allocation(const AllocationEvidence& evidence, Words& warnings);

/// `scale_opt` is the law through the valleys, which the envelope's is held against.
void warn_of_envelope(const EnvelopeFit& envelope, const PowerLawFit& scale_opt, Words& warnings);

}  // namespace isoflop
