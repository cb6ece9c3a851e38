// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "isoflop/extrapolation.h"
#include "isoflop/overtraining.h"
#include "isoflop/proposal.h"

namespace isoflop {
namespace {

double surface_loss(const LossLaw& law, double m, double tokens) {
  return law(m / law.flops_factor(), tokens);
}

}  // namespace

double extrapolation(const Law& law, Flops compute) {
  return law.fitted_to ? std::max(1.0, compute / *law.fitted_to) : 1;
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
      const AllocationLaw best = optimal_allocation(*law.loss);
      loss *= surface_loss(*law.loss, m.value(), worth.value()) /
              surface_loss(*law.loss, best.flops_per_token(compute.value()),
                           best.tokens(compute.value()));
    }
  } else if (law.loss) {
    loss = surface_loss(*law.loss, m.value(), worth.value());
  } else {
    return std::nullopt;
  }
  return Prediction{loss, loss * std::exp(-error), loss * std::exp(error)};
}

}  // namespace isoflop
