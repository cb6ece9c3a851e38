// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "isoflop/proposal.h"

namespace isoflop {

/// By the evidence of `law`, at the budget of `proposal`; nothing where the law keeps none. Takes
/// the law's own split from the proposal.
/// M that the shape is to have: the forecast's median, else the law's.
[[nodiscard]] inline double asked_size(const Proposal& proposal) {
  return proposal.forecast_flops_per_token.value_or(*proposal.law_flops_per_token);
}

[[nodiscard]] std::optional<Reliability> reliability_of(const Law& law, const Proposal& proposal);

}  // namespace isoflop
