// SPDX-License-Identifier: Apache-2.0
// Repeated tokens, and parameters beyond the best size for the unique ones, count for less
// (arXiv:2305.16264, eq. 5 and 6). Once sizes and tokens are those that fresh data would give the
// same loss, the plain sum describes all runs, and what it says of a budget is for fresh data.
#include "fit/forms/repetition.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "fit/forms/surface_formulas.h"

namespace isoflop {
namespace {

constexpr double kRepeats = 1.01;                                   // tokens over unique ones
constexpr double kBetter = 4;                                       // of AICc
constexpr double kExact = std::numeric_limits<double>::infinity();  // where nothing is left over

bool repeats(const Sample& sample) {
  return sample.unique_tokens && sample.tokens > kRepeats * *sample.unique_tokens;
}

/// Parameters as published: (E, A, B, alpha, beta, R_D, R_N).
Sample effective(const Sample& sample, const std::vector<double>& parameters) {
  const double unique = std::min(sample.unique_tokens.value_or(sample.tokens), sample.tokens);
  const Inputs x = {std::log(sample.scale), std::log(sample.tokens), std::log(unique), 0};
  Sample result = sample;
  result.scale = std::exp(DataConstrained::size(x, parameters.data()));
  result.tokens = std::exp(DataConstrained::tokens(x, parameters.data()));
  result.compute *= result.scale * result.tokens / (sample.scale * sample.tokens);
  return result;
}

/// Parameters as published: (E, A, B, alpha, beta, P, delta, kappa).
Sample undamaged(const Sample& sample, const std::vector<double>& parameters) {
  Sample result = sample;
  const double repeats = repeats_of(sample);
  if (repeats <= 0) return result;
  const double damage = parameters[5] * std::pow(repeats, parameters[6]) *
                        std::pow(sample.scale / *sample.unique_tokens, parameters[7]);
  result.metric -= damage;
  for (double& metric : result.by_seed) metric -= damage;
  return result;
}

/// How much lower the AICc is; it is absent where nothing is left over.
double gain_of(const FormFit& plain, const FormFit& form) {
  if (!form.usable() || !plain.aicc) return 0;
  return form.aicc ? *plain.aicc - *form.aicc : kExact;
}

}  // namespace

std::optional<RepeatedData> discount_repeated(std::span<const Sample> samples,
                                              const FormOptions& options) {
  RepeatedData result;
  for (const Sample& sample : samples) result.repetition.n_repeated += repeats(sample) ? 1 : 0;
  if (result.repetition.n_repeated == 0) return std::nullopt;
  const std::vector<std::string> names = {"chinchilla", "data_constrained", "repetition_damage"};
  const std::vector<FormFit> fits = fit_forms(samples, names, options);
  Repetition& repetition = result.repetition;
  repetition.form = fits[1];
  repetition.damage = fits[2];
  repetition.aicc_gain = gain_of(fits[0], fits[1]);
  repetition.damage_aicc_gain = gain_of(fits[0], fits[2]);
  const double further = std::max(repetition.aicc_gain, 0.0);
  repetition.damage_is_used =
      std::isfinite(further) && repetition.damage_aicc_gain >= further + kBetter;
  repetition.is_used = repetition.damage_is_used || repetition.aicc_gain >= kBetter;
  for (const Sample& sample : samples) {
    result.samples.push_back(repetition.damage_is_used ? undamaged(sample, fits[2].values)
                             : repetition.is_used      ? effective(sample, fits[1].values)
                                                       : sample);
  }
  return result;
}

}  // namespace isoflop
