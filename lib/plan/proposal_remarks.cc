// SPDX-License-Identifier: Apache-2.0
#include "plan/proposal_remarks.h"

#include <cmath>

#include "base/text.h"
#include "plan/figures.h"

namespace isoflop {
namespace {

using Remarks = std::vector<std::string>;

constexpr double kNotableRounding = 0.01;
constexpr double kUnspent = 0.005;

void remark_on_steps(const Proposal& p, const ProposalRequest& request, Remarks& remarks) {
  const double batch = batch_over_law(p, request).value_or(1);
  if (std::abs(batch - 1) > kNotableRounding && std::abs(batch - 1) <= kFarBatch) {
    remarks.push_back("The batch is rounded to " + std::to_string(p.batch_seqs) + " sequences, " +
                      share_text(batch) + " of the law's.");
  }
  const double spent = p.compute / p.compute_budget;
  if (spent < 1 - kUnspent) {
    remarks.push_back("Whole steps spend " + share_text(spent) + " of the budget.");
  }
}

}  // namespace

std::string epochs_text(const Proposal& proposal, const ProposalRequest& request) {
  return rounded_text(proposal.epochs.value(), 3) + " epochs over " +
         count_text(*request.data_tokens) + " tokens" +
         (proposal.dataset.empty() ? "" : " of " + proposal.dataset) + ": ";
}

std::optional<double> batch_over_law(const Proposal& proposal, const ProposalRequest& request) {
  if (!proposal.law_batch_tokens || proposal.spec.batch_tokens == 0 || request.batch_tokens) {
    return std::nullopt;
  }
  return static_cast<double>(proposal.spec.batch_tokens) / *proposal.law_batch_tokens;
}

ExtrapolationLight light_of(const Proposal& proposal) {
  return proposal.reliability ? proposal.reliability->light
                              : extrapolation_light(proposal.extrapolation);
}

std::string extrapolation_text(const Proposal& proposal, const Law& law) {
  return "Extrapolates " + rounded_text(proposal.extrapolation, 3) +
         " times beyond the largest budget behind the law (" +
         rounded_text(law.fitted_to->value(), 3) + " FLOPs): ";
}

std::vector<std::string> proposal_remarks(const Proposal& proposal, const ProposalRequest& request,
                                          const Law& law) {
  Remarks remarks;
  if (!law.allocation || law.allocation->exponents_only) {
    remarks.emplace_back("The split of the budget is the minimum of the law's loss surface.");
  }
  constexpr double kRounding = 1 + 1e-9;  // of a budget that is the law's own but for rounding
  if (proposal.extrapolation > kRounding && light_of(proposal) == ExtrapolationLight::ok) {
    remarks.push_back(extrapolation_text(proposal, law) +
                      "within the range where hold-outs have worked.");
  }
  const std::int64_t vocab_size = proposal.spec.shape.vocab_size;
  if (request.vocab_size && *request.vocab_size != vocab_size) {
    remarks.push_back("The vocabulary is padded from " + std::to_string(*request.vocab_size) +
                      " to " + std::to_string(vocab_size) + " (--pad-vocab-to 1: as it is).");
  }
  remark_on_steps(proposal, request, remarks);
  if (const double epochs = proposal.epochs.value_or(1); epochs > 1 && epochs <= kHarmlessEpochs) {
    remarks.push_back(epochs_text(proposal, request) + "up to 4 are nearly as good as fresh data.");
  }
  return remarks;
}

}  // namespace isoflop
