// SPDX-License-Identifier: Apache-2.0
#include "fit/forms/form_target.h"

#include <cmath>

#include "stats/golden_section.h"

namespace isoflop {
namespace {

/// The minimum over the split of one budget.
struct BestSplit {
  double log_size = 0;
  SplitLoss at = {};
  bool inside = false;
};

SplitLoss split_loss(const FormSetup& setup, const ParameterVector& theta, double size,
                     double tokens) {
  if (setup.form().split != nullptr) {
    return setup.form().split(setup.context(), theta, size, tokens);
  }
  Sample fresh;
  fresh.scale = size;
  fresh.tokens = tokens;
  return {.loss = setup.predict(theta, fresh), .batch_tokens = std::nullopt};
}

BestSplit best_split(const FormSetup& setup, const ParameterVector& theta, double compute) {
  const double log_product = std::log(compute / setup.context().flops_factor);
  const auto at = [&](double log_size) {
    return split_loss(setup, theta, std::exp(log_size), std::exp(log_product - log_size));
  };
  const auto loss = [&](double log_size) { return at(log_size).loss; };
  constexpr int kCells = 400;
  const double low = std::log(1e3);
  const double width = (log_product - 2 * low) / kCells;
  if (width <= 0) return {};
  // The lowest that rises to both sides: a form may fall without end far outside its points.
  int best = 0;
  for (int i = 1; i < kCells; ++i) {
    const double here = loss(low + i * width);
    if (!(here < loss(low + (i - 1) * width)) || !(here <= loss(low + (i + 1) * width))) continue;
    if (best == 0 || here < loss(low + best * width)) best = i;
  }
  if (best == 0) return {};
  const double split =
      golden_section(low + (best - 1) * width, low + (best + 1) * width, 1e-7, loss);
  return {split, at(split), true};
}

}  // namespace

std::optional<FormTarget> form_target(const FormSetup& setup, const ParameterVector& theta,
                                      double compute) {
  constexpr double kStep = 0.5;  // in ln C
  const BestSplit here = best_split(setup, theta, compute);
  const BestSplit below = best_split(setup, theta, compute * std::exp(-kStep));
  const BestSplit above = best_split(setup, theta, compute * std::exp(kStep));
  if (!here.inside || !below.inside || !above.inside) return std::nullopt;
  FormTarget target;
  target.compute = compute;
  target.scale_opt = std::exp(here.log_size);
  target.loss = here.at.loss;
  target.batch_tokens = here.at.batch_tokens;
  target.n_experts = here.at.n_experts;
  target.granularity = here.at.granularity;
  target.tokens_opt = compute / setup.context().flops_factor / target.scale_opt;
  target.scale_exponent = (above.log_size - below.log_size) / (2 * kStep);
  target.tokens_exponent = 1 - target.scale_exponent;
  return target;
}

}  // namespace isoflop
