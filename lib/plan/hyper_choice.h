// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "isoflop/proposal.h"

namespace isoflop {

/// Where vocabulary and sequence length come from.
void say_whose_sizes(Proposal& proposal, const ProposalRequest& request, const Law& law);

/// Sets what the laws say of batch and learning rate at the proposed shape, or what was given in
/// their place, and what is missing then. Throws Error(invalid_argument) for a hyper_law that says
/// nothing about them.
void choose_batch_and_rate(Proposal& proposal, const ProposalRequest& request, const Law& law);

/// Sets the values of the recipe: as given, else of the runs behind the law, else the defaults of
/// RunSpec, which are DeepSeek LLM's (arXiv:2401.02954, sec. 2.3).
void choose_recipe(Proposal& proposal, const ProposalRequest& request, const Law& law);

/// Beside the proposal's weight decay, once batch, rate and length are there.
void advise_weight_decay(Proposal& proposal);

}  // namespace isoflop
