// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "base/text.h"
#include "isoflop/error.h"
#include "isoflop/law.h"

namespace isoflop {

std::string_view to_string(LossLaw::Scale scale) {
  return scale == LossLaw::Scale::params ? "params" : "flops_per_token";
}

AllocationLaw optimal_allocation(const LossLaw& law) {
  for (const double value : {law.a, law.b, law.alpha, law.beta}) {
    if (!(value > 0) || !std::isfinite(value)) {
      throw Error(ErrorCode::invalid_argument,
                  "a loss law has an optimal allocation only where a, b, alpha and beta are finite "
                  "and > 0, got " +
                      exact_text(value));
    }
  }
  const double sum = law.alpha + law.beta;
  const double k = law.flops_factor();
  const double size_exponent = law.beta / sum;
  const double tokens_exponent = law.alpha / sum;
  // In logarithms: a / b spans dozens of decades where one exponent is large.
  const double log_g =
      (std::log(law.alpha) + std::log(law.a) - std::log(law.beta) - std::log(law.b)) / sum;
  // The size law is returned as flops per token, k times the size.
  return {.flops_per_token = {std::exp(log_g + (1 - size_exponent) * std::log(k)), size_exponent},
          .tokens = {std::exp(-log_g - tokens_exponent * std::log(k)), tokens_exponent},
          .exponents_only = false};
}

std::optional<AllocationLaw> allocation_of(const Law& law) {
  if (law.allocation && !law.allocation->exponents_only) return law.allocation;
  if (law.loss) return optimal_allocation(*law.loss);
  return std::nullopt;
}

}  // namespace isoflop
