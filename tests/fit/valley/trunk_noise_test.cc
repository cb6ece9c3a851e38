// SPDX-License-Identifier: Apache-2.0
#include "fit/valley/trunk_noise.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/json.h"
#include "fit/valley/isoflop_fit.h"
#include "isoflop/fit.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;

namespace {

test::SweepOracle sweep(double trunk_share, std::uint64_t seed) {
  return {.surface = test::epoch_surface(),
          .budgets = test::geometric_budgets(1e18, 2, 7),
          .n_sizes = 9,
          .half_width = 3,
          .noise = 0.002,
          .seed = seed,
          .trunk_share = trunk_share};
}

IsoFlopFit fit_of(const PointSet& points) {
  return fit_isoflop(group_by_budget(points, LossLaw::Scale::params));
}

PointSet without_trunks(PointSet points) {
  for (Point& point : points.points) point.trunk.clear();
  return points;
}

}  // namespace

TEST_CASE("there is no common noise without trunks, or where each stays in its budget") {
  PointSet points = sweep(0.5, 1).points();
  REQUIRE(fit_of(points).trunk_noise);
  CHECK_FALSE(fit_of(without_trunks(points)).trunk_noise);
  for (Point& point : points.points) point.trunk += " of " + std::to_string(*point.budget);
  const IsoFlopFit apart = fit_of(points);
  CHECK_FALSE(apart.trunk_noise);
  const IsoFlopFit none = fit_of(without_trunks(points));
  CHECK(apart.scale_opt.exponent.low == none.scale_opt.exponent.low);
  CHECK(apart.scale_opt.exponent_se == none.scale_opt.exponent_se);
}

TEST_CASE("the share of the noise that trunks have in common is found") {
  constexpr int kSweeps = 60;
  for (const double share : {0.3, 0.7}) {
    double mean = 0;
    for (std::uint64_t seed = 0; seed < kSweeps; ++seed) {
      mean += fit_of(sweep(share, seed).points()).trunk_noise->share / kSweeps;
    }
    // One sweep knows it to about 0.2, 60 of them to 0.03.
    CHECK(mean == Approx(share).margin(0.08));
  }
}

TEST_CASE("minima of budgets that share trunks err together as the correlation says") {
  constexpr int kSweeps = 400;
  std::vector<std::vector<double>> log_optima(3);
  double predicted_near = 0, predicted_far = 0;
  for (std::uint64_t seed = 0; seed < kSweeps; ++seed) {
    const IsoFlopFit fit = fit_of(sweep(1, seed).points());
    const TrunkNoise& noise = *fit.trunk_noise;
    REQUIRE(noise.correlation.size() == 49);
    predicted_near += noise.correlation[1] / noise.share / kSweeps;
    predicted_far += noise.correlation[2] / noise.share / kSweeps;
    for (std::size_t i = 0; i < 3; ++i) {
      log_optima[i].push_back(std::log(fit.valleys[i].scale_opt));
    }
  }
  const auto correlation = [&](std::size_t i, std::size_t j) {
    double mean_i = 0, mean_j = 0, ii = 0, jj = 0, ij = 0;
    for (int k = 0; k < kSweeps; ++k) {
      mean_i += log_optima[i][static_cast<std::size_t>(k)] / kSweeps;
      mean_j += log_optima[j][static_cast<std::size_t>(k)] / kSweeps;
    }
    for (int k = 0; k < kSweeps; ++k) {
      const double a = log_optima[i][static_cast<std::size_t>(k)] - mean_i;
      const double b = log_optima[j][static_cast<std::size_t>(k)] - mean_j;
      ii += a * a;
      jj += b * b;
      ij += a * b;
    }
    return ij / std::sqrt(ii * jj);
  };
  CHECK(predicted_near > 0.3);
  // 400 pairs know a correlation to 0.05.
  CHECK(correlation(0, 1) == Approx(predicted_near).margin(0.12));
  CHECK(correlation(0, 2) == Approx(predicted_far).margin(0.12));
}

TEST_CASE("with shared trunks the exponent's interval covers it, and blind to them does not") {
  constexpr int kSweeps = 400;
  int covered = 0, blind = 0;
  for (std::uint64_t seed = 0; seed < kSweeps; ++seed) {
    const test::SweepOracle oracle = sweep(1, seed);
    const PointSet points = oracle.points();
    const auto holds = [&](const PointSet& set) {
      const Interval interval = fit_of(set).scale_opt.exponent;
      return interval.low <= oracle.exponent() && oracle.exponent() <= interval.high;
    };
    covered += holds(points);
    blind += holds(without_trunks(points));
  }
  INFO(covered << " and " << blind << " of " << kSweeps);
  CHECK(covered >= 0.85 * kSweeps);
  CHECK(covered <= 0.95 * kSweeps);
  CHECK(blind < 0.8 * kSweeps);
}

TEST_CASE("the surface counts what a trunk has in common, and the answer says it") {
  FitOptions options;
  options.scale = LossLaw::Scale::params;
  options.n_bootstrap = 0;
  options.holdout = 0;
  const PointSet points = sweep(0.8, 3).points();
  const Fit shared = fit(points, options), blind = fit(without_trunks(points), options);
  REQUIRE(shared.trunk_noise);
  CHECK(shared.trunk_noise->share > 0.2);
  REQUIRE(shared.surface_intervals);
  REQUIRE(blind.surface_intervals);
  CHECK(shared.surface_intervals->dependence == Dependence::trunk);
  CHECK(shared.surface_intervals->n_units < shared.n_points / 2);
  CHECK(blind.surface_intervals->dependence != Dependence::trunk);

  const Json said = parse_json(to_json(shared), "answer");
  const JsonReader noise = JsonReader(said, "answer").at("allocation").at("trunk_noise");
  CHECK(noise.at("share").number() == shared.trunk_noise->share);
  CHECK(noise.at("n_trunks").integer(2, 100) == shared.trunk_noise->n_trunks);
  const Json silent = parse_json(to_json(blind), "answer");
  CHECK_FALSE(JsonReader(silent, "answer").at("allocation").find("trunk_noise"));
}
