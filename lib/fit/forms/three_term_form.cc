// SPDX-License-Identifier: Apache-2.0
// With K = D / M steps of M tokens, B / M^b + C / K^g is lowest where b B M^-b = g C K^-g: M^(b +
// g) = b B / (g C) D^g. What the form says of a budget is at that batch.
#include <cmath>

#include "fit/forms/form_rows.h"
#include "fit/forms/surface_formulas.h"
#include "fit/surface/newton.h"

namespace isoflop {
namespace {

// Rms, in ln: below it a batch is what size and tokens made of it.
constexpr double kLeastBatchSpread = 0.1;

std::vector<ParameterVector> three_term_starts(const FormContext& context) {
  std::vector<ParameterVector> starts;
  const double e = 0.6 * context.lowest;
  const double term = (context.mean - e) / 3;
  for (const double a : {0.15, 0.35, 0.9}) {
    for (const double b : {0.15, 0.35, 0.9}) {
      for (const double g : {0.15, 0.35, 0.9}) {
        starts.push_back(parameters_of({e, term, term, term, a, b, g}));
      }
    }
  }
  return starts;
}

ParameterVector reported_three_term(const FormContext& context, const ParameterVector& p) {
  ParameterVector raw = p;
  raw[1] *= std::exp(p[4] * context.log_size0);
  raw[2] *= std::exp(p[5] * context.log_batch0);
  raw[3] *= std::exp(p[6] * (context.log_tokens0 - context.log_batch0));
  return raw;
}

Inputs three_term_inputs(const FormContext& context, const Sample& sample) {
  Inputs x = form_inputs(context, sample);
  x[3] = std::log(*sample.batch_tokens) - context.log_batch0;
  return x;
}

SplitLoss at_best_batch(const FormContext& context, const ParameterVector& p, double size,
                        double tokens) {
  const double u = std::log(size) - context.log_size0;
  const double v = std::log(tokens) - context.log_tokens0;
  const double m = (std::log(p[5] * p[2] / (p[6] * p[3])) + p[6] * v) / (p[5] + p[6]);
  // Without a term in M or in K the best batch is at an end of what is possible.
  if (!std::isfinite(m)) return {std::nan(""), std::nullopt};
  return {ThreeTerm()({u, v, 0, m}, p.data()), std::exp(m + context.log_batch0)};
}

std::string needs_batches(const FormContext& context) {
  if (!context.has_batches) return "not every run has a batch size (column batch_tokens)";
  return context.batch_spread >= kLeastBatchSpread
             ? ""
             : "the batch sizes follow from sizes and tokens: no run differs from another in the "
               "batch alone";
}

}  // namespace

SurfaceForm three_term_form() {
  return {.name = "three_term",
          .formula = "E + A/N^a + B/M^b + C/K^g, M tokens a batch, K = D/M steps",
          .source = "arXiv:2607.01487, as quoted",
          .parameters = {"E", "A", "B", "C", "a", "b", "g"},
          .low = {0, 0, 0, 0, kMinExponent, kMinExponent, kMinExponent},
          .high = {kMostCoefficient, kMostCoefficient, kMostCoefficient, kMostCoefficient,
                   kMaxExponent, kMaxExponent, kMaxExponent},
          .model = model_of<7, ThreeTerm>,
          .starts = three_term_starts,
          .reported = reported_three_term,
          .excuse = needs_batches,
          .inputs = three_term_inputs,
          .split = at_best_batch,
          .of_batches = true,
          .extra = {{.index = 2, .null = 0, .n_idle = 2}, {.index = 3, .null = 0, .n_idle = 2}}};
}

}  // namespace isoflop
