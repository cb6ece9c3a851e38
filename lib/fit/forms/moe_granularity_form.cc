// SPDX-License-Identifier: Apache-2.0
// N are the active parameters. At the centre the size's term is A whatever s and gamma are.
#include <cmath>

#include "fit/forms/form_rows.h"
#include "fit/forms/surface_formulas.h"
#include "fit/surface/newton.h"

namespace isoflop {
namespace {

// A term with a floor of its own and an exponent has three numbers.
constexpr std::int64_t kLeastGranularities = 3;
constexpr double kLeastExpertsSpread = 0.1;  // rms of ln G about a line in ln N and ln D
constexpr double kLeastGamma = 0.05, kMostGamma = 5;

std::vector<ParameterVector> granularity_starts(const FormContext& context) {
  std::vector<ParameterVector> starts;
  for (const double share : {0.1, 0.5}) {
    for (const double gamma : {0.4, 1.2}) {
      for (const ParameterVector& sum : sum_starts(context)) {
        starts.push_back(parameters_of({sum[0], sum[1], share, sum[2], gamma, sum[3], sum[4]}));
      }
    }
  }
  return starts;
}

ParameterVector embed_in_granularity(const ParameterVector& sum) {
  return parameters_of({sum[0], sum[1], 0, sum[2], 0.5, sum[3], sum[4]});
}

// A (1 - s) is the part that no granularity lowers, A s e^(gamma ln G0) that of G = 1.
ParameterVector reported_granularity(const FormContext& context, const ParameterVector& p) {
  const double of_size = p[1] * std::exp(p[5] * context.log_size0);
  return parameters_of({p[0], of_size * (1 - p[2]),
                        of_size * p[2] * std::exp(p[4] * context.granularity.log0),
                        p[3] * std::exp(p[6] * context.log_tokens0), p[4], p[5], p[6]});
}

Inputs granularity_inputs(const FormContext& context, const Sample& sample) {
  Inputs x = form_inputs(context, sample);
  x[2] = std::log(*sample.granularity) - context.granularity.log0;
  return x;
}

SplitLoss at_granularity(const FormContext& context, const ParameterVector& p, double size,
                         double tokens) {
  const double u = std::log(size) - context.log_size0;
  const double v = std::log(tokens) - context.log_tokens0;
  const double g = context.granularity.log_target - context.granularity.log0;
  return {.loss = MoeGranularity()({u, v, g, 0}, p.data()),
          .granularity = std::exp(context.granularity.log_target)};
}

std::string needs_granularities(const FormContext& context) {
  const ExpertsAxis& axis = context.granularity;
  if (!axis.complete) return "not every run has a granularity (column granularity)";
  if (axis.n_distinct < kLeastGranularities) {
    return "fewer than " + std::to_string(kLeastGranularities) + " granularities";
  }
  return axis.spread < kLeastExpertsSpread ? "the granularities follow from sizes and tokens" : "";
}

}  // namespace

SurfaceForm moe_granularity_form() {
  return {.name = "moe_granularity",
          .formula = "E + (a + g/G^gamma)/N^alpha + B/D^beta, N active parameters, G granularity",
          .source = "arXiv:2402.07871, secondary: its form as others quote it",
          .parameters = {"E", "a", "g", "B", "gamma", "alpha", "beta"},
          .low = {0, 0, 0, 0, kLeastGamma, kMinExponent, kMinExponent},
          .high = {kMostCoefficient, kMostCoefficient, 1, kMostCoefficient, kMostGamma,
                   kMaxExponent, kMaxExponent},
          .model = model_of<7, MoeGranularity>,
          .starts = granularity_starts,
          .reported = reported_granularity,
          .excuse = needs_granularities,
          .inputs = granularity_inputs,
          .split = at_granularity,
          .nested = {.name = "chinchilla", .embed = embed_in_granularity},
          .extra = {{.index = 2, .null = 0}}};
}

}  // namespace isoflop
