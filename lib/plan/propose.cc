// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>

#include "base/text.h"
#include "isoflop/deadweight.h"
#include "isoflop/error.h"
#include "isoflop/proposal.h"
#include "plan/beyond_chance.h"
#include "plan/proposal_warnings.h"

namespace isoflop {
namespace {

// arXiv:2401.02954, secs. 2.1 and 2.2.
constexpr std::int64_t kDeepSeekSeqLen = 4096;
constexpr std::int64_t kDeepSeekVocabSize = 102400;
constexpr double kLargestLadder = 1e16;  // [FLOPs/token], shape_ladder()'s own limit
constexpr double kLargestBudget = 1e30;
constexpr double kMostSteps = 0x1p40;

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorCode::invalid_argument, what);
}

void require_positive(const char* name, const std::optional<double>& value) {
  if (value && !(*value > 0 && std::isfinite(*value))) {
    refuse(std::string(name) + ": must be finite and > 0, got " + exact_text(*value));
  }
}

void validate(const ProposalRequest& request) {
  require_positive("compute_budget", request.compute_budget.value());
  if (request.compute_budget.value() > kLargestBudget) {
    refuse("compute_budget: must be at most 1e30 FLOPs, got " +
           exact_text(request.compute_budget.value()));
  }
  require_positive("data_tokens", request.data_tokens);
  const double use = request.inference_tokens.value_or(0);
  if (!(use >= 0 && std::isfinite(use))) {
    refuse("inference_tokens: must be finite and >= 0, got " + exact_text(use));
  }
  require_positive("gpu_peak_flops", request.gpu_peak_flops);
  require_positive("mfu", request.mfu);
  if (request.mfu && *request.mfu > 1)
    refuse("mfu: must be at most 1, got " + exact_text(*request.mfu));
  if (request.price_per_gpu_hour && !(*request.price_per_gpu_hour >= 0)) {
    refuse("price_per_gpu_hour: must be >= 0, got " + exact_text(*request.price_per_gpu_hour));
  }
  if (request.n_gpus < 1) refuse("n_gpus: must be >= 1, got " + std::to_string(request.n_gpus));
}

AllocationLaw require_allocation(const Law& law) {
  if (const std::optional<AllocationLaw> allocation = allocation_of(law)) return *allocation;
  const bool exponents = law.allocation && law.allocation->exponents_only;
  refuse("law " + law.id + " cannot split a budget: it has " +
         (exponents ? "the exponents of the allocation without coefficients"
                    : "no allocation law and no loss law"));
}

/// The shape of the ladder whose M, by the law's convention, is nearest to the law's by ratio.
ModelShape nearest_shape(double m_opt, FlopsConvention convention, const LadderOptions& options) {
  if (!(m_opt > 0 && m_opt <= kLargestLadder)) {
    refuse("the law asks for " + rounded_text(m_opt) +
           " FLOPs per token; shapes are known up to 1e16");
  }
  std::vector<ModelShape> ladder;
  const auto m = [&](const ModelShape& shape) {
    return flops_per_token(shape, convention).value();
  };
  // The ladder counts by its own convention; it must reach past m_opt by the law's.
  for (double to = m_opt;; to *= 2) {
    ladder = shape_ladder(FlopsPerToken(std::min(to, kLargestLadder)), options);
    if (m(ladder.back()) >= m_opt || to >= kLargestLadder) break;
  }
  return *std::min_element(ladder.begin(), ladder.end(), [&](const auto& a, const auto& b) {
    return std::abs(std::log(m(a) / m_opt)) < std::abs(std::log(m(b) / m_opt));
  });
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

void ask_hyper_law(Proposal& proposal, const Law& law) {
  const double compute = proposal.compute_budget.value();
  if (law.hyper) {
    proposal.law_batch_tokens = law.hyper->batch_tokens(compute);
    proposal.law_peak_lr = law.hyper->peak_lr(compute);
  } else if (law.hyper_nd) {
    const auto n = static_cast<double>(count_params(proposal.spec.shape).non_embedding());
    const double d = (proposal.compute_budget / proposal.flops_per_token).value();
    proposal.law_batch_tokens = law.hyper_nd->batch_tokens(n, d);
    proposal.law_peak_lr = law.hyper_nd->peak_lr(n, d);
  } else {
    proposal.missing = {"batch_tokens", "peak_lr"};
  }
}

// Spends the budget on whole steps of the rounded batch, and never more than the budget.
void set_steps(Proposal& proposal) {
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
  if (!proposal.law_batch_tokens) {
    proposal.tokens = Tokens(std::floor(affordable) * seq_len);
  } else {
    const double largest = std::floor(std::min(affordable, 1e15));
    proposal.batch_seqs = std::min(round_sequences(*proposal.law_batch_tokens / seq_len),
                                   static_cast<std::int64_t>(largest));
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
  proposal.inference_scale = law.loss->scale;
}

void set_effective_tokens(Proposal& proposal, const ProposalRequest& request) {
  const double tokens = proposal.tokens.value();
  if (!request.data_tokens || tokens <= *request.data_tokens) return;
  proposal.effective_tokens = effective_tokens(tokens, *request.data_tokens);
}

/// Why the law's prediction was not taken, if it was not.
std::optional<std::string> set_prediction(Proposal& proposal, const Law& law) {
  const std::optional<Prediction> prediction = predict(law, proposal.spec.shape, proposal.tokens);
  if (!prediction) return std::nullopt;
  if (auto nonsense = beyond_chance(law, proposal.spec.shape, prediction->value)) return nonsense;
  (law.frame.metric == Metric::bits_per_byte ? proposal.bits_per_byte : proposal.loss_nats) =
      prediction;
  return std::nullopt;
}

void set_cost(Proposal& proposal, const ProposalRequest& request) {
  if (!request.gpu_peak_flops || !request.mfu) return;
  const FlopsPerToken exact = flops_per_token(proposal.spec.shape, FlopsConvention::exact);
  const ComputeRate rate{.gpu_peak_flops = *request.gpu_peak_flops,
                         .mfu = *request.mfu,
                         .price_per_gpu_hour = request.price_per_gpu_hour};
  const double flops = (exact * proposal.tokens).value();
  proposal.gpu_hours = rate.gpu_hours(flops);
  proposal.wall_hours = *proposal.gpu_hours / static_cast<double>(request.n_gpus);
  proposal.price = rate.price(flops);
  if (!std::isfinite(proposal.price.value_or(0)) || !std::isfinite(*proposal.gpu_hours)) {
    refuse("price_per_gpu_hour: what " + rounded_text(flops) +
           " FLOPs cost is beyond what a number can hold; give a smaller price or budget");
  }
}

}  // namespace

Proposal propose(const ProposalRequest& request, const Law& law) {
  validate(request);
  const AllocationLaw allocation = require_allocation(law);
  Proposal proposal;
  proposal.law_id = law.id;
  proposal.compute_budget = request.compute_budget;
  const double compute = request.compute_budget.value();
  proposal.law_flops_per_token = allocation.flops_per_token(compute);
  proposal.law_tokens = allocation.tokens(compute);
  proposal.extrapolation = extrapolation(law, request.compute_budget);

  const LadderOptions ladder{
      .vocab_size = request.vocab_size.value_or(law.vocab_size.value_or(kDeepSeekVocabSize)),
      .seq_len = request.seq_len.value_or(law.seq_len.value_or(kDeepSeekSeqLen))};
  proposal.spec.shape = nearest_shape(*proposal.law_flops_per_token, law.frame.convention, ladder);
  proposal.flops_per_token = flops_per_token(proposal.spec.shape, law.frame.convention);
  ask_hyper_law(proposal, law);
  set_steps(proposal);
  // Four digits, as one would type it.
  if (proposal.law_peak_lr) {
    proposal.spec.peak_lr = parse_double(rounded_text(*proposal.law_peak_lr, 4)).value();
  }
  const std::optional<std::string> nonsense = set_prediction(proposal, law);
  set_inference_aware(proposal, request, law);
  set_effective_tokens(proposal, request);
  set_cost(proposal, request);
  proposal.warnings = proposal_warnings(proposal, request, law);
  if (nonsense) proposal.warnings.push_back("No loss is predicted: " + *nonsense + ".");
  return proposal;
}

}  // namespace isoflop
