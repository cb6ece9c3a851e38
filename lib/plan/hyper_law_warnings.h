// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "isoflop/proposal.h"

namespace isoflop {

/// What to know of the laws that batch, rate and weight decay are of: each by its own range.
void warn_of_hyper_laws(const Proposal& proposal, const ProposalRequest& request, const Law& law,
                        std::vector<std::string>& warnings);

}  // namespace isoflop
