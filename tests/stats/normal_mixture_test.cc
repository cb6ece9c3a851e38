// SPDX-License-Identifier: Apache-2.0
#include "stats/normal_mixture.h"

#include <cmath>
#include <numbers>

#include "support/catch.h"

using namespace isoflop;

TEST_CASE("one normal has the normal's quantiles and density") {
  const NormalMixture normal({{.ln_weight = -400, .mean = 3, .sd = 2}});
  CHECK(normal.quantile(0.5) == Approx(3).epsilon(1e-9));
  CHECK(normal.quantile(0.95) == Approx(3 + 2 * 1.6448536269514722).epsilon(1e-9));
  CHECK(normal.quantile(0.001) == Approx(3 - 2 * 3.0902323061678132).epsilon(1e-9));
  CHECK(normal.density(3) == Approx(1 / (2 * std::sqrt(2 * std::numbers::pi))));
  CHECK(normal.cumulative(3) == Approx(0.5));
}

TEST_CASE("weights are those of the logarithms, whatever they share") {
  const NormalMixture mixture({{.ln_weight = 1000 + std::log(3.0), .mean = 0, .sd = 1e-3},
                               {.ln_weight = 1000, .mean = 1, .sd = 1e-3}});
  CHECK(mixture.cumulative(0.5) == Approx(0.75));
  CHECK(mixture.quantile(0.875) == Approx(1).margin(1e-6));
  CHECK(mixture.density(1) / mixture.density(0) == Approx(1.0 / 3));
}

TEST_CASE("parts without weight are left out") {
  const NormalMixture mixture({{.ln_weight = 0, .mean = 0, .sd = 1},
                               {.ln_weight = -50, .mean = 1e6, .sd = 1},
                               {.ln_weight = -INFINITY, .mean = 1e9, .sd = 1}});
  CHECK(mixture.parts().size() == 1);
}
