// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "isoflop/proposal.h"

namespace isoflop {

/// What a reader of the proposal must know before spending the budget, in words.
[[nodiscard]] std::vector<std::string> proposal_warnings(const Proposal& proposal,
                                                         const ProposalRequest& request,
                                                         const Law& law);

}  // namespace isoflop
