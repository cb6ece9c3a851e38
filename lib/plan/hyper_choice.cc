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

constexpr double kMostWeightDecay = 100;

/// A law asked at the proposal's shape and length.
struct Asked {
  double compute, params, tokens;
};

/// C as the law counts it: the budget for the law of the split, for others their M of the proposed
/// shape, times D.
Asked asked_of(const Law& law, const Law& split, const Proposal& proposal) {
  const Tokens tokens = proposal.compute_budget / proposal.flops_per_token;
  const FlopsConvention convention = law.frame.convention;
  const Flops compute =
      &law == &split
          ? proposal.compute_budget
          : flops_per_token(proposal.spec.shape, with_real_matrices(convention)) * tokens;
  return {.compute = compute.value(),
          .params = params_as_counted(convention, proposal.spec.shape),
          .tokens = tokens.value()};
}

bool says_batch(const Law& law) { return law.hyper || law.hyper_nd; }
bool says_rate(const Law& law) { return says_batch(law) || law.peak_lr_at_batch; }

double batch_by(const Law& law, const Asked& at) {
  return law.hyper ? law.hyper->batch_tokens(at.compute)
                   : law.hyper_nd->batch_tokens(at.params, at.tokens);
}

/// Nothing where the law needs a batch and there is none.
std::optional<double> rate_by(const Law& law, const Asked& at, bool at_batch,
                              const std::optional<double>& batch_tokens) {
  if (at_batch && !batch_tokens) return std::nullopt;
  if (at_batch) return (*law.peak_lr_at_batch)(at.params, at.tokens, *batch_tokens);
  return law.hyper ? law.hyper->peak_lr(at.compute) : law.hyper_nd->peak_lr(at.params, at.tokens);
}

void require_hyper_laws(const ProposalRequest& request) {
  for (const Law& law : request.hyper_laws) {
    if (says_rate(law) || law.weight_decay) continue;
    throw Error(ErrorCode::invalid_argument,
                "hyper_law: law " + law.id +
                    " says nothing about batch size, learning rate or weight decay; take one that "
                    "does, such as deepseek-llm-2024, step-law-2025 or power-lines-2025");
  }
}

/// "law x", with its mark where the constants were not read where they were published.
std::string of_law(const Law& law) {
  const bool is_plain = !law.mark || *law.mark == SourceMark::printed;
  return "law " + law.id + (is_plain ? "" : ", " + std::string(to_string(*law.mark)));
}

void set_from(Proposal& proposal, const std::string& part, const std::string& from) {
  proposal.provenance.push_back({part, from});
}

std::string behind(const Law& law) { return "the runs behind law " + law.id; }

DecayingRun decaying_run(const Proposal& proposal, FlopsConvention convention) {
  return {.params = params_as_counted(convention, proposal.spec.shape),
          .tokens = proposal.tokens.value(),
          .batch_tokens = static_cast<double>(proposal.spec.batch_tokens),
          .peak_lr = proposal.spec.peak_lr};
}

/// But for the timescale of the proposal.
WeightDecayAdvice advice_of(const WeightDecayLaw& law, const DecayingRun& run) {
  return {.value = weight_decay_of(law, run),
          .timescale = law.timescale(run.tokens / run.params),
          .tokens_per_param = run.tokens / run.params};
}

bool is_within(const std::optional<Interval>& range, double value) {
  return !range || (value >= range->low && value <= range->high);
}

void take_weight_decay(Proposal& proposal, const Law& law) {
  const DecayingRun run = decaying_run(proposal, law.frame.convention);
  WeightDecayAdvice advice = advice_of(*law.weight_decay, run);
  advice.law_id = law.id;
  advice.in_range = is_within(law.tuned_on.params, run.params) &&
                    is_within(law.tuned_on.tokens_per_param, advice.tokens_per_param) &&
                    is_within(law.tuned_on.weight_decay, advice.value);
  if (!(advice.value > 0 && advice.value <= kMostWeightDecay)) {
    throw Error(ErrorCode::invalid_argument,
                "law " + law.id + ": asks for a weight decay of " + rounded_text(advice.value, 4) +
                    " at this budget, must be > 0 and at most 100; give --weight-decay");
  }
  proposal.spec.weight_decay = round_to_digits(advice.value, 4);
  proposal.law_weight_decay = advice;
  for (Provenance& provenance : proposal.provenance) {
    if (provenance.part == "weight_decay") provenance.from = of_law(law);
  }
}

}  // namespace

void say_whose_sizes(Proposal& proposal, const ProposalRequest& request, const Law& law) {
  const auto state = [&](const char* part, bool was_given, bool was_run) {
    set_from(proposal, part, was_given ? kGiven : (was_run ? behind(law) : kDefault));
  };
  state("vocab_size", request.vocab_size.has_value(), law.vocab_size.has_value());
  state("seq_len", request.seq_len.has_value(), law.seq_len.has_value());
}

double params_as_counted(FlopsConvention convention, const ModelShape& shape) {
  const ParamCounts counts = count_params(shape);
  return static_cast<double>(convention == FlopsConvention::six_n_total ? counts.total()
                                                                        : counts.non_embedding());
}

HyperSources hyper_sources(const ProposalRequest& request, const Law& law) {
  const auto first = [&](const auto& says) -> const Law* {
    for (const Law& hyper_law : request.hyper_laws) {
      if (says(hyper_law)) return &hyper_law;
    }
    return says(law) ? &law : nullptr;
  };
  HyperSources sources;
  sources.batch_tokens = first(says_batch);
  sources.peak_lr = first(says_rate);
  sources.weight_decay = first([](const Law& l) { return l.weight_decay.has_value(); });
  if (const Law* rate = sources.peak_lr) {
    const bool own_batch =
        says_batch(*rate) && !request.batch_tokens && sources.batch_tokens == rate;
    sources.rate_at_batch = rate->peak_lr_at_batch && !own_batch;
  }
  return sources;
}

HyperSources taken_sources(const ProposalRequest& request, const Law& law) {
  HyperSources sources = hyper_sources(request, law);
  if (request.batch_tokens) sources.batch_tokens = nullptr;
  if (request.peak_lr) sources.peak_lr = nullptr;
  if (request.recipe.weight_decay) sources.weight_decay = nullptr;
  return sources;
}

void choose_batch_and_rate(Proposal& proposal, const ProposalRequest& request, const Law& law) {
  require_hyper_laws(request);
  const HyperSources sources = hyper_sources(request, law);
  if (const Law* source = sources.batch_tokens) {
    proposal.law_batch_tokens = batch_by(*source, asked_of(*source, law, proposal));
  }
  const std::optional<double> batch_tokens =
      request.batch_tokens ? std::optional(static_cast<double>(*request.batch_tokens))
                           : proposal.law_batch_tokens;
  if (const Law* source = sources.peak_lr) {
    proposal.law_peak_lr =
        rate_by(*source, asked_of(*source, law, proposal), sources.rate_at_batch, batch_tokens);
  }
  if (batch_tokens) {
    set_from(proposal, "batch_tokens",
             request.batch_tokens ? kGiven : of_law(*sources.batch_tokens));
  } else {
    proposal.missing.emplace_back("batch_tokens");
  }
  if (!request.peak_lr && !proposal.law_peak_lr) {
    proposal.missing.emplace_back("peak_lr");
    return;
  }
  set_from(proposal, "peak_lr",
           request.peak_lr
               ? kGiven
               : of_law(*sources.peak_lr) + (sources.rate_at_batch ? ", at this batch" : ""));
  // Four digits, as one would type it.
  proposal.spec.peak_lr =
      request.peak_lr ? *request.peak_lr : round_to_digits(*proposal.law_peak_lr, 4);
  if (!(proposal.spec.peak_lr >= kLeastRate && proposal.spec.peak_lr <= kMostRate)) {
    throw Error(ErrorCode::invalid_argument,
                "law " + (sources.peak_lr ? sources.peak_lr->id : law.id) +
                    ": asks for a peak learning rate of " + rounded_text(proposal.spec.peak_lr, 4) +
                    " at this budget, must be from 1e-12 to 100; give --peak-lr or --hyper-law");
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

void choose_weight_decay(Proposal& proposal, const ProposalRequest& request, const Law& law) {
  const Law* const source = taken_sources(request, law).weight_decay;
  const RunSpec& spec = proposal.spec;
  if (!proposal.trainable() || spec.n_steps < 1) {
    if (!source || source == &law) return;
    throw Error(
        ErrorCode::invalid_argument,
        "hyper_law: law " + source->id +
            " gives the weight decay of a batch size and a learning rate, and nobody says " +
            join(proposal.missing, " and ") +
            "; add a hyper_law that does, or batch_tokens and peak_lr");
  }
  if (source) take_weight_decay(proposal, *source);
  const DecayingRun run = decaying_run(proposal, FlopsConvention::six_n1_actual);
  WeightDecayAdvice advice = advice_of(power_lines_law(), run);
  advice.law_id = "power-lines-2025";
  advice.in_range = run.params >= kPowerLinesFrom && run.params <= kPowerLinesTo;
  proposal.power_lines = advice;
  if (!(spec.weight_decay > 0)) return;
  proposal.power_lines->proposed_timescale = adamw_timescale(run, spec.weight_decay);
  if (proposal.law_weight_decay) {
    proposal.law_weight_decay->proposed_timescale = adamw_timescale(run, spec.weight_decay);
  }
}

}  // namespace isoflop
