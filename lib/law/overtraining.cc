// SPDX-License-Identifier: Apache-2.0
#include "isoflop/overtraining.h"

#include <cmath>

#include "base/text.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

// A forward pass takes a third of what training takes.
constexpr double kForwardShare = 1.0 / 3;

void require(bool ok, const char* name, const char* allowed, double value) {
  if (ok && std::isfinite(value)) return;
  throw Error(ErrorCode::invalid_argument,
              std::string(name) + " must be finite and " + allowed + ", got " + exact_text(value));
}

double tokens_of_term(const LossLaw& law, double term) {
  return std::pow(law.b / term, 1 / law.beta);
}

/// Where the data's term has `share` of the reducible loss.
LifetimeSplit split_at(const LossLaw& law, double reducible, double share,
                       double inference_tokens) {
  const double size = std::pow(law.a / ((1 - share) * reducible), 1 / law.alpha);
  const double tokens = tokens_of_term(law, share * reducible);
  const double k = law.flops_factor();
  return {.size = size,
          .tokens = tokens,
          .training_compute = k * size * tokens,
          .inference_compute = kForwardShare * k * size * inference_tokens};
}

/// The data's share of the reducible loss at the least total: alpha (1 - s) = beta s (1 + T / (3
/// D(s))), whose left side falls with s and whose right side rises.
double best_share(const LossLaw& law, double reducible, double inference_tokens) {
  const double trained_alone = law.alpha / (law.alpha + law.beta);
  if (inference_tokens == 0) return trained_alone;
  const auto is_below = [&](double log_share) {
    const double share = std::exp(log_share);
    const double use = kForwardShare * inference_tokens / tokens_of_term(law, share * reducible);
    return law.alpha * (1 - share) > law.beta * share * (1 + use);
  };
  double high = std::log(trained_alone);
  double low = high - 1;
  while (!is_below(low)) low -= high - low;
  while (true) {
    const double middle = 0.5 * (low + high);
    if (middle <= low || middle >= high) return std::exp(low);
    (is_below(middle) ? low : high) = middle;
  }
}

InferenceAware allocate(const LossLaw& law, double reducible, double inference_tokens) {
  require(inference_tokens >= 0, "inference_tokens", ">= 0", inference_tokens);
  return {.inference_tokens = inference_tokens,
          .loss = law.irreducible + reducible,
          .best = split_at(law, reducible, best_share(law, reducible, inference_tokens),
                           inference_tokens),
          .compute_optimal =
              split_at(law, reducible, law.alpha / (law.alpha + law.beta), inference_tokens)};
}

/// Of the optimum of `compute`: what is above the irreducible loss, without cancellation.
double reducible_loss(const LossLaw& law, const Optimum& best) {
  return law.a * std::pow(best.size, -law.alpha) + law.b * std::pow(best.tokens, -law.beta);
}

}  // namespace

InferenceAware inference_aware(const LossLaw& law, double compute, double inference_tokens) {
  return allocate(law, reducible_loss(law, optimum_of(law, compute)), inference_tokens);
}

InferenceAware inference_aware_at_loss(const LossLaw& law, double loss, double inference_tokens) {
  (void)optimal_allocation(law);  // refuses a law without an optimum
  const std::string allowed = "> the irreducible " + exact_text(law.irreducible);
  require(loss > law.irreducible, "loss", allowed.c_str(), loss);
  return allocate(law, loss - law.irreducible, inference_tokens);
}

std::optional<SameLoss> tokens_for_same_loss(const LossLaw& law, double size, double compute) {
  require(size > 0, "size", "> 0", size);
  const double term =
      reducible_loss(law, optimum_of(law, compute)) - law.a * std::pow(size, -law.alpha);
  if (!(term > 0)) return std::nullopt;
  const double tokens = tokens_of_term(law, term);
  const double spent = law.flops_factor() * size * tokens;
  return SameLoss{
      .size = size, .tokens = tokens, .compute = spent, .compute_multiple = spent / compute};
}

double effective_tokens(double tokens, double unique_tokens, double repetition_decay) {
  require(tokens > 0, "tokens", "> 0", tokens);
  require(unique_tokens > 0, "unique_tokens", "> 0", unique_tokens);
  require(repetition_decay > 0, "repetition_decay", "> 0", repetition_decay);
  if (tokens <= unique_tokens) return tokens;
  const double repetitions = tokens / unique_tokens - 1;
  return unique_tokens * (1 - repetition_decay * std::expm1(-repetitions / repetition_decay));
}

}  // namespace isoflop
