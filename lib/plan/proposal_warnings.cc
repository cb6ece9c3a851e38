// SPDX-License-Identifier: Apache-2.0
#include "plan/proposal_warnings.h"

#include <cmath>

#include "base/text.h"
#include "isoflop/deadweight.h"
#include "isoflop/extrapolation.h"

namespace isoflop {
namespace {

using Words = std::vector<std::string>;

constexpr std::int64_t kFewSteps = 500;
constexpr double kNotableRounding = 0.01;
constexpr double kUnspent = 0.005;
// Up to 4 epochs are nearly as good as fresh tokens (arXiv:2305.16264).
constexpr double kHarmlessEpochs = 4;

std::string percent(double ratio) { return rounded_text(100 * ratio, 3) + " %"; }

std::string advice_of(ExtrapolationLight light) {
  switch (light) {
    case ExtrapolationLight::ok:
      return "within the range where hold-outs have worked.";
    case ExtrapolationLight::caution:
      return "caution, check on one budget in between.";
    case ExtrapolationLight::only_with_holdout_evidence:
      return "only with hold-out evidence.";
  }
  return "";
}

void warn_of_extrapolation(const Proposal& p, const Law& law, Words& warnings) {
  if (!law.fitted_to) {
    warnings.emplace_back("The law does not say for which budgets it was fitted.");
    return;
  }
  if (p.extrapolation > 1) {
    const std::string text = "Extrapolates " + rounded_text(p.extrapolation, 3) +
                             " times beyond the largest budget behind the law (" +
                             rounded_text(law.fitted_to->value(), 3) + " FLOPs): ";
    warnings.push_back(text + advice_of(extrapolation_light(p.extrapolation)));
  }
  if (law.hyper && law.hyper->fitted_to && p.compute_budget > *law.hyper->fitted_to) {
    warnings.push_back("Batch size and learning rate extrapolate " +
                       rounded_text(p.compute_budget / *law.hyper->fitted_to, 3) +
                       " times beyond their own grids.");
  }
  if (law.fitted_from && p.compute_budget < *law.fitted_from) {
    warnings.push_back("The budget is " + rounded_text(*law.fitted_from / p.compute_budget, 3) +
                       " times below the smallest behind the law (" +
                       rounded_text(law.fitted_from->value(), 3) + " FLOPs).");
  }
}

void warn_of_rounding(const Proposal& p, const Law& law, Words& warnings) {
  const double size = p.flops_per_token.value() / *p.law_flops_per_token;
  if (std::abs(size - 1) > kNotableRounding) {
    std::string text = "The nearest shape, " + short_name(p.spec.shape) + ", has " + percent(size) +
                       " of the law's FLOPs per token";
    if (law.loss && has_optimum(*law.loss)) {
      const double share = deadweight(*law.loss, p.compute_budget.value(), size).wasted_share;
      text += ", which wastes " + percent(share) + " of the budget by its loss surface";
    }
    warnings.push_back(text + ".");
  }
  if (p.law_batch_tokens && p.spec.batch_tokens > 0) {
    const double batch = static_cast<double>(p.spec.batch_tokens) / *p.law_batch_tokens;
    if (std::abs(batch - 1) > kNotableRounding) {
      warnings.push_back("The batch is rounded to " + std::to_string(p.batch_seqs) +
                         " sequences, " + percent(batch) + " of the law's.");
    }
  }
  const double spent = p.compute / p.compute_budget;
  if (spent < 1 - kUnspent) {
    warnings.push_back("Whole steps spend " + percent(spent) + " of the budget.");
  }
}

void warn_of_run(const Proposal& p, const ProposalRequest& request, Words& warnings) {
  if (p.spec.n_steps > 0 && p.spec.n_steps < kFewSteps) {
    warnings.push_back("Only " + std::to_string(p.spec.n_steps) + " steps; below " +
                       std::to_string(kFewSteps) +
                       " the schedule is not the one the laws were fitted with.");
  }
  if (!request.data_tokens || p.tokens.value() <= *request.data_tokens) return;
  const double epochs = p.tokens.value() / *request.data_tokens;
  warnings.push_back(
      rounded_text(epochs, 3) + " epochs over " + si_text(*request.data_tokens) + " tokens: " +
      (epochs <= kHarmlessEpochs ? "up to 4 are nearly as good as fresh data."
                                 : "beyond 4 the law, fitted on fresh data, promises too much."));
}

void warn_of_law(const Proposal& p, const Law& law, Words& warnings) {
  if (!p.missing.empty()) {
    warnings.push_back("The law " + law.id + " says nothing about " + join(p.missing, " and ") +
                       "; choose by a grid or another law.");
  }
  if (!law.allocation || law.allocation->exponents_only) {
    warnings.emplace_back("The split of the budget is the minimum of the law's loss surface.");
  }
  const auto differs = [&](const char* name, const std::optional<std::int64_t>& fitted,
                           std::int64_t used) {
    if (!fitted || *fitted == used) return;
    warnings.push_back(std::string(name) + " " + std::to_string(used) +
                       " is not that of the law's runs, " + std::to_string(*fitted) + ".");
  };
  differs("vocab_size", law.vocab_size, p.spec.shape.vocab_size);
  differs("seq_len", law.seq_len, p.spec.shape.seq_len);
}

}  // namespace

std::vector<std::string> proposal_warnings(const Proposal& proposal, const ProposalRequest& request,
                                           const Law& law) {
  Words warnings;
  warn_of_law(proposal, law, warnings);
  warn_of_extrapolation(proposal, law, warnings);
  warn_of_rounding(proposal, law, warnings);
  warn_of_run(proposal, request, warnings);
  return warnings;
}

}  // namespace isoflop
