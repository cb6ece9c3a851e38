// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "fit/forms/form_rows.h"
#include "fit/forms/surface_formulas.h"
#include "fit/surface/newton.h"

namespace isoflop {
namespace {

constexpr double kLeastPower = 0.05;
constexpr double kMostPower = 10;
constexpr double kLeastShare = 1e-9;  // of a term

std::vector<ParameterVector> skaling_starts(const FormContext& context) {
  std::vector<ParameterVector> starts;
  for (const double k : {0.4, 0.7, 1.0}) {
    for (const ParameterVector& sum : sum_starts(context)) {
      starts.push_back(parameters_of({sum[0], sum[1] + sum[2], 0.5, sum[3], sum[4], k}));
    }
  }
  return starts;
}

ParameterVector embed_in_skaling(const ParameterVector& sum) {
  const double total = sum[1] + sum[2];
  return parameters_of({sum[0], total, total > 0 ? sum[1] / total : 0.5, sum[3], sum[4], 1});
}

// T s^k e^(-p u) = (A / N^alpha)^k with alpha = p / k, so A = T^(1/k) s e^(alpha ln N0).
ParameterVector reported_skaling(const FormContext& context, const ParameterVector& p) {
  const double alpha = p[3] / p[5];
  const double beta = p[4] / p[5];
  const double log_total = std::log(p[1]) / p[5];
  return parameters_of({p[0], p[2] * std::exp(log_total + alpha * context.log_size0),
                        (1 - p[2]) * std::exp(log_total + beta * context.log_tokens0), alpha, beta,
                        p[5]});
}

}  // namespace

SurfaceForm skaling_form() {
  return {.name = "skaling",
          .formula = "E + (A/N^alpha + B/D^beta)^k",
          .source = "arXiv:2608.07222, as quoted",
          .parameters = {"E", "A", "B", "alpha", "beta", "k"},
          .low = {0, 0, kLeastShare, kMinExponent, kMinExponent, kLeastPower},
          .high = {kMostCoefficient, kMostCoefficient, 1 - kLeastShare, kMaxExponent, kMaxExponent,
                   kMostPower},
          .model = model_of<6, Skaling>,
          .starts = skaling_starts,
          .reported = reported_skaling,
          .excuse = no_excuse,
          .nested = {.name = "chinchilla", .embed = embed_in_skaling},
          .extra = {{.index = 5, .null = 1}}};
}

}  // namespace isoflop
