// SPDX-License-Identifier: Apache-2.0
#include "fit/valley/parabola.h"

#include <cmath>

#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;

namespace {

struct Curve {
  double optimum = 3e5, minimum = 2.2, curvature = 0.1, cubic = 0;
  [[nodiscard]] double at(double scale) const {
    const double x = std::log(scale / optimum);
    return minimum + 0.5 * curvature * x * x + cubic * x * x * x;
  }
  [[nodiscard]] BudgetGroup points(const std::vector<double>& scales) const {
    BudgetGroup group{.budget = 1e12, .compute = 1e12, .samples = {}};
    for (const double scale : scales) {
      Sample sample;
      sample.scale = scale;
      sample.tokens = 1e12 / scale;
      sample.compute = 1e12;
      sample.metric = at(scale);
      group.samples.push_back(sample);
    }
    return group;
  }
};

std::vector<double> grid(double low, double ratio, int n) {
  std::vector<double> scales;
  for (int i = 0; i < n; ++i) scales.push_back(low * std::pow(ratio, i));
  return scales;
}

Valley valley_of(const test::SweepOracle& oracle, BudgetGroup& group) {
  const auto groups = group_by_budget(oracle.points(), oracle.surface.scale);
  group = groups.front();
  return fit_valley(group);
}

}  // namespace

TEST_CASE("a curve as flat as rounding has no vertex") {
  const std::vector<double> ulps = {0, 1, 1, 2, 3, 3, 4};
  BudgetGroup curve = Curve{}.points(grid(1e5, 1.4, 7));
  for (std::size_t i = 0; i < ulps.size(); ++i) curve.samples[i].metric = 3 + ulps[i] * 4.4e-16;
  const Valley valley = fit_valley(curve);
  CHECK_FALSE(valley.usable());
  CHECK(std::isfinite(valley.scale_opt));
  CHECK(std::isfinite(valley.tokens_opt));
  // Nearly a line: curved upwards by less than anything.
  for (std::size_t i = 0; i < 7; ++i) {
    const double x = static_cast<double>(i);
    curve.samples[i].metric = 3 + 0.1 * x + 1e-7 * x * x;
  }
  const Valley line = fit_valley(curve);
  CHECK(line.status == FitStatus::not_convex);
  CHECK(line.scale_opt == 0);
}

TEST_CASE("a parabola is found exactly") {
  const Curve curve;
  const Valley valley = fit_valley(curve.points(grid(1e5, 1.4, 8)));
  CHECK(valley.usable());
  CHECK(valley.bracketed);
  CHECK(valley.scale_opt == Approx(3e5).epsilon(1e-10));
  CHECK(valley.tokens_opt == Approx(1e12 / 3e5).epsilon(1e-10));
  CHECK(valley.loss_opt == Approx(2.2).epsilon(1e-12));
  CHECK(valley.curvature == Approx(0.1).epsilon(1e-10));
  CHECK(valley.ln_scale_se < 1e-10);
  const double x = std::log(2e5);
  const double* c = valley.coefficients;
  CHECK(c[0] + c[1] * x + c[2] * x * x == Approx(curve.at(2e5)).epsilon(1e-10));
}

TEST_CASE("the least squares solution does not depend on the unit of the scale") {
  Curve curve;
  curve.cubic = 0.01;
  const Valley valley = fit_valley(curve.points(grid(1e5, 1.4, 8)));
  curve.optimum *= 1e6;
  const Valley scaled = fit_valley(curve.points(grid(1e11, 1.4, 8)));
  CHECK(scaled.scale_opt == Approx(1e6 * valley.scale_opt).epsilon(1e-9));
  CHECK(scaled.loss_opt == Approx(valley.loss_opt).epsilon(1e-12));
}

TEST_CASE("a curve without two sizes on each side of its minimum is not bracketed") {
  const Curve curve;
  // The minimum at 3e5 lies beyond the last size, beyond the last but one, or before the first.
  for (const auto& scales : {grid(2e4, 1.5, 6), grid(3.5e4, 1.6, 6), grid(4e5, 1.5, 6)}) {
    const Valley valley = fit_valley(curve.points(scales));
    CHECK(valley.status == FitStatus::not_bracketed);
    CHECK_FALSE(valley.bracketed);
    CHECK_FALSE(valley.usable());
  }
}

TEST_CASE("a curve that bends the wrong way has no minimum") {
  Curve curve;
  curve.curvature = -0.1;
  CHECK(fit_valley(curve.points(grid(1e5, 1.4, 8))).status == FitStatus::not_convex);
}

TEST_CASE("four sizes are too few for a curve") {
  CHECK(fit_valley(Curve().points(grid(1.5e5, 1.6, 4))).status == FitStatus::too_few_points);
}

TEST_CASE("the window keeps the points near the best loss, and at least five") {
  Curve curve;
  curve.curvature = 0.5;
  const BudgetGroup group = curve.points(grid(3e5 / 32, 2, 11));
  const CurveWindow tight = curve_window(group.samples, 0.01);
  CHECK(tight.first == 3);
  CHECK(tight.last == 8);
  const CurveWindow wide = curve_window(group.samples, 10);
  CHECK(wide.first == 0);
  CHECK(wide.last == 11);
}

TEST_CASE("far points of an asymmetric curve do not pull the minimum away") {
  // Steep towards large models, as measured at 1e12 FLOPs.
  test::SweepOracle oracle{.surface = {1, 0.6 * std::pow(4e5, 0.3), 0.3, 0.2 * std::pow(2.5e6, 0.9),
                                       0.9, LossLaw::Scale::flops_per_token},
                           .budgets = {1e12},
                           .half_width = 10};
  BudgetGroup group;
  const Valley valley = valley_of(oracle, group);
  const Valley all_points = fit_valley(group, 100);
  const double error = std::abs(std::log(valley.scale_opt / oracle.optimum(1e12)));
  CHECK(error < 0.15);
  CHECK(std::abs(std::log(all_points.scale_opt / oracle.optimum(1e12))) > 2 * error);
}

TEST_CASE("the predicted bias is the parabola's error on the true surface") {
  for (const double half_width : {2.0, 4.0, 16.0}) {
    const test::SweepOracle oracle{
        .surface = test::epoch_surface(), .budgets = {1e20}, .half_width = half_width};
    BudgetGroup group;
    const Valley valley = valley_of(oracle, group);
    const double error = std::log(valley.scale_opt / oracle.optimum(1e20));
    CHECK(predicted_bias(group, valley, oracle.surface) == Approx(error).margin(1e-9));
  }
}

TEST_CASE("the predicted bias agrees with its expansion in the half-width") {
  // Chinchilla's rounded surface within a factor of 4: +1.43 %, the expansion gives 1.4 %.
  LossLaw chinchilla{1.69, 406.4, 0.34, 410.7, 0.28, LossLaw::Scale::params};
  test::SweepOracle oracle{.surface = chinchilla, .budgets = {1e21}, .half_width = 4};
  BudgetGroup group;
  Valley valley = valley_of(oracle, group);
  CHECK(std::expm1(predicted_bias(group, valley, chinchilla)) == Approx(0.0143).margin(1e-4));
  CHECK(closed_form_bias(group, valley, chinchilla) == Approx(0.0142).margin(1e-4));
  // alpha / beta = 3 within a factor of 8: 17.6 %, where a parabola over all points is fitted.
  LossLaw steep{1.69, 406.4, 0.465, 410.7, 0.155, LossLaw::Scale::params};
  oracle = {.surface = steep, .budgets = {1e21}, .half_width = 8};
  const auto groups = group_by_budget(oracle.points(), steep.scale);
  valley = fit_valley(groups.front(), 100);
  CHECK(std::expm1(predicted_bias(groups.front(), valley, steep)) == Approx(0.176).margin(2e-3));
}

TEST_CASE("pooled noise gives every valley the error of a common relative noise") {
  test::SweepOracle oracle{.surface = test::epoch_surface(),
                           .budgets = test::geometric_budgets(1e18, 3, 6),
                           .half_width = 4,
                           .noise = 0.002,
                           .seed = 3};
  std::vector<Valley> valleys;
  for (const BudgetGroup& group : group_by_budget(oracle.points(), oracle.surface.scale)) {
    valleys.push_back(fit_valley(group));
  }
  std::vector<Valley> pooled = valleys;
  pool_noise(pooled);
  double sum = 0;
  for (std::size_t i = 0; i < valleys.size(); ++i) {
    const double own = valleys[i].residual_rms / valleys[i].loss_opt;
    sum += own * own / static_cast<double>(valleys.size());
    const double implied = own * pooled[i].ln_scale_se / valleys[i].ln_scale_se;
    CHECK(implied == Approx(pooled[0].loss_se / valleys[0].loss_se * valleys[0].residual_rms /
                            valleys[0].loss_opt));
  }
  // 36 degrees of freedom: the pooled noise is within 3 sd (12 % each) of the planted one.
  CHECK(std::sqrt(sum) == Approx(0.002).epsilon(0.36));
}
