// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "fit/valley/valley_warnings.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

/// A law through four sound valleys that passes its checks.
struct Sound {
  std::vector<Valley> valleys;
  PowerLawFit scale_opt;
  double compute_from = 1e18, compute_to = 1e20;
  std::optional<FrontierLaw> frontier =
      FrontierLaw{.irreducible = 1.7, .coefficient = 20, .exponent = -0.1};
  std::optional<LawChecks> law_checks;
  std::optional<double> incredible_bias;
  Sound() {
    for (int i = 0; i < 4; ++i) {
      Valley valley;
      valley.ln_scale_se = 0.02;
      valley.status = FitStatus::ok;
      valleys.push_back(valley);
    }
    scale_opt.law.exponent = 0.5;
    scale_opt.n_points = 4;
    scale_opt.status = FitStatus::ok;
    LawChecks checks;
    checks.leave_one_out = Interval{0.48, 0.52};
    checks.leave_one_out_compute = 1e20;
    checks.curvature = 0.001;
    checks.curvature_p = 0.4;
    checks.centre_drift = 0.02;
    checks.drift_bias = 0.001;
    law_checks = checks;
  }
  [[nodiscard]] bool warns(const std::string& words) const {
    const Words warnings = all();
    return std::any_of(warnings.begin(), warnings.end(), [&](const std::string& warning) {
      return warning.find(words) != std::string::npos;
    });
  }
  [[nodiscard]] Words all() const {
    Words warnings;
    warn_of_allocation({.valleys = valleys,
                        .scale_opt = scale_opt,
                        .compute_from = compute_from,
                        .compute_to = compute_to,
                        .checks = law_checks,
                        .frontier = frontier,
                        .incredible_bias = incredible_bias},
                       warnings);
    return warnings;
  }
};

}  // namespace

TEST_CASE("a sound law is not warned of") { CHECK(Sound().all().empty()); }

TEST_CASE("exponents that do not add up to 1 are warned of") {
  Sound sound;
  sound.law_checks->exponent_sum = 1.03;
  CHECK(sound.warns("add up to 1.03"));
}

TEST_CASE("scatter between budgets beyond their noise is warned of") {
  Sound sound;
  sound.scale_opt.tau = 0.1;
  CHECK(sound.warns("scatter around their law by 10 %"));
}

TEST_CASE("an exponent that hangs on one budget is warned of, and the budget named") {
  Sound sound;
  sound.law_checks->leave_one_out = Interval{0.5, 0.58};
  CHECK(sound.warns("from 0.5 to 0.58; 1e+20 moves it most"));
}

TEST_CASE("a significant curvature is warned of") {
  Sound sound;
  sound.law_checks->curvature_p = 0.01;
  CHECK(sound.warns("bend away from a power law (p = 0.01)"));
}

TEST_CASE("drifting sizes are warned of by their bias, or by the drift where that is unknown") {
  Sound sound;
  sound.law_checks->drift_bias = -0.03;
  CHECK(sound.warns("add -0.03 to the exponent"));
  sound.law_checks->drift_bias = std::nullopt;
  CHECK_FALSE(sound.warns("drifts"));
  sound.law_checks->centre_drift = 0.2;
  CHECK(sound.warns("which biases the exponent"));
}

TEST_CASE("a short range, a missing law and a frontier that does not fall are warned of") {
  Sound sound;
  sound.compute_to = 5e18;
  CHECK(sound.warns("span a factor of 5"));
  sound.frontier.reset();
  CHECK(sound.warns("does not fall with compute"));
  sound.scale_opt.status = FitStatus::too_few_points;
  sound.scale_opt.n_points = 2;
  CHECK(sound.warns("needs 3 budgets"));
}

TEST_CASE("no curve at all, and a frontier whose floor is not seen, are warned of") {
  Sound sound;
  sound.frontier->irreducible = 0;
  CHECK(sound.warns("its floor is not identified"));
  sound.scale_opt.n_points = 3;
  CHECK_FALSE(sound.warns("its floor is not identified"));
  sound.valleys.clear();
  CHECK(sound.warns("No budget has the 5 sizes"));
}

TEST_CASE(
    "curves that the surface contradicts, and minima that leave the exponent open, are told") {
  Sound contradicted;
  contradicted.incredible_bias = -std::log(105.0);
  CHECK(contradicted.warns("miss an optimal size by a factor of 105"));
  Sound open;
  open.scale_opt.status = FitStatus::not_converged;
  open.scale_opt.n_points = 3;
  CHECK(open.warns("The minima of 3 budgets leave the exponent open"));
  CHECK_FALSE(open.warns("needs 3 budgets"));
}

TEST_CASE("a frontier through 3 budgets is said to have no floor") {
  Sound three;
  three.scale_opt.n_points = 3;
  three.frontier->irreducible = 0;
  CHECK(three.warns("The loss frontier through 3 budgets has no floor"));
}
