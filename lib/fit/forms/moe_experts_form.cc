// SPDX-License-Identifier: Apache-2.0
// Exponents as in the other forms: positive alpha and beta lower the loss, where the publication
// has them negative. With n experts and n0 their mean, in logarithms, -alpha u + d (n - n0) - gamma
// u (n - n0) is (d + gamma ln N0) n - (alpha - gamma n0) ln N and a constant.
#include <cmath>

#include "fit/forms/form_rows.h"
#include "fit/forms/surface_formulas.h"
#include "fit/surface/newton.h"

namespace isoflop {
namespace {

constexpr std::int64_t kLeastExpertCounts = 2;
constexpr double kLeastCountSpread = 0.1;  // rms of ln E about a line in ln N and ln D

std::vector<ParameterVector> experts_starts(const FormContext& context) {
  std::vector<ParameterVector> starts;
  for (const double d : {0.0, -0.2}) {
    for (const ParameterVector& start : sum_starts(context, {d, 0, 0, 0})) starts.push_back(start);
  }
  return starts;
}

ParameterVector embed_in_experts(const ParameterVector& sum) {
  return parameters_of({sum[0], sum[1], sum[2], sum[3], sum[4], 0, 0, 0, 0});
}

ParameterVector reported_experts(const FormContext& context, const ParameterVector& p) {
  const double n0 = context.n_experts.log0;
  const double x = context.log_size0, y = context.log_tokens0;
  return parameters_of({p[0], p[1] * std::exp(p[3] * x - p[5] * n0 - p[7] * x * n0),
                        p[2] * std::exp(p[4] * y - p[6] * n0 - p[8] * y * n0), p[3] - p[7] * n0,
                        p[4] - p[8] * n0, p[5] + p[7] * x, p[6] + p[8] * y, p[7], p[8]});
}

Inputs experts_inputs(const FormContext& context, const Sample& sample) {
  Inputs x = form_inputs(context, sample);
  x[2] = std::log(*sample.n_experts) - context.n_experts.log0;
  return x;
}

SplitLoss at_experts(const FormContext& context, const ParameterVector& p, double size,
                     double tokens) {
  const double u = std::log(size) - context.log_size0;
  const double v = std::log(tokens) - context.log_tokens0;
  const double n = context.n_experts.log_target - context.n_experts.log0;
  return {.loss = MoeExperts()({u, v, n, 0}, p.data()),
          .n_experts = std::exp(context.n_experts.log_target)};
}

std::string needs_expert_counts(const FormContext& context) {
  const ExpertsAxis& axis = context.n_experts;
  if (!axis.complete) return "not every run has a number of experts (column n_experts)";
  if (axis.n_distinct < kLeastExpertCounts) return "all runs have one number of experts";
  return axis.spread < kLeastCountSpread ? "the numbers of experts follow from sizes and tokens"
                                         : "";
}

}  // namespace

SurfaceForm moe_experts_form() {
  return {.name = "moe_experts",
          .formula =
              "c + A E^d / N^(alpha + gamma ln E) + B E^w / D^(beta + zeta ln E), E experts, "
              "N active parameters",
          .source = "arXiv:2502.05172, secondary: its form as others quote it",
          .parameters = {"c", "A", "B", "alpha", "beta", "d", "w", "gamma", "zeta"},
          .low = {0, 0, 0, kMinExponent, kMinExponent, -kMaxExponent, -kMaxExponent, -kMaxExponent,
                  -kMaxExponent},
          .high = {kMostCoefficient, kMostCoefficient, kMostCoefficient, kMaxExponent, kMaxExponent,
                   kMaxExponent, kMaxExponent, kMaxExponent, kMaxExponent},
          .model = model_of<9, MoeExperts>,
          .starts = experts_starts,
          .reported = reported_experts,
          .excuse = needs_expert_counts,
          .inputs = experts_inputs,
          .split = at_experts,
          .nested = {.name = "chinchilla", .embed = embed_in_experts},
          .extra = {{.index = 7, .null = 0}, {.index = 8, .null = 0}}};
}

}  // namespace isoflop
