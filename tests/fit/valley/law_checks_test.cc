// SPDX-License-Identifier: Apache-2.0
#include "fit/valley/law_checks.h"

#include <cmath>

#include "base/rng.h"
#include "fit/valley/isoflop_fit.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

/// Valleys with ln N* = f(ln C), C = 10^(17 + i/2), and tokens C / (6 N*).
std::vector<Valley> valleys_at(int n, const auto& log_optimum, double se = 0.02) {
  std::vector<Valley> valleys;
  for (int i = 0; i < n; ++i) {
    Valley valley;
    valley.compute = valley.budget = std::pow(10, 17 + 0.5 * i);
    valley.scale_opt = std::exp(log_optimum(std::log(valley.compute)));
    valley.tokens_opt = valley.compute / (6 * valley.scale_opt);
    valley.ln_scale_se = se;
    valley.fitted_scale = {valley.scale_opt / 4, valley.scale_opt * 4};
    valley.status = FitStatus::ok;
    valleys.push_back(valley);
  }
  return valleys;
}

LawChecks checks_of(const std::vector<Valley>& valleys) {
  const auto checks = check_laws(valleys, fit_power_law(law_points(valleys, &Valley::scale_opt)),
                                 fit_power_law(law_points(valleys, &Valley::tokens_opt)));
  REQUIRE(checks);
  return *checks;
}

}  // namespace

TEST_CASE("a clean power law passes every check") {
  const LawChecks checks = checks_of(valleys_at(6, [](double x) { return 0.5 * x - 3; }));
  REQUIRE(checks.leave_one_out);
  CHECK(checks.leave_one_out->low == Approx(0.5).epsilon(1e-9));
  CHECK(checks.leave_one_out->high == Approx(0.5).epsilon(1e-9));
  CHECK(checks.exponent_sum == Approx(1).epsilon(1e-12));
  CHECK(checks.effective_budgets == Approx(6).epsilon(1e-9));
  CHECK(*checks.centre_drift == Approx(0).margin(1e-12));
  CHECK_FALSE(checks.drift_bias);
  CHECK(*checks.curvature_p > 0.05);
}

TEST_CASE("a planted curvature is found and tested") {
  const LawChecks checks = checks_of(valleys_at(
      6, [](double x) { return 0.5 * x + 0.01 * (x - 41) * (x - 41) + 1e-3 * std::sin(9 * x); }));
  CHECK(*checks.curvature == Approx(0.01).epsilon(0.05));
  CHECK(*checks.curvature_p < 1e-3);
}

TEST_CASE("under no curvature the p-value is uniform") {
  int below = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const Rng rng(seed);
    std::uint64_t draw = 0;
    below += *checks_of(valleys_at(6, [&](double x) {
                return 0.5 * x + 0.05 * rng.normal(draw++);
              })).curvature_p < 0.2;
  }
  // 400 draws of probability 0.2 have a standard deviation of 8.
  CHECK(below > 56);
  CHECK(below < 104);
}

TEST_CASE("the budget that moves the exponent most is named") {
  auto valleys = valleys_at(6, [](double x) { return 0.5 * x; });
  valleys.back().scale_opt *= 1.5;
  const LawChecks checks = checks_of(valleys);
  CHECK(checks.leave_one_out_compute == valleys.back().compute);
  CHECK(checks.leave_one_out->low == Approx(0.5).epsilon(1e-6));
  CHECK(checks.leave_one_out->high > 0.55);
}

TEST_CASE("sizes that drift against the optimum are measured, and their bias where it is known") {
  auto valleys = valleys_at(5, [](double x) { return 0.5 * x; });
  for (Valley& valley : valleys) {
    const double x = std::log(valley.compute / 1e18);
    valley.fitted_scale.low *= std::exp(0.2 * x);
    valley.fitted_scale.high *= std::exp(0.2 * x);
    valley.predicted_bias = 0.03 * x;
    valley.closed_form_bias = 0;
  }
  const LawChecks checks = checks_of(valleys);
  CHECK(*checks.centre_drift == Approx(0.2).epsilon(1e-9));
  CHECK(*checks.drift_bias == Approx(0.03).epsilon(1e-9));
}

TEST_CASE("one precise budget among loose ones counts as little more than one") {
  auto valleys = valleys_at(5, [](double x) { return 0.5 * x; });
  valleys[2].ln_scale_se = 1e-3;
  CHECK(checks_of(valleys).effective_budgets < 1.1);
}

TEST_CASE("three budgets can neither be left out nor bend") {
  const LawChecks checks = checks_of(valleys_at(3, [](double x) { return 0.5 * x; }));
  CHECK_FALSE(checks.leave_one_out);
  CHECK_FALSE(checks.curvature_p);
}
