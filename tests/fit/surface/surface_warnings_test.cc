// SPDX-License-Identifier: Apache-2.0
#include "fit/surface/surface_warnings.h"

#include <functional>
#include <limits>

#include "support/catch.h"

using namespace isoflop;

namespace {

// Nothing to warn of.
ParametricFit sound_surface() {
  ParametricFit surface;
  surface.law = {1.8, 480, 0.35, 2100, 0.37, LossLaw::Scale::params};
  surface.a_exponent = 0.514;
  surface.objective_value = 1e-3;
  surface.n_starts = surface.n_starts_agreeing = 18;
  surface.n_bootstrap = 1000;
  surface.E = {1.77, 1.85};
  surface.a = {0.48, 0.55};
  surface.standard_errors = {{"E", 0.02}};
  surface.basins = {{1e-3, surface.law, 18}};
  surface.status = FitStatus::ok;
  SurfaceDiagnostics diagnostics;
  diagnostics.condition_number = 300;
  diagnostics.profile_E = {{1.78, 1.86}, true};
  diagnostics.profile_a = {{0.49, 0.54}, true};
  for (const double delta : {1e-4, 1e-3, 1e-2, std::numeric_limits<double>::infinity()}) {
    diagnostics.objective_sensitivity.push_back({delta, surface.law, 0.514});
  }
  diagnostics.n_distinct_sizes = diagnostics.n_distinct_tokens = 9;
  diagnostics.tokens_range = 30;
  surface.diagnostics = diagnostics;
  return surface;
}

Words warnings_of(const std::function<void(ParametricFit&)>& change) {
  ParametricFit surface = sound_surface();
  change(surface);
  Words warnings;
  warn_of_surface(surface, {}, warnings);
  return warnings;
}

void check_one(const char* words, const std::function<void(ParametricFit&)>& change) {
  const Words warnings = warnings_of(change);
  INFO(words);
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].find(words) != std::string::npos);
}

}  // namespace

TEST_CASE("a sound surface has no warnings") {
  CHECK(warnings_of([](ParametricFit&) {}).empty());
}

TEST_CASE("each doubt about a surface has its own warning") {
  check_one("E is not identified by these points; 90 % profile interval [0, 1.86]",
            [](ParametricFit& fit) {
              fit.diagnostics->profile_E = {{0, 1.86}, false};
            });
  check_one("a is not identified", [](ParametricFit& fit) {
    fit.diagnostics->profile_a = {{0.2, 1}, false};
  });
  check_one("E at the bound", [](ParametricFit& fit) { fit.at_bound = {"E"}; });
  check_one("a second optimum (alpha 0.35", [](ParametricFit& fit) {
    fit.basins.push_back({1.0009e-3, fit.law, 3});
  });
  check_one("7 of 1000 resamples did not converge",
            [](ParametricFit& fit) { fit.n_bootstrap_failed = 7; });
  check_one("condition number 1e+06",
            [](ParametricFit& fit) { fit.diagnostics->condition_number = 1e6; });
  check_one("4 distinct sizes and 9 distinct numbers of tokens",
            [](ParametricFit& fit) { fit.diagnostics->n_distinct_sizes = 4; });
  check_one("differ in tokens by a factor of 2.5",
            [](ParametricFit& fit) { fit.diagnostics->tokens_range = 2.5; });
  check_one("the 90 % intervals of E disagree: bootstrap [1.5, 1.85]",
            [](ParametricFit& fit) { fit.E.low = 1.5; });
  check_one("the 90 % intervals of a disagree", [](ParametricFit& fit) { fit.a = {0.55, 0.6}; });
  check_one("a is 0.514 for delta 0.0001 and 0.6 for delta infinite", [](ParametricFit& fit) {
    fit.diagnostics->objective_sensitivity.back().a_exponent = 0.6;
  });
}

TEST_CASE("a search without an optimum, or that few starts found, is said") {
  check_one("did not converge; its numbers are not an optimum",
            [](ParametricFit& fit) { fit.status = FitStatus::not_converged; });
  check_one("only 1 of 18 starts found the optimum",
            [](ParametricFit& fit) { fit.n_starts_agreeing = 1; });
}

TEST_CASE(
    "a surface outside the interval of the valleys' exponent is said, and one inside is not") {
  PowerLawFit scale_opt;
  scale_opt.status = FitStatus::ok;
  scale_opt.law.exponent = 0.5;
  scale_opt.exponent = {0.48, 0.52};
  Words warnings;
  warn_of_surface(sound_surface(), scale_opt, warnings);
  CHECK(warnings.empty());
  scale_opt.exponent = {0.49, 0.51};
  warn_of_surface(sound_surface(), scale_opt, warnings);
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings[0], contains("The estimators disagree") && contains("the surface 0.514"));
}

TEST_CASE("a doubt below its threshold has none") {
  CHECK(warnings_of([](ParametricFit& fit) {
          fit.basins.push_back({1.002e-3, fit.law, 3});
          fit.diagnostics->condition_number = 9e4;
          fit.diagnostics->n_distinct_tokens = 5;
          fit.diagnostics->tokens_range = 3;
          fit.diagnostics->objective_sensitivity[0].a_exponent = 0.47;
          fit.E.low = 1.70;
        }).empty());
}
