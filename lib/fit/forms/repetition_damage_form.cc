// SPDX-License-Identifier: Apache-2.0
// R counts passes beyond the first, so that fresh data take no damage. P, delta and kappa are in
// the units of the publication throughout: ln R and ln(N / U) lie near 0 in any sweep.
#include <cmath>

#include "fit/forms/form_rows.h"
#include "fit/forms/surface_formulas.h"
#include "fit/surface/newton.h"

namespace isoflop {
namespace {

constexpr std::int64_t kLeastRepeated = 4;  // runs, for P, delta and kappa
constexpr double kLeastSpread = 0.1;        // of ln R, and of ln(N / U) at like R
constexpr double kLeastGrowth = 1e-2;       // delta
constexpr double kMostGrowth = 5;           // delta, |kappa|

std::vector<ParameterVector> damage_starts(const FormContext& context) {
  std::vector<ParameterVector> starts;
  const double damage = 0.01 * context.mean;
  for (const double delta : {0.5, 1.5}) {
    for (const double kappa : {0.0, 1.0}) {
      for (const ParameterVector& start : sum_starts(context, {damage, delta, kappa})) {
        starts.push_back(start);
      }
    }
  }
  return starts;
}

ParameterVector embed_in_damage(const ParameterVector& sum) {
  return parameters_of({sum[0], sum[1], sum[2], sum[3], sum[4], 0, 1, 0.5});
}

Inputs damage_inputs(const FormContext& context, const Sample& sample) {
  Inputs x = form_inputs(context, sample);
  x[2] = std::log(repeats_of(sample));
  x[3] = sample.unique_tokens ? std::log(sample.scale / *sample.unique_tokens) : 0;
  return x;
}

std::string needs_varied_repeats(const FormContext& context) {
  if (!context.repeats) return "no run saw its unique tokens (column unique_tokens) twice";
  if (context.n_repeated < kLeastRepeated) {
    return "fewer than " + std::to_string(kLeastRepeated) + " runs repeat data";
  }
  if (context.repeats_spread < kLeastSpread) return "all runs repeat their data equally often";
  return context.overload_spread < kLeastSpread
             ? "the sizes of runs that repeat data differ as their repeats do"
             : "";
}

}  // namespace

SurfaceForm repetition_damage_form() {
  return {.name = "repetition_damage",
          .formula =
              "E + A/N^alpha + B/D^beta + P R^delta (N/U)^kappa, R = D/U - 1 passes beyond "
              "the first",
          .source = "arXiv:2605.01640, as quoted",
          .parameters = {"E", "A", "B", "alpha", "beta", "P", "delta", "kappa"},
          .low = {0, 0, 0, kMinExponent, kMinExponent, 0, kLeastGrowth, -kMostGrowth},
          .high = {kMostCoefficient, kMostCoefficient, kMostCoefficient, kMaxExponent, kMaxExponent,
                   kMostCoefficient, kMostGrowth, kMostGrowth},
          .model = model_of<8, RepetitionDamage>,
          .starts = damage_starts,
          .reported = reported_sum,
          .excuse = needs_varied_repeats,
          .inputs = damage_inputs,
          .nested = {.name = "chinchilla", .embed = embed_in_damage},
          .extra = {{.index = 5, .null = 0, .n_idle = 3}}};
}

}  // namespace isoflop
