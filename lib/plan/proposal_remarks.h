// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "isoflop/proposal.h"

namespace isoflop {

/// What a proposal did that its reader may want to know and need not act on.
[[nodiscard]] std::vector<std::string> proposal_remarks(const Proposal& proposal,
                                                        const ProposalRequest& request,
                                                        const Law& law);

/// Up to 4 epochs are nearly as good as fresh tokens (arXiv:2305.16264).
inline constexpr double kHarmlessEpochs = 4;
/// "2.1 epochs over 1B tokens of mine: "
[[nodiscard]] std::string epochs_text(const Proposal& proposal, const ProposalRequest& request);

/// Rounded batch / the law's own; nothing where one of them is not there or the caller's.
[[nodiscard]] std::optional<double> batch_over_law(const Proposal& proposal,
                                                   const ProposalRequest& request);
/// Beyond that, either way, a batch is not the law's any more.
inline constexpr double kFarBatch = 0.1;

/// By the law's evidence, where it keeps some.
[[nodiscard]] ExtrapolationLight light_of(const Proposal& proposal);
/// "Extrapolates 10 times beyond the largest budget behind the law (8e+11 FLOPs): "
[[nodiscard]] std::string extrapolation_text(const Proposal& proposal, const Law& law);

}  // namespace isoflop
