// SPDX-License-Identifier: Apache-2.0
#include "isoflop/envelope.h"

#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "isoflop/error.h"
#include "isoflop/fit.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;

namespace {

/// One run per size of `n_sizes`, ratio apart, logged `n_steps` times over four decades of tokens
/// up to `reach` times the tokens its size is optimal for.
std::vector<TrainingCurve> planted(int n_sizes, double noise, double reach = 10) {
  const LossLaw surface = test::epoch_surface();
  const Rng rng(3);
  std::uint64_t draw = 0;
  std::vector<TrainingCurve> curves;
  for (int i = 0; i < n_sizes; ++i) {
    TrainingCurve curve;
    curve.run = "run " + std::to_string(i);
    curve.params = 1e7 * std::pow(1.3, i);
    const AllocationLaw law = optimal_allocation(surface);
    const double compute = std::pow(6 * *curve.params / law.flops_per_token.coefficient,
                                    1 / law.flops_per_token.exponent);
    const double last = reach * law.tokens(compute);
    for (int step = 0; step < 300; ++step) {
      curve.tokens.push_back(last * std::pow(10, 4 * (step / 299.0 - 1)));
      curve.metric.push_back(surface(*curve.params, curve.tokens.back()) *
                             (1 + noise * rng.normal(draw++)));
    }
    curves.push_back(curve);
  }
  return curves;
}

EnvelopeOptions params_options(std::int64_t n_bootstrap = 0) {
  return {.scale = LossLaw::Scale::params, .n_bootstrap = n_bootstrap};
}

double planted_exponent() {
  const LossLaw law = test::epoch_surface();
  return law.beta / (law.alpha + law.beta);
}

}  // namespace

TEST_CASE("the envelope of noise-free curves has the surface's exponents") {
  const EnvelopeFit fit = fit_envelope(planted(24, 0), params_options());
  REQUIRE(fit.usable());
  // The best of sizes 1.3 apart is the optimum rounded: steps of 26 % over 6 e-folds.
  CHECK(fit.scale_opt.law.exponent == Approx(planted_exponent()).margin(0.01));
  CHECK(fit.tokens_opt.law.exponent == Approx(1 - planted_exponent()).margin(0.01));
  CHECK(fit.n_winning_scales > 15);
  CHECK(fit.n_at_edge_model > 0);
  const AllocationLaw law = optimal_allocation(test::epoch_surface());
  const double middle = std::exp(fit.scale_opt.centre);
  CHECK(fit.scale_opt.law(middle) == Approx(law.flops_per_token(middle) / 6).epsilon(0.03));
  for (const EnvelopePoint& point : fit.points) {
    CHECK(6 * point.scale * point.tokens == Approx(point.compute));
    CHECK(std::abs(std::log(6 * point.scale / law.flops_per_token(point.compute))) < 0.2);
  }
}

TEST_CASE("noise between logged steps is smoothed, and resampled runs cover the exponent") {
  const auto curves = planted(24, 0.003);
  const EnvelopeFit fit = fit_envelope(curves, params_options(100));
  REQUIRE(fit.usable());
  CHECK(fit.n_bootstrap_failed == 0);
  CHECK(fit.scale_opt.exponent.low < planted_exponent());
  CHECK(fit.scale_opt.exponent.high > planted_exponent());
  CHECK(fit.scale_opt.exponent.high - fit.scale_opt.exponent.low < 0.1);
  const EnvelopeFit again = fit_envelope(curves, params_options(100));
  CHECK(again.scale_opt.exponent.low == fit.scale_opt.exponent.low);
}

TEST_CASE("models that stop at their own optimum bracket nothing above it") {
  // All runs end at equal tokens: at large compute only large models are left.
  auto curves = planted(12, 0);
  const double last = curves.front().tokens.back();
  for (TrainingCurve& curve : curves) {
    while (curve.tokens.back() > last) {
      curve.tokens.pop_back();
      curve.metric.pop_back();
    }
  }
  const EnvelopeFit fit = fit_envelope(curves, params_options());
  REQUIRE_FALSE(fit.points.empty());
  for (const EnvelopePoint& point : fit.points) {
    const auto loser = std::find_if(curves.begin(), curves.end(), [&](const TrainingCurve& curve) {
      return *curve.params < point.scale &&
             6 * *curve.params * curve.tokens.back() >= point.compute;
    });
    CHECK(loser != curves.end());
  }
  CHECK(fit.n_at_edge_model > 100);
}

TEST_CASE("two models have no envelope, and curves without the scale are refused") {
  CHECK_FALSE(fit_envelope(planted(2, 0), params_options()).usable());
  CHECK_THROWS_AS(fit_envelope(planted(5, 0), {}), Error);
  auto curves = planted(5, 0);
  curves[1].tokens[7] = curves[1].tokens[6];
  CHECK_THROWS_AS(fit_envelope(curves, params_options()), Error);
}

TEST_CASE("a fit given curves has an envelope and says what it is not") {
  const test::SweepOracle oracle{.surface = test::epoch_surface(),
                                 .budgets = test::geometric_budgets(1e18, 3, 4)};
  FitOptions options{.scale = LossLaw::Scale::params, .n_bootstrap = 0};
  const auto mentions = [](const Fit& fit, const std::string& words) {
    for (const std::string& warning : fit.warnings) {
      if (warning.find(words) != std::string::npos) return true;
    }
    return false;
  };
  CHECK_FALSE(mentions(fit(oracle.points(), options), "Envelope"));
  options.curves = planted(24, 0);
  const Fit with = fit(oracle.points(), options);
  REQUIRE(with.envelope);
  CHECK(mentions(with, "decayed learning rate"));
  CHECK_FALSE(mentions(with, "that of the valleys"));
  CHECK(to_json(with).find("\"envelope\"") != std::string::npos);
  options.curves.resize(2);
  CHECK(mentions(fit(oracle.points(), options), "3 models must each be the best"));
}
