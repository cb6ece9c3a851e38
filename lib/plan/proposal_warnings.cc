// SPDX-License-Identifier: Apache-2.0
#include "plan/proposal_warnings.h"

#include <cmath>

#include "base/text.h"
#include "isoflop/deadweight.h"
#include "isoflop/extrapolation.h"
#include "plan/figures.h"
#include "plan/hyper_law_warnings.h"
#include "plan/proposal_remarks.h"
#include "plan/reliability.h"

namespace isoflop {
namespace {

using Words = std::vector<std::string>;

constexpr std::int64_t kFewSteps = 500;
constexpr double kNotableSize = 0.05;
// Of a budget that is the law's own but for rounding.
constexpr double kRounding = 1 + 1e-9;
constexpr double kMostSpent = 0.05;  // of ln(M D / C)

const char* advice_of(ExtrapolationLight light) {
  return light == ExtrapolationLight::caution ? "caution, check on one budget in between."
                                              : "only with hold-out evidence.";
}

void warn_of_extrapolation(const Proposal& p, const Law& law, Words& warnings) {
  if (p.law_flops_per_token && p.law_tokens) {
    const double spent = *p.law_flops_per_token * *p.law_tokens / p.compute_budget.value();
    if (std::abs(std::log(spent)) > kMostSpent) {
      warnings.push_back("The law's size and tokens together take " + rounded_text(spent, 3) +
                         " times the budget; the tokens here are those that it buys.");
    }
  }
  if (!law.fitted_to) {
    warnings.emplace_back("The law does not say for which budgets it was fitted.");
    return;
  }
  if (p.extrapolation > kRounding && light_of(p) != ExtrapolationLight::ok) {
    warnings.push_back(extrapolation_text(p, law) + advice_of(light_of(p)));
  }
  if (law.fitted_from && p.compute_budget < *law.fitted_from) {
    warnings.push_back("The budget is " + rounded_text(*law.fitted_from / p.compute_budget, 3) +
                       " times below the smallest behind the law (" +
                       rounded_text(law.fitted_from->value(), 3) + " FLOPs): fit smaller ones.");
  }
}

std::string reason_of_size(const Proposal& p, const ProposalRequest& request) {
  ShapeRules heads = request.shape;
  heads.multiple_of = heads.pad_vocab_to = std::nullopt;
  heads.tied_embeddings = false;
  if (heads == ShapeRules() && !is_practical_size(p.spec.shape)) {
    return " (small shapes are up to 1.4 times apart)";
  }
  return " (none nearer has a number of heads that tensor_parallel = " +
         std::to_string(request.shape.tensor_parallel) + " and the other rules divide)";
}

void warn_of_rounding(const Proposal& p, const ProposalRequest& request, const Law& law,
                      Words& warnings) {
  const double size = p.flops_per_token.value() / asked_size(p);
  if (std::abs(size - 1) > kNotableSize) {
    std::string text = "The nearest shape, " + short_name(p.spec.shape) + ", has " +
                       share_text(size) +
                       (p.forecast_flops_per_token ? " of the forecast's" : " of the law's") +
                       " FLOPs per token" + reason_of_size(p, request);
    if (law.loss && has_optimum(*law.loss)) {
      const double share = deadweight(*law.loss, p.compute_budget.value(), size).wasted_share;
      text += ", which wastes " + share_text(share) + " of the budget by its loss surface";
    }
    warnings.push_back(text + ".");
  }
  const double batch = batch_over_law(p, request).value_or(1);
  if (std::abs(batch - 1) > kFarBatch) {
    warnings.push_back("The batch, " + std::to_string(p.batch_seqs) +
                       (p.batch_seqs == 1 ? " sequence, is " : " sequences, is ") +
                       share_text(batch) + " of the law's: a shorter --seq-len comes nearer.");
  }
}

void warn_of_run(const Proposal& p, const ProposalRequest& request, Words& warnings) {
  if (p.spec.n_steps > 0 && p.spec.n_steps < kFewSteps) {
    warnings.push_back("Only " + std::to_string(p.spec.n_steps) + " steps; below " +
                       std::to_string(kFewSteps) +
                       " the schedule is not the one the laws were fitted with: a smaller batch, "
                       "or a larger budget.");
  }
  if (p.epochs.value_or(1) > kHarmlessEpochs) {
    warnings.push_back(epochs_text(p, request) +
                       "beyond 4 the law, fitted on fresh data, promises too much: more data, or a "
                       "law of repeated data.");
  }
}

/// What was asked for and changes nothing.
void warn_of_no_effect(const Proposal& p, const ProposalRequest& request, Words& warnings) {
  std::vector<std::string> idle;
  if (!request.gpu_peak_flops) {
    if (request.n_gpus) idle.emplace_back("the number of GPUs");
    if (request.mfu) idle.emplace_back("the MFU");
    if (request.price_per_gpu_hour) idle.emplace_back("the price");
  }
  if (!idle.empty()) {
    warnings.push_back("Without a GPU or its peak, " + join(idle, ", ") +
                       (idle.size() > 1 ? " have" : " has") + " no effect.");
  }
  if (p.spec.batch_tokens == 0 && !request.recipe.empty()) {
    warnings.emplace_back(
        "Without a batch size there are no steps: weight decay, schedule and optimizer are not "
        "shown.");
  }
}

/// A law in M without the head says nothing about what a model costs whose head costs more.
void warn_of_head(const Proposal& p, Words& warnings) {
  const ModelShape& shape = p.spec.shape;
  const double head = flops_per_token(shape, FlopsConvention::exact).value() -
                      flops_per_token(shape, FlopsConvention::exact_nohead).value();
  if (!(head > p.flops_per_token.value())) return;
  warnings.push_back("The head takes " + flops_text(head) + " FLOPs per token, " +
                     rounded_text(head / p.flops_per_token.value(), 3) + " times those that " +
                     std::string(to_string(p.convention)) +
                     " counts: the budget buys less than the run costs; a smaller vocabulary "
                     "(--vocab-size), or a larger budget.");
}

/// GPUs that no layout of the ranks can use.
void warn_of_ranks(const Proposal& p, const ProposalRequest& request, Words& warnings) {
  if (!request.n_gpus || !request.gpu_peak_flops) return;
  const std::int64_t n = *request.n_gpus, t = request.shape.tensor_parallel;
  if (n % t != 0) {
    warnings.push_back(std::to_string(n) + " GPUs are no multiple of " + std::to_string(t) +
                       " tensor-parallel ranks.");
    return;
  }
  const std::int64_t sequences =
      p.spec.batch_tokens / std::max<std::int64_t>(1, p.spec.shape.seq_len);
  if (sequences > 0 && n / t > sequences) {
    warnings.push_back(std::to_string(n / t) + " data-parallel ranks share a batch of " +
                       std::to_string(sequences) +
                       " sequences: some have none, and the MFU is not reached.");
  }
}

/// What the numbers are about, where that is not what is at hand.
void warn_of_frame(const ProposalRequest& request, const Law& law, Words& warnings) {
  if (!request.dataset.empty() && !law.frame.dataset.empty() &&
      request.dataset != law.frame.dataset) {
    warnings.push_back("The law was fitted on " + law.frame.dataset + ", not on " +
                       request.dataset +
                       ": another data set has another optimum and another loss.");
  }
  if (!request.tokenizer.empty() && !law.frame.tokenizer.empty() &&
      request.tokenizer != law.frame.tokenizer) {
    warnings.push_back("The law counts tokens of " + law.frame.tokenizer + ", " + request.dataset +
                       " has those of " + request.tokenizer + ".");
  }
}

void warn_of_law(const Proposal& p, const ProposalRequest& request, const Law& law,
                 Words& warnings) {
  if (!law.note.empty()) warnings.push_back(law.note);
  if (!p.missing.empty()) {
    warnings.push_back("The law " + law.id + " says nothing about " + join(p.missing, " and ") +
                       "; choose by a grid, or take another law for it (--hyper-law).");
  }
  const auto differs = [&](const char* name, const std::optional<std::int64_t>& fitted,
                           std::int64_t used) {
    if (!fitted || *fitted == used) return;
    warnings.push_back(std::string(name) + " " + std::to_string(used) +
                       " is not that of the law's runs, " + std::to_string(*fitted) +
                       ": expect another optimum, fit your own.");
  };
  if (request.vocab_size) differs("vocab_size", law.vocab_size, *request.vocab_size);
  differs("seq_len", law.seq_len, p.spec.shape.seq_len);
}

}  // namespace

std::vector<std::string> proposal_warnings(const Proposal& proposal, const ProposalRequest& request,
                                           const Law& law) {
  Words warnings;
  warn_of_law(proposal, request, law, warnings);
  warn_of_frame(request, law, warnings);
  warn_of_ranks(proposal, request, warnings);
  warn_of_extrapolation(proposal, law, warnings);
  warn_of_hyper_laws(proposal, request, law, warnings);
  warn_of_head(proposal, warnings);
  warn_of_rounding(proposal, request, law, warnings);
  warn_of_run(proposal, request, warnings);
  warn_of_no_effect(proposal, request, warnings);
  return warnings;
}

}  // namespace isoflop
