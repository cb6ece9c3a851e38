// SPDX-License-Identifier: Apache-2.0
#include "isoflop/speedup.h"

#include <cmath>
#include <vector>

#include "base/rng.h"
#include "isoflop/error.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

constexpr double kAsymptote = 1.6, kExponent = 0.094, kCoefficient = 88.3;

/// L = asymptote + coefficient (speedup C)^-exponent, with noise of ln(L - asymptote).
std::vector<BoughtLoss> ladder(std::vector<double> computes, double speedup, double noise = 0,
                               const Rng& rng = Rng(0)) {
  std::vector<BoughtLoss> points;
  for (std::size_t i = 0; i < computes.size(); ++i) {
    const double excess = kCoefficient * std::pow(speedup * computes[i], -kExponent);
    points.push_back({computes[i], kAsymptote + excess * std::exp(noise * rng.normal(i))});
  }
  return points;
}

const std::vector<double> kBaseline = {3.82e17, 2.81e18, 1.16e19, 3.46e19};
const std::vector<double> kVariant = {3.5e17, 2.4e18, 1.3e19};

}  // namespace

TEST_CASE("a planted speedup is recovered, with its exponent") {
  const Speedup speedup =
      effective_speedup(ladder(kBaseline, 1), ladder(kVariant, 1.35), kAsymptote);
  REQUIRE(speedup.usable());
  CHECK(speedup.factor == Approx(1.35).epsilon(1e-9));
  CHECK(speedup.exponent == Approx(kExponent).epsilon(1e-9));
  CHECK(speedup.dof == 4);
  CHECK(speedup.interval.low == Approx(1.35).epsilon(1e-6));
  CHECK(*speedup.equal_exponents_p > 0.5);
}

TEST_CASE("the speedup is that of the losses at any one budget: it does not depend on the budget") {
  const Rng rng(5);
  const Speedup speedup = effective_speedup(ladder(kBaseline, 1, 0.01, rng),
                                            ladder(kVariant, 1.2, 0.01, Rng(6)), kAsymptote);
  REQUIRE(speedup.usable());
  // Both fitted lines, through the means of their points.
  const auto line = [&](const std::vector<BoughtLoss>& points, double compute) {
    double x = 0, y = 0;
    for (const BoughtLoss& p : points) {
      x += std::log(p.compute) / static_cast<double>(points.size());
      y += std::log(p.loss - kAsymptote) / static_cast<double>(points.size());
    }
    return std::exp(y - speedup.exponent * (std::log(compute) - x));
  };
  for (const double compute : {1e16, 1e19, 1e24}) {
    const double ratio = line(ladder(kBaseline, 1, 0.01, rng), compute) /
                         line(ladder(kVariant, 1.2, 0.01, Rng(6)), compute);
    CHECK(std::pow(ratio, 1 / speedup.exponent) == Approx(speedup.factor).epsilon(1e-10));
  }
}

TEST_CASE("swapping the sides inverts factor and interval") {
  const auto a = ladder(kBaseline, 1, 0.01, Rng(1));
  const auto b = ladder(kVariant, 1.2, 0.01, Rng(2));
  const Speedup forward = effective_speedup(a, b, kAsymptote);
  const Speedup backward = effective_speedup(b, a, kAsymptote);
  CHECK(forward.factor * backward.factor == Approx(1).epsilon(1e-10));
  CHECK(forward.interval.low * backward.interval.high == Approx(1).epsilon(1e-10));
}

TEST_CASE("the 90 % interval of a speedup covers it") {
  int covered = 0;
  constexpr int kDraws = 2000;
  for (int i = 0; i < kDraws; ++i) {
    const auto seed = static_cast<std::uint64_t>(i);
    const Speedup speedup =
        effective_speedup(ladder(kBaseline, 1, 0.005, Rng(seed, 1)),
                          ladder(kVariant, 1.3, 0.005, Rng(seed, 2)), kAsymptote);
    covered += speedup.interval.low <= 1.3 && 1.3 <= speedup.interval.high ? 1 : 0;
  }
  // Binomial, 4 standard deviations: 0.027.
  CHECK(covered > 0.873 * kDraws);
  CHECK(covered < 0.927 * kDraws);
}

TEST_CASE("exponents that differ are said to") {
  std::vector<BoughtLoss> steeper;
  const Rng rng(3);
  for (std::size_t i = 0; i < kBaseline.size(); ++i) {
    const double excess = 3 * kCoefficient * std::pow(kBaseline[i], -1.25 * kExponent);
    steeper.push_back({kBaseline[i], kAsymptote + excess * std::exp(0.002 * rng.normal(i))});
  }
  const auto baseline = ladder(kBaseline, 1, 0.002, Rng(4));
  CHECK(*effective_speedup(baseline, steeper, kAsymptote).equal_exponents_p < 0.01);
  CHECK(*effective_speedup(baseline, ladder(kVariant, 1.3, 0.002, Rng(7)), kAsymptote)
             .equal_exponents_p > 0.1);
}

TEST_CASE("one point of a variant has a speedup, and too few points or rising losses have none") {
  const auto baseline = ladder(kBaseline, 1, 0.002, Rng(4));
  const Speedup one = effective_speedup(baseline, ladder({1e18}, 1.5), kAsymptote);
  CHECK(one.usable());
  CHECK(one.dof == 2);
  CHECK_FALSE(one.equal_exponents_p);
  CHECK(effective_speedup(ladder({1e18, 1e19}, 1), {}, kAsymptote).status ==
        FitStatus::too_few_points);
  CHECK(effective_speedup(ladder({1e18, 1e18}, 1), ladder({1e18}, 1), kAsymptote).status ==
        FitStatus::too_few_points);
  const std::vector<BoughtLoss> rising = {{1e17, 2.5}, {1e18, 2.6}, {1e19, 2.7}};
  CHECK(effective_speedup(rising, rising, kAsymptote).status == FitStatus::not_converged);
}

TEST_CASE("an asymptote that is not below every loss is refused with both numbers") {
  const auto points = ladder(kBaseline, 1);
  CHECK_THROWS_WITH(effective_speedup(points, points, 3.9),
                    contains("asymptote: must be below every loss, got 3.9"));
  CHECK_THROWS_AS(effective_speedup(points, points, -1), Error);
  CHECK_THROWS_AS(effective_speedup(points, points, NAN), Error);
}

TEST_CASE("the difference of two exponents has Welch's interval") {
  PowerLawFit a, b;
  a.status = b.status = FitStatus::ok;
  a.law.exponent = 0.52;
  b.law.exponent = 0.48;
  a.exponent_se = b.exponent_se = 0.01;
  a.n_points = b.n_points = 8;
  const ExponentDifference difference = exponent_difference(a, b);
  CHECK(difference.value == Approx(0.04));
  // Equal errors: dof = 12, t = 1.78229.
  CHECK(difference.interval.high - difference.value ==
        Approx(1.782287555649 * 0.01 * std::sqrt(2.0)).epsilon(1e-9));
  b.status = FitStatus::too_few_points;
  CHECK(exponent_difference(a, b).interval.high == 0);
}
