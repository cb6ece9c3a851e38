// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "fit/forecast/forecaster.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

constexpr double kLnMax = 46;  // ln of the largest compute

/// N* = 1e8 (C / C_max)^a, L* = 2 + (C / C_max)^-gamma / 2.
std::vector<LocatedMinimum> minima(int n, double a, double gamma, double se = 0.01,
                                   double step = 1) {
  std::vector<LocatedMinimum> result;
  for (int i = 0; i < n; ++i) {
    const double x = -step * (n - 1 - i);
    result.push_back({.curve = static_cast<std::size_t>(i),
                      .ln_compute = kLnMax + x,
                      .ln_scale = std::log(1e8) + a * x,
                      .ln_scale_se = se,
                      .ln_loss = std::log(2 + 0.5 * std::exp(-gamma * x)),
                      .ln_loss_se = 1e-4});
  }
  return result;
}

double width(const NormalMixture& x) { return x.quantile(0.95) - x.quantile(0.05); }

}  // namespace

TEST_CASE("many exact minima say the exponent whatever is believed") {
  const SizePosterior posterior(minima(10, 0.7, 0.2), {}, published_prior(), kLnMax);
  CHECK(posterior.exponent().quantile(0.5) == Approx(0.7).margin(0.01));
  CHECK(posterior.at(kLnMax + 3).quantile(0.5) == Approx(std::log(1e8) + 2.1).margin(0.03));
}

TEST_CASE("one minimum takes the exponent from the prior, and none can be had without") {
  const auto one = minima(1, 0.7, 0.2);
  CHECK_FALSE(SizePosterior::can_be_had(one, no_prior()));
  CHECK_FALSE(SizePosterior::can_be_had({}, published_prior()));
  const SizePosterior posterior(one, {}, published_prior(), kLnMax);
  CHECK(posterior.exponent().quantile(0.5) == Approx(0.5).margin(1e-6));
  CHECK(width(posterior.exponent()) == Approx(2 * 1.6449 * 0.15).epsilon(1e-3));
}

TEST_CASE("with few budgets a prior narrows a forecast, with many it does not matter") {
  const ForecastPrior none = no_prior();
  const auto widths = [&](int n, const ForecastPrior& prior) {
    return width(SizePosterior(minima(n, 0.52, 0.2, 0.05), {}, prior, kLnMax).at(kLnMax + 2.3));
  };
  // What an exponent that walks adds is in both.
  CHECK(widths(3, published_prior()) < 0.9 * widths(3, none));
  CHECK(widths(20, published_prior()) == Approx(widths(20, none)).epsilon(0.25));
  CHECK(widths(3, published_prior()) > widths(10, published_prior()));
}

TEST_CASE("errors without correlation are those of none stated") {
  const auto five = minima(5, 0.55, 0.2, 0.07);
  Correlation none(25, 0);
  for (std::size_t i = 0; i < 5; ++i) none[6 * i] = 1;
  const NormalMixture stated = SizePosterior(five, none, published_prior(), kLnMax).at(kLnMax + 2);
  const NormalMixture unsaid = SizePosterior(five, {}, published_prior(), kLnMax).at(kLnMax + 2);
  for (const double p : {0.05, 0.5, 0.95}) {
    CHECK(stated.quantile(p) == Approx(unsaid.quantile(p)).epsilon(1e-9));
  }
}

TEST_CASE("errors that minima share do not average out") {
  const auto five = minima(5, 0.5, 0.2, 0.2, 0.1);
  Correlation all_alike(25, 0.95);
  for (std::size_t i = 0; i < 5; ++i) all_alike[6 * i] = 1;
  const SizePosterior own(five, {}, published_prior(), kLnMax);
  const SizePosterior shared(five, all_alike, published_prior(), kLnMax);
  CHECK(width(shared.at(kLnMax)) > 1.5 * width(own.at(kLnMax)));
}

TEST_CASE("the loss of a further budget is the law's, floor and all, and its interval grows") {
  const LossPosterior posterior(minima(9, 0.5, 0.25), published_prior(), kLnMax);
  const double near = kLnMax + std::log(3.0), far = kLnMax + std::log(100.0);
  CHECK(posterior.at(near).quantile(0.5) ==
        Approx(std::log(2 + 0.5 * std::pow(3, -0.25))).margin(0.006));
  const double truth = std::log(2 + 0.5 * std::pow(100, -0.25));
  CHECK(posterior.at(far).quantile(0.05) < truth);
  CHECK(truth < posterior.at(far).quantile(0.95));
  CHECK(width(posterior.at(far)) > 3 * width(posterior.at(near)));
  CHECK_FALSE(LossPosterior::can_be_had(minima(1, 0.5, 0.2), published_prior()));
}

TEST_CASE("budgets next to the largest tell more than those far below") {
  auto bent = minima(8, 0.5, 0.2);
  for (std::size_t i = 0; i < 4; ++i) bent[i].ln_scale -= 0.2 * static_cast<double>(4 - i);
  ForecastPrior even = published_prior();
  even.size_drift = Belief{0.002, 0.01};
  const double x = kLnMax + 2;
  const double truth = std::log(1e8) + 1;
  const double by_drift = SizePosterior(bent, {}, published_prior(), kLnMax).at(x).quantile(0.5);
  const double by_all = SizePosterior(bent, {}, even, kLnMax).at(x).quantile(0.5);
  CHECK(std::abs(by_drift - truth) < std::abs(by_all - truth));
}

TEST_CASE("a compute between the budgets is read by those on both sides of it") {
  const auto nine = minima(9, 0.5, 0.2, 0.05);
  const double x = kLnMax - 4;
  const NormalMixture between = SizePosterior(nine, {}, published_prior(), x).at(x);
  CHECK(between.quantile(0.5) == Approx(std::log(1e8) - 2).margin(1e-3));
  CHECK(width(between) < width(SizePosterior(nine, {}, published_prior(), kLnMax).at(kLnMax)));
}

TEST_CASE("an exponent that walks widens a forecast as the cube of the distance in its variance") {
  ForecastPrior still = published_prior(), walking = still;
  still.size_drift = Belief{0.002, 0.001};
  walking.size_drift = Belief{0.1, 0.001};
  const auto many = minima(12, 0.5, 0.2, 0.005);
  const auto variance = [&](const ForecastPrior& prior, double distance) {
    return std::pow(
        width(SizePosterior(many, {}, prior, kLnMax).at(kLnMax + distance)) / (2 * 1.6449), 2);
  };
  // 0.1^2 d^3 / 3, beside the errors of the slope d^2 and of the budget.
  const double grown = variance(walking, 9) - variance(still, 9);
  CHECK(grown > 0.01 * 729 / 3);
  CHECK(grown < 2 * 0.01 * 729 / 3);
}

TEST_CASE("two distributions are pooled by their weight, and one stands alone") {
  const NormalMixture low({{.mean = 0, .sd = 0.01}}), high({{.mean = 1, .sd = 0.01}});
  CHECK(linear_pool(low, high, 0.25)->cumulative(0.5) == Approx(0.75));
  CHECK(linear_pool(low, high, 0)->quantile(0.5) == Approx(0).margin(1e-6));
  CHECK(linear_pool(std::nullopt, high, 0)->quantile(0.5) == Approx(1));
  CHECK_FALSE(linear_pool(std::nullopt, std::nullopt, 0.5));
  // A density of what is known to 0.03 is that of both errors together.
  CHECK(ln_density(low, 0, 0.03) ==
        Approx(-std::log(std::hypot(0.01, 0.03)) - 0.5 * std::log(2 * 3.14159265358979)));
}
