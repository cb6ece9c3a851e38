// SPDX-License-Identifier: Apache-2.0
#include "fit/hyper/hyper_fit.h"

#include <cmath>

#include "support/catch.h"

using namespace isoflop;

namespace {

constexpr double kBand = 0.0025;

// Loss quadratic in (ln B, ln lr) around the optimum of the laws, on a grid of factors of 2^(1/2):
// the near-optimal set is symmetric about the optimum, so that its geometric mean is the optimum.
struct Grid {
  double compute, params;
  double batch_opt, lr_opt;
  int offset = 0;  // of the grid's centre, in steps
  [[nodiscard]] GridCell cell() const {
    GridCell result;
    result.budget = result.compute = compute;
    for (int i = -4; i <= 4; ++i) {
      for (int j = -4; j <= 4; ++j) {
        const double x = 0.5 * std::log(2) * (i + offset);
        const double y = 0.5 * std::log(2) * (j + offset);
        Sample sample;
        sample.params = params;
        sample.scale = 6 * params;
        sample.tokens = compute / (6 * params);
        sample.compute = compute;
        sample.batch_tokens = batch_opt * std::exp(x);
        sample.peak_lr = lr_opt * std::exp(y);
        // Curvatures of Step Law's data: a factor of 2 costs 0.29 % and 0.34 % (FACTS 2.8).
        sample.metric = 2.3 * (1 + 0.0060 * x * x + 0.0072 * y * y);
        result.samples.push_back(sample);
      }
    }
    return result;
  }
};

const HyperLaw kPaper = {{0.2920, 0.3271}, {0.3118, -0.1250}};

std::vector<GridCell> c_cells(int n) {
  std::vector<GridCell> cells;
  for (int i = 0; i < n; ++i) {
    const double c = 1e17 * std::pow(6, i);
    cells.push_back(
        Grid{c, 1e8 * std::sqrt(c / 1e17), kPaper.batch_tokens(c), kPaper.peak_lr(c)}.cell());
  }
  return cells;
}

}  // namespace

TEST_CASE("band laws recover planted laws in C") {
  const auto fit = fit_hyper(c_cells(4), kBand, HyperLaw{{1, 0}, {1, 0}});
  REQUIRE(fit);
  CHECK(fit->n_cells == 4);
  REQUIRE(fit->batch_tokens.usable());
  CHECK(fit->batch_tokens.law.coefficient == Approx(0.2920).epsilon(1e-9));
  CHECK(fit->batch_tokens.law.exponent == Approx(0.3271).epsilon(1e-9));
  CHECK(fit->peak_lr.law.coefficient == Approx(0.3118).epsilon(1e-9));
  CHECK(fit->peak_lr.law.exponent == Approx(-0.1250).epsilon(1e-9));
  CHECK_FALSE(fit->peak_lr.exponent_assumed);
  for (const HyperCell& cell : fit->cells) {
    CHECK_FALSE(cell.batch_at_edge);
    CHECK_FALSE(cell.peak_lr_at_edge);
    CHECK(cell.n_runs == 81);
  }
}

TEST_CASE("the band holds the runs within 0.25 % of the best, and a wider one more") {
  const auto cells = c_cells(1);
  // 0.0060 x^2 + 0.0072 y^2 <= 0.0025 on the grid: |x|, |y| of at most one step and (0, 0).
  CHECK(fit_hyper(cells, kBand, kPaper)->n_near_optimal == 9);
  CHECK(fit_hyper(cells, 1e-9, kPaper)->n_near_optimal == 1);
  CHECK(fit_hyper(cells, 0.5, kPaper)->n_near_optimal == 81);
}

TEST_CASE("laws in N and D are recovered where the cells tell N from D") {
  std::vector<GridCell> cells;
  for (const double n : {1e8, 4e8, 1e9}) {
    for (const double d : {2e9, 2e10, 1e11}) {
      const double lr = 1.79 * std::pow(n, -0.713) * std::pow(d, 0.307);
      cells.push_back(Grid{6 * n * d, n, 0.58 * std::pow(d, 0.571), lr}.cell());
    }
  }
  const auto fit = fit_hyper(cells, kBand, kPaper);
  REQUIRE(fit->peak_lr_nd);
  CHECK(fit->peak_lr_nd->coefficient == Approx(1.79).epsilon(1e-9));
  CHECK(fit->peak_lr_nd->exponent_params == Approx(-0.713).epsilon(1e-9));
  CHECK(fit->peak_lr_nd->exponent_tokens == Approx(0.307).epsilon(1e-9));
  CHECK(fit->peak_lr_nd_residual_sd < 1e-9);
  CHECK(fit->batch_tokens_d->coefficient == Approx(0.58).epsilon(1e-9));
  CHECK(fit->batch_tokens_d->exponent_params == 0);
  CHECK(fit->batch_tokens_d->exponent_tokens == Approx(0.571).epsilon(1e-9));
  // In C alone the same optima leave a scatter.
  CHECK(fit->peak_lr.residual_sd > 0.1);
}

TEST_CASE("cells along one line have no law in N and D") {
  const auto fit = fit_hyper(c_cells(5), kBand, kPaper);
  CHECK_FALSE(fit->peak_lr_nd);
  CHECK(fit->batch_tokens_d);
}

TEST_CASE(
    "with fewer than three cells the exponents are the prior's and the coefficient is fitted") {
  for (const int n : {1, 2}) {
    const auto fit = fit_hyper(c_cells(n), kBand, kPaper);
    CHECK(fit->batch_tokens.status == FitStatus::too_few_points);
    CHECK(fit->batch_tokens.exponent_assumed);
    CHECK(fit->batch_tokens.law.exponent == 0.3271);
    CHECK(fit->batch_tokens.law.coefficient == Approx(0.2920).epsilon(1e-9));
    CHECK(fit->peak_lr.law.coefficient == Approx(0.3118).epsilon(1e-9));
    CHECK_FALSE(fit->batch_tokens_d);
  }
}

TEST_CASE("a band that reaches the edge of its grid is flagged") {
  Grid grid{1e17, 1e8, 1e5, 2e-3};
  grid.offset = 4;  // the optimum is the grid's corner
  const auto fit = fit_hyper(std::vector{grid.cell()}, kBand, kPaper);
  CHECK(fit->cells[0].batch_at_edge);
  CHECK(fit->cells[0].peak_lr_at_edge);
}

TEST_CASE("a grid of one batch size has no batch edge") {
  GridCell cell = Grid{1e17, 1e8, 1e5, 2e-3}.cell();
  std::erase_if(cell.samples, [](const Sample& s) { return std::abs(*s.batch_tokens - 1e5) > 1; });
  const auto fit = fit_hyper(std::vector{cell}, kBand, kPaper);
  CHECK_FALSE(fit->cells[0].batch_at_edge);
}

TEST_CASE("values of a grid that lie on a line are known no better than its steps") {
  // Steps of a factor of 2; each budget's best rate is half of the one before, exactly.
  std::vector<GridCell> cells;
  for (int b = 0; b < 3; ++b) {
    GridCell cell;
    cell.budget = cell.compute = 1e11 * std::pow(8, b);
    for (const double batch : {256.0, 512.0, 1024.0}) {
      for (int j = 0; j < 5; ++j) {
        Sample sample;
        sample.params = 1e4;
        sample.tokens = cell.compute / 6e4;
        sample.compute = cell.compute;
        sample.batch_tokens = batch;
        sample.peak_lr = 0.001 * std::pow(2, j);
        const bool is_best = batch == 512 && j == 3 - b;
        sample.metric = is_best ? 2 : 2.1;
        cell.samples.push_back(sample);
      }
    }
    cells.push_back(cell);
  }
  const auto fit = fit_hyper(cells, kBand, kPaper);
  REQUIRE(fit);
  const PowerLawFit& rate = fit->estimates.front().peak_lr;
  CHECK(rate.law.exponent == Approx(-1.0 / 3));
  // ln 2 / sqrt 12 of each of three cells, two of them ln 8 from the middle.
  const double least = 1.6449 * std::log(2) / std::sqrt(12) / (std::sqrt(2) * std::log(8));
  CHECK(rate.exponent.high - rate.exponent.low == Approx(2 * least).epsilon(1e-3));
}

TEST_CASE("no cells, no laws") { CHECK_FALSE(fit_hyper({}, kBand, kPaper)); }
