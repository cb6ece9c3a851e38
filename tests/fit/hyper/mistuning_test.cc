// SPDX-License-Identifier: Apache-2.0
#include "fit/hyper/mistuning.h"

#include <cmath>

#include "fit/hyper/hyper_fit.h"
#include "fit/valley/parabola.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

// Curvatures of ln metric in Step Law's runs, and what its law does along a curve where D ~ 1 / N.
constexpr double kRateCurvature = 0.0145, kBatchCurvature = 0.0120;
const HyperLawNd kLaw = {{0.58, 0, 0.571}, {1.79, -0.713, 0.307}};
const double kScale = 1e8, kCompute = 6e18;

/// Runs of one iso-FLOP curve whose optimum is kScale, with one batch and learning rate: the law's
/// at kScale times the factors.
struct Curve {
  double tuned_curvature = 0.073;
  double rate_factor = 1, batch_factor = 1;

  [[nodiscard]] Sample at(double scale, double batch, double rate) const {
    Sample sample;
    sample.scale = sample.params = scale;
    sample.tokens = kCompute / (6 * scale);
    sample.compute = kCompute;
    sample.batch_tokens = batch;
    sample.peak_lr = rate;
    const double x = std::log(scale / kScale);
    const double u = std::log(rate / kLaw.peak_lr(scale, sample.tokens));
    const double v = std::log(batch / kLaw.batch_tokens(scale, sample.tokens));
    sample.metric =
        2.5 *
        std::exp((tuned_curvature * x * x + kRateCurvature * u * u + kBatchCurvature * v * v) / 2);
    return sample;
  }
  [[nodiscard]] double rate() const {
    return rate_factor * kLaw.peak_lr(kScale, kCompute / (6 * kScale));
  }
  [[nodiscard]] double batch() const {
    return batch_factor * kLaw.batch_tokens(kScale, kCompute / (6 * kScale));
  }
  // Sizes close enough for exp(quadratic) to be its own parabola.
  [[nodiscard]] BudgetGroup group() const {
    BudgetGroup result;
    result.budget = result.compute = kCompute;
    for (int i = -6; i <= 6; ++i) {
      result.samples.push_back(at(kScale * std::exp(0.05 * i), batch(), rate()));
    }
    return result;
  }
  // Factors of 2 of the learning rate around the curve's own at one size; exact quadratics.
  [[nodiscard]] GridCell probe(double scale) const {
    GridCell cell;
    cell.budget = cell.compute = kCompute;
    for (const double factor : {0.25, 0.5, 1.0, 2.0}) {
      cell.samples.push_back(at(scale, batch(), factor * rate()));
    }
    return cell;
  }
};

std::vector<GridCell> grids() {
  std::vector<GridCell> cells;
  for (const double n : {5e7, 1e8, 4e8}) {
    for (const double d : {2e9, 1e10, 5e10}) {
      GridCell& cell = cells.emplace_back();
      cell.budget = cell.compute = 6 * n * d;
      for (int i = -4; i <= 4; ++i) {
        for (int j = -4; j <= 4; ++j) {
          Sample sample;
          sample.params = sample.scale = n;
          sample.tokens = d;
          sample.compute = cell.compute;
          const double x = 0.35 * i, y = 0.35 * j;
          sample.batch_tokens = kLaw.batch_tokens(n, d) * std::exp(x);
          sample.peak_lr = kLaw.peak_lr(n, d) * std::exp(y);
          sample.metric = 2.5 * std::exp((kBatchCurvature * x * x + kRateCurvature * y * y) / 2);
          cell.samples.push_back(sample);
        }
      }
    }
  }
  return cells;
}

struct Expected {
  double tuned_curvature, rate_ratio, batch_ratio;
};

// The law's grids add 0.019 of curvature, 26 %, 39 % and 60 % of the tuned curve's at 1e17, 1e19
// and 3e20.
const Expected kExpected[] = {{0.073, 0.90, 0.95}, {0.0487, 0.86, 0.93}, {0.0317, 0.82, 0.91}};

}  // namespace

TEST_CASE(
    "a learning rate 2x too high moves N* to 0.90, 0.86 and 0.82 of it, and the law says so") {
  const auto hyper = fit_hyper(grids(), 0.0025, HyperLaw{{1, 0}, {1, 0}});
  REQUIRE(hyper);
  REQUIRE(hyper->peak_lr_nd);
  for (const Expected& expected : kExpected) {
    for (const bool rate : {true, false}) {
      const Curve curve{expected.tuned_curvature, rate ? 2.0 : 1.0, rate ? 1.0 : 2.0};
      const BudgetGroup group = curve.group();
      const Valley valley = fit_valley(group);
      REQUIRE(valley.usable());
      const double ratio = valley.scale_opt / kScale;
      CHECK(ratio == Approx(rate ? expected.rate_ratio : expected.batch_ratio).margin(0.006));
      const Mistuning found = bound_mistuning(valley, group, {}, &*hyper, 0);
      CHECK(found.source == Mistuning::Source::law);
      // The parabola is fitted to the metric, whose quadratic in ln differs by the square of 1 %.
      CHECK(found.shift_ln_scale == Approx(std::log(ratio)).epsilon(0.03));
      CHECK(found.bound_ln_scale >= std::abs(found.shift_ln_scale));
    }
  }
}

TEST_CASE("probes at the best size and its neighbours find the same shift without a law") {
  const Curve curve{0.0487, 2, 1};
  const BudgetGroup group = curve.group();
  const Valley valley = fit_valley(group);
  std::vector<GridCell> probes;
  for (const Sample& sample : group.samples) probes.push_back(curve.probe(sample.scale));
  const Mistuning found = bound_mistuning(valley, group, probes, nullptr, 0);
  CHECK(found.source == Mistuning::Source::probes);
  CHECK(found.n_probed_sizes == 3);
  CHECK(found.shift_ln_scale < -0.05);
  // The batch moves too and was not probed: the law's part of the learning rate alone.
  const double u = std::log(2.0) - 1.02 * -std::log(valley.scale_opt / kScale);
  const double tuned = valley.curvature / valley.loss_opt - kRateCurvature * 1.02 * 1.02;
  CHECK(found.shift_ln_scale == Approx(-kRateCurvature * u * 1.02 / tuned).epsilon(0.01));
  CHECK(found.bound_ln_scale == Approx(-found.shift_ln_scale).epsilon(1e-9));
  // Noise of the runs widens the bound.
  const Mistuning noisy = bound_mistuning(valley, group, probes, nullptr, 0.001);
  CHECK(noisy.bound_ln_scale > 1.1 * found.bound_ln_scale);
}

TEST_CASE("without two probed sizes and without a law there is no bound") {
  const Curve curve{0.0487, 2, 1};
  const BudgetGroup group = curve.group();
  const Valley valley = fit_valley(group);
  CHECK(bound_mistuning(valley, group, {}, nullptr, 0).source == Mistuning::Source::none);
  const std::vector<GridCell> one = {curve.probe(kScale)};
  CHECK(bound_mistuning(valley, group, one, nullptr, 0).source == Mistuning::Source::none);
}

TEST_CASE("a curve run by the law at every size is not moved") {
  const auto hyper = fit_hyper(grids(), 0.0025, HyperLaw{{1, 0}, {1, 0}});
  const Curve curve{0.0487, 1, 1};
  BudgetGroup group = curve.group();
  for (Sample& sample : group.samples) {
    sample = curve.at(sample.scale, kLaw.batch_tokens(sample.params, sample.tokens),
                      kLaw.peak_lr(sample.params, sample.tokens));
  }
  const Mistuning found = bound_mistuning(fit_valley(group), group, {}, &*hyper, 0);
  CHECK(found.source == Mistuning::Source::law);
  CHECK(found.bound_ln_scale < 1e-6);
}
