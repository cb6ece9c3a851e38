// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>

#include "base/text.h"
#include "isoflop/deadweight.h"
#include "isoflop/error.h"
#include "isoflop/proposal.h"
#include "plan/beyond_chance.h"
#include "plan/hyper_choice.h"
#include "plan/proposal_remarks.h"
#include "plan/proposal_warnings.h"
#include "plan/reliability.h"

namespace isoflop {
namespace {

// arXiv:2401.02954, secs. 2.1 and 2.2.
constexpr std::int64_t kDeepSeekSeqLen = 4096;
constexpr std::int64_t kDeepSeekVocabSize = 102400;
constexpr double kLargestShape = 1e16;  // [FLOPs/token], shape_near()'s own limit
constexpr double kMostTokens = 1e30;
constexpr double kLargestBudget = 1e30;
constexpr std::int64_t kMostBatchTokens = std::int64_t{1} << 50;

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorCode::invalid_argument, what);
}

void require_positive(const char* name, const std::optional<double>& value) {
  if (value && !(*value > 0 && std::isfinite(*value))) {
    refuse(std::string(name) + ": must be finite and > 0, got " + exact_text(*value));
  }
}

void require_size(const char* name, const std::optional<std::int64_t>& value, std::int64_t least) {
  constexpr std::int64_t kMost = std::int64_t{1} << 31;
  if (!value || (*value >= least && *value <= kMost)) return;
  refuse(std::string(name) + ": must be from " + std::to_string(least) + " to 2^31, got " +
         std::to_string(*value));
}

void validate_request(const ProposalRequest& request) {
  require_positive("compute_budget", request.compute_budget.value());
  if (request.compute_budget.value() > kLargestBudget) {
    refuse("compute_budget: must be at most 1e30 FLOPs, got " +
           exact_text(request.compute_budget.value()));
  }
  require_size("seq_len", request.seq_len, 1);
  require_size("vocab_size", request.vocab_size, 2);
  if (const auto& tokens = request.data_tokens;
      tokens && !(*tokens >= 1 && std::isfinite(*tokens))) {
    refuse("data_tokens: must be finite and >= 1, got " + exact_text(*tokens));
  }
  const double use = request.inference_tokens.value_or(0);
  if (!(use >= 0 && use <= kMostTokens)) {
    refuse("inference_tokens: must be from 0 to 1e30, got " + exact_text(use));
  }
  require_positive("gpu_peak_flops", request.gpu_peak_flops);
  require_positive("mfu", request.mfu);
  if (request.mfu && *request.mfu > 1)
    refuse("mfu: must be at most 1, got " + exact_text(*request.mfu));
  if (request.price_per_gpu_hour && !(*request.price_per_gpu_hour >= 0)) {
    refuse("price_per_gpu_hour: must be >= 0, got " + exact_text(*request.price_per_gpu_hour));
  }
  if (request.n_gpus.value_or(1) < 1) {
    refuse("n_gpus: must be >= 1, got " + std::to_string(*request.n_gpus));
  }
  require_positive("peak_lr", request.peak_lr);
  validate(request.shape);
}

std::int64_t seq_len_of(const ProposalRequest& request, const Law& law) {
  return request.seq_len.value_or(law.seq_len.value_or(kDeepSeekSeqLen));
}

std::int64_t vocab_size_of(const ProposalRequest& request, const Law& law) {
  return request.vocab_size.value_or(law.vocab_size.value_or(kDeepSeekVocabSize));
}

void validate_batch(const ProposalRequest& request, std::int64_t seq_len) {
  if (!request.batch_tokens) return;
  const std::int64_t batch = *request.batch_tokens;
  if (batch >= 1 && batch <= kMostBatchTokens && seq_len > 0 && batch % seq_len == 0) return;
  refuse("batch_tokens: must be a multiple of the sequence length " + std::to_string(seq_len) +
         ", at most 2^50, got " + std::to_string(batch));
}

AllocationLaw require_allocation(const Law& law) {
  if (const std::optional<AllocationLaw> allocation = allocation_of(law)) return *allocation;
  const bool exponents = law.allocation && law.allocation->exponents_only;
  refuse("law " + law.id + " cannot split a budget: it has " +
         (exponents ? "the exponents of the allocation without coefficients"
                    : "no allocation law and no loss law"));
}

/// Whole sequences near `seqs`, from 16 on in steps of 1/16 to 1/32 of it: batches have to be
/// divided among devices and accumulation steps. 2252 becomes 2304, DeepSeek's own choice at 7B.
std::int64_t round_sequences(double seqs) {
  const std::int64_t nearest = std::max<std::int64_t>(1, std::llround(seqs));
  if (nearest < 16) return nearest;
  const std::int64_t step =
      static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(nearest))) / 16;
  return std::max<std::int64_t>(1, std::llround(seqs / static_cast<double>(step))) * step;
}

/// Of a batch, as given or by the law; nothing where neither says it. `affordable`: sequences that
/// the budget pays for.
std::optional<std::int64_t> batch_sequences(const Proposal& proposal,
                                            const ProposalRequest& request, double affordable) {
  const std::int64_t seq_len = proposal.spec.shape.seq_len;
  if (const auto given = request.batch_tokens) {
    const std::int64_t seqs = *given / seq_len;
    if (static_cast<double>(seqs) <= affordable) return seqs;
    refuse("batch_tokens: the budget pays for " +
           rounded_text(std::floor(affordable) * static_cast<double>(seq_len)) +
           " tokens, fewer than one batch of " + std::to_string(*given));
  }
  if (!proposal.law_batch_tokens) return std::nullopt;
  const double largest = std::floor(std::min(affordable, 1e15));
  const double seqs = *proposal.law_batch_tokens / static_cast<double>(seq_len);
  return std::min(round_sequences(std::min(seqs, 1e15)), static_cast<std::int64_t>(largest));
}

// Spends the budget on whole steps of the rounded batch, and never more than the budget.
void set_steps(Proposal& proposal, const ProposalRequest& request) {
  RunSpec& spec = proposal.spec;
  const double seq_len = static_cast<double>(spec.shape.seq_len);
  const double affordable = (proposal.compute_budget / proposal.flops_per_token).value() / seq_len;
  if (affordable < 1) {
    const double least = proposal.flops_per_token.value() * seq_len;
    refuse("compute_budget: " + rounded_text(proposal.compute_budget.value()) +
           " FLOPs do not pay for one sequence of " + std::to_string(spec.shape.seq_len) +
           " tokens in " + short_name(spec.shape) + "; that takes " + rounded_text(least) +
           ", less with a shorter seq_len");
  }
  const std::optional<std::int64_t> seqs = batch_sequences(proposal, request, affordable);
  if (!seqs) {
    proposal.tokens = Tokens(std::floor(affordable) * seq_len);
  } else {
    proposal.batch_seqs = *seqs;
    spec.batch_tokens = proposal.batch_seqs * spec.shape.seq_len;
    spec.n_steps = static_cast<std::int64_t>(affordable / static_cast<double>(proposal.batch_seqs));
    while (proposal.flops_per_token * spec.tokens() > proposal.compute_budget) --spec.n_steps;
    spec.warmup_steps = default_warmup_steps(spec.n_steps);
    proposal.tokens = spec.tokens();
  }
  proposal.compute = proposal.flops_per_token * proposal.tokens;
}

// Off the best split only a surface tells the loss.
void set_inference_aware(Proposal& proposal, const ProposalRequest& request, const Law& law) {
  if (!request.inference_tokens) return;
  if (!law.loss || !has_optimum(*law.loss)) {
    refuse("inference_tokens: law " + law.id +
           " has no loss surface with an optimum; take one that has, such as epoch-2024");
  }
  proposal.inference_aware =
      inference_aware(*law.loss, request.compute_budget.value(), *request.inference_tokens);
  const double most = std::max(proposal.inference_aware->best.tokens,
                               proposal.inference_aware->compute_optimal.tokens);
  if (request.data_tokens && most > *request.data_tokens) {
    refuse("inference_tokens: its splits train on up to " + rounded_text(most) +
           " tokens, all of them fresh, and data_tokens are " + exact_text(*request.data_tokens) +
           "; leave one of them out");
  }
  proposal.inference_scale = law.loss->scale;
}

void set_epochs(Proposal& proposal, const ProposalRequest& request) {
  if (!request.data_tokens) return;
  const double tokens = proposal.tokens.value();
  proposal.epochs = tokens / *request.data_tokens;
  if (tokens > *request.data_tokens) {
    proposal.effective_tokens = effective_tokens(tokens, *request.data_tokens);
  }
}

/// Why the law's prediction was not taken, if it was not.
std::optional<std::string> set_prediction(Proposal& proposal, const ProposalRequest& request,
                                          const Law& law) {
  const std::optional<Prediction> prediction =
      predict(law, proposal.spec.shape, proposal.tokens, request.data_tokens);
  if (!prediction) return std::nullopt;
  if (auto nonsense = beyond_chance(law, proposal.spec.shape, prediction->value)) return nonsense;
  (law.frame.metric == Metric::bits_per_byte ? proposal.bits_per_byte : proposal.loss_nats) =
      prediction;
  return std::nullopt;
}

void set_cost(Proposal& proposal, const ProposalRequest& request) {
  if (!request.gpu_peak_flops) return;
  const FlopsPerToken exact = flops_per_token(proposal.spec.shape, FlopsConvention::exact);
  proposal.n_gpus = request.n_gpus.value_or(1);
  proposal.mfu = request.mfu.value_or(kUsualMfu);
  proposal.mfu_assumed = !request.mfu;
  const ComputeRate rate{.gpu_peak_flops = *request.gpu_peak_flops,
                         .mfu = *proposal.mfu,
                         .price_per_gpu_hour = request.price_per_gpu_hour};
  proposal.exact_compute = exact * proposal.tokens;
  const double flops = proposal.exact_compute->value();
  proposal.gpu_hours = rate.gpu_hours(flops);
  proposal.wall_hours = *proposal.gpu_hours / static_cast<double>(proposal.n_gpus);
  proposal.price = rate.price(flops);
  if (!std::isfinite(proposal.price.value_or(0)) || !std::isfinite(*proposal.gpu_hours)) {
    refuse("price_per_gpu_hour: what " + rounded_text(flops) +
           " FLOPs cost is beyond what a number can hold; give a smaller price or budget");
  }
}

void set_shape(Proposal& proposal, const ProposalRequest& request, const Law& law) {
  const double m = asked_size(proposal);
  if (!(m > 0 && m <= kLargestShape)) {
    refuse("law " + law.id + ": asks for " + rounded_text(m) + " FLOPs per token at " +
           rounded_text(proposal.compute_budget.value()) + " FLOPs, must be > 0 and at most 1e16");
  }
  const LadderOptions sizes{.vocab_size = vocab_size_of(request, law),
                            .seq_len = seq_len_of(request, law)};
  proposal.convention = with_real_matrices(law.frame.convention);
  proposal.spec.shape = shape_near(FlopsPerToken(m), proposal.convention, sizes, request.shape);
  proposal.flops_per_token = flops_per_token(proposal.spec.shape, proposal.convention);
}

}  // namespace

Proposal propose(const ProposalRequest& request, const Law& law) {
  validate_request(request);
  validate_batch(request, seq_len_of(request, law));
  const AllocationLaw allocation = require_allocation(law);
  Proposal proposal;
  proposal.law_id = law.id;
  proposal.compute_budget = request.compute_budget;
  const double compute = request.compute_budget.value();
  proposal.law_flops_per_token = allocation.flops_per_token(compute);
  proposal.law_tokens = allocation.tokens(compute);
  proposal.extrapolation = extrapolation(law, request.compute_budget);
  if (law.evidence) {
    proposal.forecast_flops_per_token =
        *proposal.law_flops_per_token *
        intervals_at(*law.evidence, proposal.extrapolation).size_median;
  }
  proposal.reliability = reliability_of(law, proposal);

  proposal.dataset = request.dataset;
  set_shape(proposal, request, law);
  say_whose_sizes(proposal, request, law);
  choose_batch_and_rate(proposal, request, law);
  choose_recipe(proposal, request, law);
  set_steps(proposal, request);
  choose_weight_decay(proposal, request, law);
  const std::optional<std::string> nonsense = set_prediction(proposal, request, law);
  set_inference_aware(proposal, request, law);
  set_epochs(proposal, request);
  set_cost(proposal, request);
  proposal.warnings = proposal_warnings(proposal, request, law);
  proposal.remarks = proposal_remarks(proposal, request, law);
  if (nonsense) proposal.warnings.push_back("No loss is predicted: " + *nonsense + ".");
  return proposal;
}

}  // namespace isoflop
