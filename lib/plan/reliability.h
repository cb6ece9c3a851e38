// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "isoflop/proposal.h"

namespace isoflop {

/// By the evidence of `law`, at the budget of `proposal`; nothing where the law keeps none. Takes
/// the law's own split from the proposal.
[[nodiscard]] std::optional<Reliability> reliability_of(const Law& law, const Proposal& proposal);

}  // namespace isoflop
