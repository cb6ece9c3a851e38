// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "isoflop/law.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;

namespace {

// Minimum over the size by golden section, independent of the closed form.
double numeric_optimum(const LossLaw& law, double compute) {
  const double product = compute / law.flops_factor();
  double low = 0;
  double high = std::log(product);
  while (high - low > 1e-12) {
    const double a = low + (high - low) / 3;
    const double b = high - (high - low) / 3;
    const auto loss = [&](double x) { return law(std::exp(x), product / std::exp(x)); };
    (loss(a) < loss(b) ? high : low) = loss(a) < loss(b) ? b : a;
  }
  return std::exp(0.5 * (low + high));
}

}  // namespace

TEST_CASE("optimal_allocation is the minimum of the surface, for sizes in N and in M") {
  LossLaw law = test::epoch_surface();
  for (const LossLaw::Scale scale : {LossLaw::Scale::params, LossLaw::Scale::flops_per_token}) {
    law.scale = scale;
    const AllocationLaw split = optimal_allocation(law);
    for (const double compute : {1e17, 1e21, 1e26}) {
      const double m = law.flops_factor() * numeric_optimum(law, compute);
      // A minimum is located to the square root of the precision.
      CHECK(split.flops_per_token(compute) == Approx(m).epsilon(1e-6));
      CHECK(split.flops_per_token(compute) * split.tokens(compute) ==
            Approx(compute).epsilon(1e-12));
    }
  }
}

TEST_CASE("scaling a surface from N to M = 6 N leaves its allocation as it is") {
  const LossLaw in_params = test::epoch_surface();
  LossLaw in_flops = in_params;
  in_flops.scale = LossLaw::Scale::flops_per_token;
  in_flops.a *= std::pow(6, in_flops.alpha);
  const AllocationLaw a = optimal_allocation(in_params);
  const AllocationLaw b = optimal_allocation(in_flops);
  CHECK(a.flops_per_token(1e21) == Approx(b.flops_per_token(1e21)).epsilon(1e-12));
  CHECK(a.tokens(1e21) == Approx(b.tokens(1e21)).epsilon(1e-12));
}

TEST_CASE("a surface without one of its terms has no optimal split") {
  LossLaw law = test::epoch_surface();
  law.b = 0;
  CHECK(ISOFLOP_ERROR_MESSAGE(optimal_allocation(law)).find("> 0, got 0") != std::string::npos);
}

TEST_CASE(
    "allocation_of prefers a law's own allocation, then its surface, and needs coefficients") {
  Law law;
  CHECK_FALSE(allocation_of(law).has_value());
  law.allocation = AllocationLaw{{1, 0.73}, {1, 0.27}, true};
  CHECK_FALSE(allocation_of(law).has_value());
  law.loss = test::epoch_surface();
  CHECK(allocation_of(law)->tokens.exponent == Approx(0.3478 / 0.7136));
  law.allocation->exponents_only = false;
  CHECK(allocation_of(law)->tokens.exponent == 0.27);
}
