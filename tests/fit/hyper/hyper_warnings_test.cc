// SPDX-License-Identifier: Apache-2.0
#include "fit/hyper/hyper_warnings.h"

#include <cmath>

#include "fit/hyper/hyper_fit.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

/// Quadratic grids around planted optima at 3 x 3 (N, D), in steps of 2^(1/2) to 4 either side.
struct Grids {
  int batch_offset = 0, rate_offset = 0;
  int n_batches = 9;
  double cubic = 0;  // lopsidedness in ln lr, growing with N
  std::vector<double> params = {1e8, 4e8, 1e9}, tokens = {2e9, 2e10, 1e11};

  [[nodiscard]] std::vector<GridCell> cells() const {
    std::vector<GridCell> result;
    for (const double n : params) {
      for (const double d : tokens) result.push_back(cell(n, d));
    }
    return result;
  }

  [[nodiscard]] GridCell cell(double n, double d) const {
    GridCell result;
    result.budget = result.compute = 6 * n * d;
    const int half = n_batches / 2;
    for (int i = -half; i <= half; ++i) {
      for (int j = -4; j <= 4; ++j) {
        const double x = 0.5 * std::log(2) * (i + batch_offset);
        const double y = 0.5 * std::log(2) * (j + rate_offset);
        Sample sample;
        sample.params = sample.scale = n;
        sample.tokens = d;
        sample.compute = result.compute;
        sample.batch_tokens = 0.58 * std::pow(d, 0.571) * std::exp(x);
        sample.peak_lr = 1.79 * std::pow(n, -0.713) * std::pow(d, 0.307) * std::exp(y);
        const double skew = cubic * std::log(n / 1e8) * y * y * y;
        sample.metric = 2.3 * (1 + 0.0060 * x * x + 0.0072 * y * y + skew);
        result.samples.push_back(sample);
      }
    }
    return result;
  }
};

bool warns(const std::vector<GridCell>& cells, const char* part, double band = 0.0025) {
  Words words;
  warn_of_hyper(fit_hyper(cells, band, HyperLaw{{1, 0.3}, {1, -0.1}}).value(), words);
  for (const std::string& word : words) {
    if (word.find(part) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("good grids give no warning") {
  HyperFit fit = fit_hyper(Grids{}.cells(), 0.0025, HyperLaw{{1, 0.3}, {1, -0.1}}).value();
  // exp and 1 + x part at the third order: a noise of 1e-5, no exponent moves.
  fit.noise = 0;
  Words words;
  warn_of_hyper(fit, words);
  for (const std::string& word : words) UNSCOPED_INFO(word);
  // In C the planted optima scatter, and what the band does to them is within their interval.
  CHECK(words.empty());
}

TEST_CASE("a band that moves an exponent by more than its interval is told of") {
  CHECK_FALSE(warns(Grids{}.cells(), "Near-optimal band"));
  Grids lopsided;
  lopsided.cubic = 0.0012;
  CHECK(warns(lopsided.cells(), "the learning rate's exponent of N goes from"));
}

TEST_CASE("an assumed exponent is told of") {
  CHECK(warns({Grids{}.cell(1e8, 2e9)}, "1 grid does not determine the exponent; assumed"));
  CHECK_FALSE(warns(Grids{}.cells(), "assumed"));
}

TEST_CASE("edges of the grid are told of") {
  CHECK_FALSE(warns(Grids{}.cells(), "edge"));
  CHECK(warns(Grids{.batch_offset = 4}.cells(), "near-optimal batch sizes reach the edge"));
  CHECK(warns(Grids{.rate_offset = 4}.cells(), "near-optimal learning rates reach the edge"));
  CHECK_FALSE(warns(Grids{}.cells(), "beyond the runs near the best"));
  CHECK(warns(Grids{.rate_offset = 6}.cells(), "best learning rate beyond the runs near the best"));
}

TEST_CASE("noise as wide as the band is told of") {
  std::vector<GridCell> cells = Grids{}.cells();
  CHECK_FALSE(warns(cells, "scatter by"));
  int sign = 1;
  for (GridCell& cell : cells) {
    for (Sample& sample : cell.samples) sample.metric *= 1 + 0.002 * (sign = -sign);
  }
  CHECK(warns(cells, "scatter by"));
}

TEST_CASE("grids of one batch, and grids on one line, are told of") {
  CHECK_FALSE(warns(Grids{}.cells(), "the grid has one"));
  CHECK(warns(Grids{.n_batches = 1}.cells(), "the grid has one batch size"));
  CHECK_FALSE(warns(Grids{}.cells(), "lie on one line"));
  std::vector<GridCell> line;
  for (const double n : {1e8, 2e8, 4e8, 8e8, 1.6e9}) line.push_back(Grids{}.cell(n, 20 * n));
  CHECK(warns(line, "lie on one line"));
}

TEST_CASE("a best batch above the critical one measured is told of") {
  std::vector<GridCell> cells = Grids{}.cells();
  for (GridCell& cell : cells) {
    for (Sample& sample : cell.samples) sample.critical_batch_tokens = 1e9;
  }
  CHECK_FALSE(warns(cells, "critical"));
  for (Sample& sample : cells[0].samples) sample.critical_batch_tokens = 1000;
  CHECK(warns(cells, "is above the critical one measured, 1"));
}

TEST_CASE("one learning rate printed with two roundings is one value, and is told of") {
  std::vector<GridCell> cells = Grids{}.cells();
  CHECK_FALSE(warns(cells, "roundings"));
  GridCell& cell = cells[0];
  cell.samples[0].peak_lr = 0.00276;
  cell.samples[9].peak_lr = 0.002762;
  CHECK(warns(cells, "several roundings (0.00276 and 0.002762)"));
  CHECK(distinct_settings({0.002762, 0.00276, 0.0039, 0.00391}).size() == 2);
  CHECK(distinct_settings({0.00276, 0.0028}).size() == 2);
}

TEST_CASE("diverged runs are told of") {
  std::vector<GridCell> cells = Grids{}.cells();
  CHECK_FALSE(warns(cells, "diverged"));
  cells[0].samples[0].metric = 7;
  CHECK(warns(cells, "1 of the grids' 729 runs is more than 50 % above"));
}
