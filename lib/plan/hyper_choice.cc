// SPDX-License-Identifier: Apache-2.0
#include "plan/hyper_choice.h"

#include "base/text.h"
#include "isoflop/error.h"
#include "isoflop/weight_decay.h"
#include "plan/rounding.h"

namespace isoflop {
namespace {

constexpr char kGiven[] = "given";
constexpr char kDefault[] = "default of DeepSeek LLM, arXiv:2401.02954";
constexpr double kLeastRate = 1e-12, kMostRate = 100;  // of a peak learning rate

void ask_law(Proposal& proposal, const Law& law, double compute) {
  if (law.hyper) {
    proposal.law_batch_tokens = law.hyper->batch_tokens(compute);
    proposal.law_peak_lr = law.hyper->peak_lr(compute);
  } else if (law.hyper_nd) {
    const auto n = static_cast<double>(count_params(proposal.spec.shape).non_embedding());
    const double d = (proposal.compute_budget / proposal.flops_per_token).value();
    proposal.law_batch_tokens = law.hyper_nd->batch_tokens(n, d);
    proposal.law_peak_lr = law.hyper_nd->peak_lr(n, d);
  }
}

/// C as the other law counts it: its M of the proposed shape, times D.
double compute_by(const Law& law, const Proposal& proposal) {
  const FlopsPerToken m =
      flops_per_token(proposal.spec.shape, with_real_matrices(law.frame.convention));
  return (m * (proposal.compute_budget / proposal.flops_per_token)).value();
}

void ask_hyper_law(Proposal& proposal, const Law& law) {
  if (!law.hyper && !law.hyper_nd) {
    throw Error(ErrorCode::invalid_argument,
                "hyper_law: law " + law.id +
                    " says nothing about batch size and learning rate; take one that does, such as "
                    "deepseek-llm-2024 or step-law-2025");
  }
  ask_law(proposal, law, compute_by(law, proposal));
}

void set_from(Proposal& proposal, const std::string& part, const std::string& from) {
  proposal.provenance.push_back({part, from});
}

std::string behind(const Law& law) { return "the runs behind law " + law.id; }

}  // namespace

void say_whose_sizes(Proposal& proposal, const ProposalRequest& request, const Law& law) {
  const auto state = [&](const char* part, bool was_given, bool was_run) {
    set_from(proposal, part, was_given ? kGiven : (was_run ? behind(law) : kDefault));
  };
  state("vocab_size", request.vocab_size.has_value(), law.vocab_size.has_value());
  state("seq_len", request.seq_len.has_value(), law.seq_len.has_value());
}

void choose_batch_and_rate(Proposal& proposal, const ProposalRequest& request, const Law& law) {
  std::string from = "law " + law.id;
  if (request.hyper_law) {
    ask_hyper_law(proposal, *request.hyper_law);
    from = "law " + request.hyper_law->id;
  } else {
    ask_law(proposal, law, proposal.compute_budget.value());
  }
  if (request.batch_tokens || proposal.law_batch_tokens) {
    set_from(proposal, "batch_tokens", request.batch_tokens ? kGiven : from);
  } else {
    proposal.missing.emplace_back("batch_tokens");
  }
  if (request.peak_lr || proposal.law_peak_lr) {
    set_from(proposal, "peak_lr", request.peak_lr ? kGiven : from);
    // Four digits, as one would type it.
    proposal.spec.peak_lr =
        request.peak_lr ? *request.peak_lr : round_to_digits(*proposal.law_peak_lr, 4);
    if (!(proposal.spec.peak_lr >= kLeastRate && proposal.spec.peak_lr <= kMostRate)) {
      throw Error(ErrorCode::invalid_argument,
                  "law " + law.id + ": asks for a peak learning rate of " +
                      rounded_text(proposal.spec.peak_lr, 4) +
                      " at this budget, must be from 1e-12 to 100; give --peak-lr or --hyper-law");
    }
  } else {
    proposal.missing.emplace_back("peak_lr");
  }
}

void choose_recipe(Proposal& proposal, const ProposalRequest& request, const Law& law) {
  const TrainingRecipe& given = request.recipe;
  const TrainingRecipe& runs = law.recipe;
  apply(first_of(given, runs), proposal.spec);
  const auto state = [&](const char* part, bool was_given, bool was_run) {
    set_from(proposal, part, was_given ? kGiven : (was_run ? behind(law) : kDefault));
  };
  state("weight_decay", given.weight_decay.has_value(), runs.weight_decay.has_value());
  state("schedule", given.schedule.has_value(), runs.schedule.has_value());
  state("adam_beta1", given.adam_beta1.has_value(), runs.adam_beta1.has_value());
  state("adam_beta2", given.adam_beta2.has_value(), runs.adam_beta2.has_value());
  state("adam_epsilon", given.adam_epsilon.has_value(), runs.adam_epsilon.has_value());
  state("grad_clip", given.grad_clip.has_value(), runs.grad_clip.has_value());
  state("init_std", given.init_std.has_value(), runs.init_std.has_value());
  if (proposal.spec.parametrisation != Parametrisation::standard) {
    state("parametrisation", given.parametrisation.has_value(), runs.parametrisation.has_value());
  }
}

void advise_weight_decay(Proposal& proposal) {
  const RunSpec& spec = proposal.spec;
  if (!proposal.trainable() || spec.n_steps < 1) return;
  const DecayingRun run{.params = static_cast<double>(count_params(spec.shape).non_embedding()),
                        .tokens = proposal.tokens.value(),
                        .batch_tokens = static_cast<double>(spec.batch_tokens),
                        .peak_lr = spec.peak_lr};
  WeightDecayAdvice advice;
  advice.tokens_per_param = run.tokens / run.params;
  advice.timescale = power_lines_timescale(advice.tokens_per_param);
  advice.value = power_lines_weight_decay(run);
  if (spec.weight_decay > 0) advice.proposed_timescale = adamw_timescale(run, spec.weight_decay);
  advice.in_range = run.params >= kPowerLinesFrom && run.params <= kPowerLinesTo;
  proposal.weight_decay = advice;
}

}  // namespace isoflop
