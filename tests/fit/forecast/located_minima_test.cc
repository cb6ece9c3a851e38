// SPDX-License-Identifier: Apache-2.0
#include "fit/forecast/located_minima.h"

#include <cmath>

#include "fit/valley/isoflop_fit.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

/// Five sizes a factor of 2 apart with these losses.
BudgetGroup curve_of(std::initializer_list<double> losses) {
  BudgetGroup curve{
      .budget = 1e18, .compute = 1e18, .stated = true, .designed = true, .samples = {}};
  double scale = 1e8;
  for (const double loss : losses) {
    Sample sample;
    sample.scale = scale;
    sample.tokens = 1e18 / (6 * scale);
    sample.compute = 1e18;
    sample.metric = loss;
    curve.samples.push_back(sample);
    scale *= 2;
  }
  return curve;
}

std::vector<LocatedMinimum> minima_of(const BudgetGroup& curve) {
  const std::vector<BudgetGroup> curves = {curve};
  const IsoFlopFit fit = fit_isoflop(curves);
  return located_minima(curves, fit.valleys);
}

}  // namespace

TEST_CASE("a bracketed valley is its own minimum") {
  const BudgetGroup curve = curve_of({2.9, 2.6, 2.5, 2.6, 2.9});
  const auto minima = minima_of(curve);
  REQUIRE(minima.size() == 1);
  CHECK(minima[0].ln_scale == Approx(std::log(4e8)));
  CHECK(minima[0].ln_compute == Approx(std::log(1e18)));
}

TEST_CASE("one size on the light side still says where the minimum is, between its neighbours") {
  const BudgetGroup curve = curve_of({2.56, 2.5, 2.6, 2.9, 3.4});
  const IsoFlopFit fit = fit_isoflop(std::vector<BudgetGroup>{curve});
  REQUIRE_FALSE(fit.valleys[0].usable());
  const auto minima = minima_of(curve);
  REQUIRE(minima.size() == 1);
  CHECK(minima[0].ln_scale > std::log(1e8));
  CHECK(minima[0].ln_scale < std::log(4e8));
  CHECK(minima[0].ln_scale_se == Approx(0.1 * std::log(4.0)));
  CHECK(minima[0].ln_loss == Approx(std::log(2.5)));
}

TEST_CASE("a curve whose best run is at its edge locates no minimum") {
  CHECK(minima_of(curve_of({2.5, 2.6, 2.7, 2.9, 3.4})).empty());
  CHECK(minima_of(curve_of({3.4, 2.9, 2.7, 2.6, 2.5})).empty());
}
