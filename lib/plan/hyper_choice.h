// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "isoflop/proposal.h"

namespace isoflop {

/// Where vocabulary and sequence length come from.
void say_whose_sizes(Proposal& proposal, const ProposalRequest& request, const Law& law);

/// Which law says what; null where nobody says it.
struct HyperSources {
  const Law* batch_tokens = nullptr;
  const Law* peak_lr = nullptr;
  const Law* weight_decay = nullptr;
  /// The rate is asked for at a batch that is not the best one by the same law.
  bool rate_at_batch = false;

  [[nodiscard]] bool uses(const Law& law) const {
    return batch_tokens == &law || peak_lr == &law || weight_decay == &law;
  }
};

/// Of request.hyper_laws in their order, then `law`: the first that says it.
[[nodiscard]] HyperSources hyper_sources(const ProposalRequest& request, const Law& law);
/// Without those in whose place something is given.
[[nodiscard]] HyperSources taken_sources(const ProposalRequest& request, const Law& law);

/// N of a shape as laws of this convention count it: all parameters by six_n_total, else
/// non-embedding ones.
[[nodiscard]] double params_as_counted(FlopsConvention convention, const ModelShape& shape);

/// Sets what the laws say of batch and learning rate at the proposed shape, or what was given in
/// their place, and what is missing then. Throws Error(invalid_argument) for a hyper_law that says
/// nothing about batch, rate or weight decay.
void choose_batch_and_rate(Proposal& proposal, const ProposalRequest& request, const Law& law);

/// Sets the values of the recipe: as given, else of the runs behind the law, else the defaults of
/// RunSpec, which are DeepSeek LLM's (arXiv:2401.02954, sec. 2.3).
void choose_recipe(Proposal& proposal, const ProposalRequest& request, const Law& law);

/// Once batch, rate and length are there: the weight decay, where a law says it and none is given,
/// and Power Lines' beside it. Throws Error(invalid_argument) for a hyper_law of weight decay where
/// batch or rate are missing, and for a value that no run may have.
void choose_weight_decay(Proposal& proposal, const ProposalRequest& request, const Law& law);

}  // namespace isoflop
