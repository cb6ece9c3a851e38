// SPDX-License-Identifier: Apache-2.0
#include "isoflop/deadweight.h"

#include "base/text.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

void require_positive(const char* name, double value) {
  if (value > 0 && std::isfinite(value)) return;
  throw Error(ErrorCode::invalid_argument,
              std::string(name) + " must be finite and > 0, got " + exact_text(value));
}

// r - 1 at ln(size / optimum) = x, without cancellation near the optimum.
double reducible_excess(const LossLaw& law, double x) {
  return (law.beta * std::expm1(-law.alpha * x) + law.alpha * std::expm1(law.beta * x)) /
         (law.alpha + law.beta);
}

// Where the excess, which rises away from 0, is `target`: on the side of `direction`.
double log_ratio_of_excess(const LossLaw& law, double target, double direction) {
  double inner = 0, outer = direction;
  while (reducible_excess(law, outer) < target) outer *= 2;
  for (int i = 0; i < 200; ++i) {
    const double middle = 0.5 * (inner + outer);
    if (middle == inner || middle == outer) break;
    (reducible_excess(law, middle) < target ? inner : outer) = middle;
  }
  return inner;
}

}  // namespace

bool has_optimum(const LossLaw& law) {
  return law.a > 0 && law.b > 0 && law.alpha > 0 && law.beta > 0;
}

Optimum optimum_of(const LossLaw& law, double compute) {
  require_positive("compute", compute);
  const AllocationLaw best = optimal_allocation(law);
  const double size = best.flops_per_token(compute) / law.flops_factor();
  const double tokens = best.tokens(compute);
  return {.size = size, .tokens = tokens, .loss = law(size, tokens)};
}

Deadweight deadweight(const LossLaw& law, double compute, double size_ratio) {
  require_positive("size_ratio", size_ratio);
  const double reducible = optimum_of(law, compute).loss - law.irreducible;
  const double excess = reducible_excess(law, std::log(size_ratio));
  const double gamma = law.alpha * law.beta / (law.alpha + law.beta);
  const double share = -std::expm1(-std::log1p(excess) / gamma);
  return {.size_ratio = size_ratio,
          .excess_loss = reducible * excess,
          .wasted_share = share,
          .equivalent_compute = compute * (1 - share),
          .wasted_compute = compute * share};
}

FlatRange flat_range(const LossLaw& law, double compute, double excess) {
  require_positive("excess", excess);
  const Optimum best = optimum_of(law, compute);
  const double target = excess * best.loss / (best.loss - law.irreducible);
  return {.excess = excess,
          .low = best.size * std::exp(log_ratio_of_excess(law, target, -1)),
          .high = best.size * std::exp(log_ratio_of_excess(law, target, 1))};
}

}  // namespace isoflop
