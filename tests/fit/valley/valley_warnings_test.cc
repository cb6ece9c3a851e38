// SPDX-License-Identifier: Apache-2.0
#include "fit/valley/valley_warnings.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "support/catch.h"

using namespace isoflop;

namespace {

/// Three sound valleys and the curves they came from: nothing to warn of.
struct Sound {
  std::vector<Valley> valleys;
  std::vector<EstimatorDisagreement> disagreement;
  std::optional<double> seed_noise;
  std::vector<BudgetGroup> curves;
  Sound() {
    for (int i = 0; i < 3; ++i) {
      BudgetGroup curve{
          .budget = std::pow(10, 18 + i), .compute = std::pow(10, 18 + i), .samples = {}};
      for (int j = -4; j <= 4; ++j) {
        Sample sample;
        sample.scale = 1e8 * std::exp(0.35 * j);
        sample.metric = 3 - 0.2 * i + 0.03 * j * j;
        curve.samples.push_back(sample);
      }
      curves.push_back(curve);
      Valley valley;
      valley.budget = valley.compute = curve.budget;
      valley.scale_opt = valley.best_cell_scale = 1e8;
      valley.loss_opt = 3 - 0.2 * i;
      valley.curvature = 0.2;
      valley.ln_scale_se = 0.02;
      valley.residual_rms = 0.003;
      valley.n_points = valley.n_fitted = 9;
      valley.fitted_scale = {1e8 * std::exp(-1.4), 1e8 * std::exp(1.4)};
      valley.bracketed = true;
      valley.status = FitStatus::ok;
      valleys.push_back(valley);
    }
  }
  [[nodiscard]] bool warns(const std::string& words) const {
    const Words warnings = all();
    return std::any_of(warnings.begin(), warnings.end(), [&](const std::string& warning) {
      return warning.find(words) != std::string::npos;
    });
  }
  [[nodiscard]] Words all() const {
    Words warnings;
    warn_of_valleys(valleys, curves, seed_noise, warnings);
    warn_of_disagreement(disagreement, warnings);
    return warnings;
  }
  Valley& valley() { return valleys[1]; }
};

}  // namespace

TEST_CASE("sound valleys are not warned of") { CHECK(Sound().all().empty()); }

TEST_CASE("a minimum that is not bracketed or not there is named, with the side to widen to") {
  Sound sound;
  sound.valley().status = FitStatus::not_bracketed;
  sound.curves[1].samples.front().metric = 1;
  CHECK(sound.warns("budget 1e+19: the minimum is not bracketed; run smaller models"));
  sound.curves[1].samples.front().metric = 9;
  sound.curves[1].samples.back().metric = 1;
  CHECK(sound.warns("run larger models"));
  sound.valley().status = FitStatus::not_convex;
  CHECK(sound.warns("not convex"));
}

TEST_CASE("a curve that hardly rises beside its scatter is warned of") {
  Sound sound;
  sound.valley().curvature = 0.005;  // rises 0.0049 at the window's end, scatter 0.003
  CHECK(sound.warns("the curve rises over its sizes"));
}

TEST_CASE("a large error of the optimal size is warned of") {
  Sound sound;
  sound.valley().ln_scale_se = 0.3;
  CHECK(sound.warns("standard error of the optimal size is 30 %"));
}

TEST_CASE("a vertex far from the best run is warned of") {
  Sound sound;
  sound.valley().best_cell_scale = 1e8 * std::exp(-0.7);
  CHECK(sound.warns("2.01 times the best size"));
}

TEST_CASE("scatter far above the noise between seeds is warned of, where that is known") {
  Sound sound;
  CHECK_FALSE(sound.warns("between seeds"));
  sound.seed_noise = 0.001;
  CHECK_FALSE(sound.warns("between seeds"));
  sound.seed_noise = 0.0002;
  CHECK(sound.warns("between seeds"));
}

TEST_CASE("computes that differ by more than 1 % within a curve are warned of") {
  Sound sound;
  sound.valley().compute_spread = 1.008;
  CHECK_FALSE(sound.warns("computes differ"));
  sound.valley().compute_spread = 1.04;
  CHECK(sound.warns("computes differ by 4 %"));
}

TEST_CASE("a bias predicted for the parabola is warned of") {
  Sound sound;
  sound.valley().predicted_bias = -0.15;
  CHECK(sound.warns("misses the optimal size"));
}

TEST_CASE("estimators that disagree are warned of, at a budget and beyond") {
  Sound sound;
  sound.disagreement = {
      {.compute = 1e19, .extrapolation = 1, .largest_ln_ratio = 0.1, .n_estimators = 4},
      {.compute = 1e21, .extrapolation = 10, .largest_ln_ratio = 0.1, .n_estimators = 4}};
  CHECK_FALSE(sound.warns("differ by a factor"));
  sound.disagreement[0].largest_ln_ratio = 0.3;
  CHECK(sound.warns("Compute 1e+19: 4 estimators"));
  sound.disagreement[1].largest_ln_ratio = 0.7;
  CHECK(sound.warns("10 times the largest budget"));
}

TEST_CASE("a best loss that does not fall with compute is warned of") {
  Sound sound;
  sound.valley().loss_opt = 3.1;
  CHECK(sound.warns("the best loss is no lower than at"));
}
