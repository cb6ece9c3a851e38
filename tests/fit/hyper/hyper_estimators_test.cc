// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "base/rng.h"
#include "fit/hyper/excess_loss.h"
#include "fit/hyper/hyper_fit.h"
#include "fit/hyper/hyper_regression.h"
#include "fit/hyper/local_optimum.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

constexpr double kBatch = 1e5, kRate = 2e-3, kCross = 0.004;

// exp(quadratic) with a cross term, its minimum between the grid's values.
GridCell tilted_cell(double noise, std::uint64_t seed) {
  const Rng rng(seed);
  std::uint64_t draw = 0;
  GridCell cell;
  cell.budget = cell.compute = 1e18;
  for (int i = -3; i <= 3; ++i) {
    for (int j = -3; j <= 3; ++j) {
      const double x = 0.4 * i + 0.13, y = 0.4 * j - 0.07;
      Sample sample;
      sample.params = sample.scale = 1e8;
      sample.tokens = 1e18 / 6e8;
      sample.batch_tokens = kBatch * std::exp(x);
      sample.peak_lr = kRate * std::exp(y);
      sample.metric = 2.3 * std::exp((0.012 * x * x + 0.0145 * y * y) / 2 + kCross * x * y +
                                     noise * rng.normal(draw++));
      cell.samples.push_back(sample);
    }
  }
  return cell;
}

}  // namespace

TEST_CASE("a local surface has the planted minimum and curvatures") {
  const LocalOptimum found = find_optima(std::vector{tilted_cell(0, 1)}, 0.02).front();
  REQUIRE(found.usable());
  CHECK(found.batch_tokens == Approx(kBatch).epsilon(1e-9));
  CHECK(found.peak_lr == Approx(kRate).epsilon(1e-9));
  CHECK(found.metric == Approx(2.3).epsilon(1e-12));
  CHECK(found.batch_curvature == Approx(0.012).epsilon(1e-9));
  CHECK(found.peak_lr_curvature == Approx(0.0145).epsilon(1e-9));
  CHECK(found.cross_curvature == Approx(kCross).epsilon(1e-9));
  CHECK(found.excess(2 * kBatch, kRate) == Approx(0.006 * std::pow(std::log(2), 2)));
}

TEST_CASE("the minimum's standard errors are its scatter over noise") {
  double scatter = 0, claimed = 0;
  constexpr int kDraws = 400;
  for (int seed = 0; seed < kDraws; ++seed) {
    // The window holds every run: what is selected does not depend on the noise.
    const LocalOptimum found = find_optima(std::vector{tilted_cell(2e-4, seed)}, 0.5).front();
    scatter += std::pow(std::log(found.peak_lr / kRate), 2) / kDraws;
    claimed += std::pow(found.ln_peak_lr_se, 2) / kDraws;
  }
  // The sd of a variance over 400 draws is 7 %.
  CHECK(std::sqrt(scatter / claimed) == Approx(1).margin(0.12));
}

TEST_CASE("errors of rows that share cells are those of leaving out whole cells") {
  std::vector<HyperRow> rows;
  const Rng rng(3);
  std::uint64_t draw = 0;
  for (int cell = 0; cell < 6; ++cell) {
    const double compute = 1e17 * std::pow(3, cell);
    const double level = 0.1 * rng.normal(draw++);
    for (int run = 0; run <= cell % 3; ++run) {
      rows.push_back({.compute = compute,
                      .value = std::pow(compute, 0.3) * std::exp(level + 0.2 * rng.normal(draw++)),
                      .cell = cell});
    }
  }
  const PowerLawFit all = fit_compute_law(rows);
  double squares = 0;
  for (int left_out = 0; left_out < 6; ++left_out) {
    std::vector<HyperRow> rest;
    for (const HyperRow& row : rows) {
      if (row.cell != left_out) rest.push_back(row);
    }
    squares += std::pow(fit_compute_law(rest).law.exponent - all.law.exponent, 2);
  }
  CHECK(all.exponent_se == Approx(std::sqrt(5.0 / 6 * squares)).epsilon(1e-9));
  CHECK(all.n_points == 6);
  CHECK(all.t == Approx(2.1318).epsilon(1e-4));  // Student's t of 4, two-sided 90 %
}

TEST_CASE("excess loss is the surface's where it holds and the nearest run's elsewhere") {
  const std::vector<GridCell> cells = {tilted_cell(0, 1)};
  const auto fit = fit_hyper(cells, 0.0025, HyperLaw{{1, 0}, {1, 0}});
  const auto excess = [&](double batch, double rate) {
    return excess_loss(cells, fit->cells, HyperLaw{{batch, 0}, {rate, 0}});
  };
  CHECK(excess(kBatch, kRate).mean < 1e-12);
  const ExcessLoss near = excess(2 * kBatch, kRate);
  CHECK(near.n_by_surface == 1);
  CHECK(near.max == Approx(std::expm1(0.006 * std::pow(std::log(2), 2))).epsilon(1e-9));
  const ExcessLoss far = excess(100 * kBatch, kRate);
  CHECK(far.n_by_surface == 0);
  CHECK(far.n_outside_grid == 1);
  // The nearest run: the largest batch, and the rate next to the proposal.
  const double x = 1.33, y = -0.07;
  const double run = (0.012 * x * x + 0.0145 * y * y) / 2 + kCross * x * y;
  const double best = (0.012 * 0.13 * 0.13 + 0.0145 * y * y) / 2 + kCross * 0.13 * y;
  CHECK(far.mean == Approx(std::expm1(run - best)).epsilon(1e-9));
}
