// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "isoflop/deadweight.h"
#include "isoflop/extrapolation.h"
#include "isoflop/overtraining.h"
#include "isoflop/proposal.h"

namespace isoflop {
namespace {

/// In the unit of the law's surface. N of a law that counts compute otherwise than by 6 N is that
/// of our own runs: without embeddings.
double surface_size(const Law& law, const ModelShape& shape, FlopsPerToken m) {
  const bool by_compute = law.loss->scale == LossLaw::Scale::flops_per_token;
  if (by_compute || is_six_n(law.frame.convention)) return m.value() / law.loss->flops_factor();
  return static_cast<double>(count_params(shape).non_embedding());
}

LawIntervals forecast_over_law(const Law& law, double ratio) {
  return law.evidence ? intervals_at(*law.evidence, ratio) : LawIntervals{};
}

/// Of the optimum: of the forecast's median where the law keeps one, else of its surface's.
double off_forecast(const Law& law, FlopsPerToken m, Flops compute, double off_surface) {
  const std::optional<AllocationLaw> allocation = allocation_of(law);
  if (!law.evidence || !allocation) return off_surface;
  const double median = intervals_at(*law.evidence, extrapolation(law, compute)).size_median;
  return m.value() / (allocation->flops_per_token(compute.value()) * median);
}

}  // namespace

double extrapolation(const Law& law, Flops compute) {
  return law.fitted_to ? std::max(1.0, budget_ratio(compute.value(), law.fitted_to->value())) : 1;
}

std::optional<Prediction> predict(const Law& law, const ModelShape& shape, Tokens tokens,
                                  std::optional<double> unique_tokens) {
  const FlopsPerToken m = flops_per_token(shape, with_real_matrices(law.frame.convention));
  const Flops compute = m * tokens;
  const Tokens worth(unique_tokens ? effective_tokens(tokens.value(), *unique_tokens)
                                   : tokens.value());
  const double ratio = extrapolation(law, compute);
  double error = loss_error_at(std::nullopt, ratio);
  double loss = 0;
  if (law.frontier) {
    loss = (*law.frontier)(law.loss ? compute.value() : (m * worth).value());
    error = loss_error_at(law.frontier->relative_error, ratio);
    if (law.loss) {
      // A rounded shape is off the optimum; the surface knows by how much.
      const double size = surface_size(law, shape, m);
      const double spent = law.loss->flops_factor() * size * tokens.value();
      const Optimum best = optimum_of(*law.loss, spent);
      const double off = off_forecast(law, m, compute, size / best.size);
      const double fresh = worth.value() / tokens.value();
      loss *= (*law.loss)(best.size * off, best.tokens / off * fresh) / best.loss;
    }
  } else if (law.loss) {
    loss = (*law.loss)(surface_size(law, shape, m), worth.value());
  } else {
    return std::nullopt;
  }
  const LawIntervals forecast = forecast_over_law(law, ratio);
  if (!forecast.loss) return Prediction{loss, loss * std::exp(-error), loss * std::exp(error)};
  return Prediction{loss * forecast.loss_median, loss * forecast.loss->low,
                    loss * forecast.loss->high};
}

}  // namespace isoflop
