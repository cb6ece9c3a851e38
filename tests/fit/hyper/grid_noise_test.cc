// SPDX-License-Identifier: Apache-2.0
#include "fit/hyper/grid_noise.h"

#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "fit/hyper/hyper_fit.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

/// Three grids of 5 x 5 on a quadratic surface around B = 512, lr = 0.01, with relative noise.
std::vector<GridCell> noisy_cells(double noise, std::uint64_t seed) {
  const Rng rng(seed);
  std::uint64_t draw = 0;
  std::vector<GridCell> cells;
  for (const double compute : {1e10, 1e11, 1e12}) {
    GridCell& cell = cells.emplace_back();
    cell.budget = cell.compute = compute;
    for (int i = -2; i <= 2; ++i) {
      for (int j = -2; j <= 2; ++j) {
        Sample sample;
        sample.compute = compute;
        sample.params = sample.scale = std::sqrt(compute);
        sample.tokens = compute / sample.scale;
        sample.batch_tokens = 512 * std::pow(2, i);
        sample.peak_lr = 0.01 * std::pow(2, j);
        sample.metric =
            2.5 * (1 + 0.003 * i * i + 0.004 * j * j) * (1 + noise * rng.normal(draw++));
        cell.samples.push_back(sample);
      }
    }
  }
  return cells;
}

const HyperLaw kFlat = {{512, 0}, {0.01, 0}};

}  // namespace

TEST_CASE("the scatter of runs about a smooth surface is their noise") {
  // ln(1 + quadratic) departs from a quadratic by 1e-4 at the window's edge.
  CHECK(grid_noise(noisy_cells(0, 1)).value() < 3e-4);
  double sum = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    sum += std::pow(grid_noise(noisy_cells(0.005, seed)).value(), 2);
  }
  // 50 x about 60 degrees of freedom: the pooled sd is within 5 % in any run of this test.
  CHECK(std::sqrt(sum / 50) == Approx(0.005).epsilon(0.05));
}

TEST_CASE("too few runs leave the noise unknown") {
  std::vector<GridCell> cells = noisy_cells(0.005, 1);
  for (GridCell& cell : cells) cell.samples.resize(4);
  CHECK_FALSE(grid_noise(cells));
}

TEST_CASE("a band wider than the noise stays, a narrower one is widened and finds the optimum") {
  const auto clean = fit_hyper(noisy_cells(0, 1), std::nullopt, kFlat);
  REQUIRE(clean);
  CHECK(clean->band == 0.0025);
  double band_error = 0, widened_error = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const auto cells = noisy_cells(0.006, seed);
    const auto fit = fit_hyper(cells, std::nullopt, kFlat);
    REQUIRE(fit);
    CHECK(fit->band > 0.0025);
    for (std::size_t i = 0; i < cells.size(); ++i) {
      widened_error += std::pow(std::log(fit->cells[i].peak_lr / 0.01), 2);
      const auto best =
          std::min_element(cells[i].samples.begin(), cells[i].samples.end(),
                           [](const Sample& a, const Sample& b) { return a.metric < b.metric; });
      band_error += std::pow(std::log(*best->peak_lr / 0.01), 2);
    }
  }
  CHECK(widened_error < 0.5 * band_error);
}

TEST_CASE("an exponent that its grids leave open is the prior's") {
  std::vector<GridCell> cells = noisy_cells(0, 1);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    // The optimum jumps about: 0.01, 0.04, 0.01.
    for (Sample& sample : cells[i].samples) sample.peak_lr = *sample.peak_lr * (i == 1 ? 4 : 1);
  }
  const auto fit = fit_hyper(cells, std::nullopt, HyperLaw{{1, 0.3}, {1, -0.1}});
  REQUIRE(fit);
  CHECK(fit->peak_lr.exponent_assumed);
  CHECK(fit->peak_lr.law.exponent == -0.1);
  CHECK_FALSE(fit->batch_tokens.exponent_assumed);
  CHECK(std::abs(fit->batch_tokens.law.exponent) < 1e-9);
}
