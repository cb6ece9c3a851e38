// SPDX-License-Identifier: Apache-2.0
#include "fit/surface/loss_law_fit.h"

#include <cmath>

#include "base/rng.h"
#include "fit/surface/newton.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;

namespace {

std::vector<LossSample> samples_of(const PointSet& set) {
  std::vector<LossSample> samples;
  for (const Point& p : set.points) {
    samples.push_back({p.params ? *p.params : *p.flops_per_token, p.tokens, *p.loss});
  }
  return samples;
}

test::SweepOracle sweep(const LossLaw& surface, double from, double noise = 0) {
  return {.surface = surface,
          .budgets = test::geometric_budgets(from, 3, 6),
          .n_sizes = 9,
          .half_width = 6,
          .noise = noise,
          .seed = 1};
}

constexpr ObjectiveKind kKinds[] = {ObjectiveKind::huber_log, ObjectiveKind::huber,
                                    ObjectiveKind::mse};

}  // namespace

TEST_CASE("planted surfaces are recovered from noise-free points under every objective") {
  const LossLaw tiny{1.2, 3e3, 0.75, 2e4, 0.65, LossLaw::Scale::flops_per_token};
  const LossLaw steep{1,   0.6 * std::pow(4e5, 0.3),       0.3, 0.2 * std::pow(2.5e6, 0.9),
                      0.9, LossLaw::Scale::flops_per_token};
  struct Case {
    LossLaw law;
    double from;
  };
  for (const Case& c : {Case{test::epoch_surface(), 1e18}, Case{tiny, 1e11}, Case{steep, 1e11}}) {
    const std::vector<LossSample> samples = samples_of(sweep(c.law, c.from).points());
    for (const ObjectiveKind kind : kKinds) {
      const ParametricFit fit = fit_loss_law(samples, {.objective = kind});
      REQUIRE(fit.usable());
      CHECK(fit.law.irreducible == Approx(c.law.irreducible).epsilon(1e-6));
      CHECK(fit.law.alpha == Approx(c.law.alpha).epsilon(1e-6));
      CHECK(fit.law.beta == Approx(c.law.beta).epsilon(1e-6));
      CHECK(fit.law.a == Approx(c.law.a).epsilon(1e-5));
      CHECK(fit.law.b == Approx(c.law.b).epsilon(1e-5));
      CHECK(fit.a_exponent + fit.b_exponent == Approx(1).epsilon(1e-15));
      CHECK(fit.objective_value < 1e-15);
      CHECK(fit.at_bound.empty());
    }
  }
}

TEST_CASE("the derivatives of the objective are those of its value") {
  const auto samples = samples_of(sweep(test::epoch_surface(), 1e18, 0.02).points());
  const LossPoints points(samples);
  const SurfaceVector s = {1.7, 0.45, 0.4, 0.36, 0.33};
  for (const ObjectiveKind kind : kKinds) {
    for (const double delta : {1e-2, 10.0}) {
      const LossObjective objective = points.objective(kind, delta);
      SurfaceDerivatives here, ahead, behind;
      objective.derivatives(s, here);
      CHECK(here.value == Approx(objective.value(s)));
      for (std::size_t i = 0; i < 5; ++i) {
        const double h = 1e-6;
        SurfaceVector before = s, after = s;
        before[i] -= h;
        after[i] += h;
        objective.derivatives(before, behind);
        objective.derivatives(after, ahead);
        CHECK(here.gradient[i] ==
              Approx((ahead.value - behind.value) / (2 * h)).epsilon(1e-6).margin(1e-9));
        for (std::size_t j = 0; j <= i; ++j) {
          // Points that cross delta within the step make up the margin.
          const double bend = (ahead.gradient[j] - behind.gradient[j]) / (2 * h);
          CHECK(here.hessian[i * (i + 1) / 2 + j] == Approx(bend).epsilon(1e-5).margin(1e-6));
        }
      }
    }
  }
}

TEST_CASE("no start of a finer search finds a lower objective") {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    test::SweepOracle oracle = sweep(test::epoch_surface(), 1e18, 0.01);
    oracle.seed = seed;
    const std::vector<LossSample> samples = samples_of(oracle.points());
    for (const ObjectiveKind kind : kKinds) {
      const LossFitOptions options{.objective = kind, .delta = 1e-3};
      const ParametricFit fit = fit_loss_law(samples, options);
      const LossPoints points(samples);
      const LossObjective objective = points.objective(kind, options.delta);
      const Rng rng(seed, 9);
      double best = fit.objective_value;
      for (std::uint64_t i = 0; i < 60; ++i) {
        const double alpha = std::exp(std::log(0.03) + std::log(100.0) * rng.uniform(2 * i));
        const double beta = std::exp(std::log(0.03) + std::log(100.0) * rng.uniform(2 * i + 1));
        SurfaceVector start = {fit.law.irreducible, 0.4, 0.4, alpha, beta};
        best = std::min(best, minimize(objective, start).value);
      }
      CHECK(fit.objective_value <= best * (1 + 1e-9));
    }
  }
}

TEST_CASE("the optimum is scale-free: other units of size and tokens only move A and B") {
  const auto samples = samples_of(sweep(test::epoch_surface(), 1e18, 0.01).points());
  std::vector<LossSample> scaled = samples;
  for (LossSample& sample : scaled) {
    sample.size *= 6;
    sample.tokens /= 1000;
  }
  const ParametricFit a = fit_loss_law(samples, {});
  const ParametricFit b = fit_loss_law(scaled, {});
  CHECK(b.objective_value == Approx(a.objective_value).epsilon(1e-10));
  CHECK(b.law.alpha == Approx(a.law.alpha).epsilon(1e-6));
  CHECK(b.law.a == Approx(a.law.a * std::pow(6, a.law.alpha)).epsilon(1e-5));
}

TEST_CASE("large coefficients are not clipped") {
  // Peers bound A and B by 1e4 and stop there.
  const LossLaw steep{1.5, 3e7, 1.1, 5e9, 1.2, LossLaw::Scale::params};
  const ParametricFit fit = fit_loss_law(samples_of(sweep(steep, 1e13).points()), {});
  CHECK(fit.law.a == Approx(3e7).epsilon(1e-4));
  CHECK(fit.law.b == Approx(5e9).epsilon(1e-4));
}

TEST_CASE("a term the points do not show is reported at its bound") {
  std::vector<LossSample> samples;
  for (int i = 0; i < 5; ++i) {
    for (int j = 0; j < 5; ++j) {
      const double n = std::pow(10, 6 + 0.5 * i);
      const double d = std::pow(10, 8 + 0.5 * j);
      samples.push_back({n, d, 40 * std::pow(n, -0.2) + 90 * std::pow(d, -0.2)});
    }
  }
  const ParametricFit fit = fit_loss_law(samples, {.objective = ObjectiveKind::mse});
  CHECK(fit.law.irreducible < 1e-3);
  // A loss that falls faster than any power: the floor would have to be negative.
  for (LossSample& sample : samples) sample.loss -= 0.3;
  const ParametricFit below = fit_loss_law(samples, {.objective = ObjectiveKind::mse});
  CHECK(below.at_bound == std::vector<std::string>{"E"});
  CHECK(below.law.irreducible == 0);
}

TEST_CASE("too few points or sizes give no surface") {
  const auto samples = samples_of(sweep(test::epoch_surface(), 1e18).points());
  CHECK(fit_loss_law({samples.data(), 7}, {}).status == FitStatus::too_few_points);
  std::vector<LossSample> one_size = samples;
  for (LossSample& sample : one_size) sample.size = 1e8;
  CHECK(fit_loss_law(one_size, {}).status == FitStatus::too_few_points);
}

TEST_CASE("a bootstrap is a function of its seed and covers the planted exponents") {
  const auto samples = samples_of(sweep(test::epoch_surface(), 1e18, 0.003).points());
  LossFitOptions options{.n_bootstrap = 100, .seed = 5};
  const ParametricFit a = fit_loss_law(samples, options);
  const ParametricFit b = fit_loss_law(samples, options);
  CHECK(a.alpha.low == b.alpha.low);
  CHECK(a.B.high == b.B.high);
  CHECK(a.n_bootstrap == 100);
  CHECK(a.n_bootstrap_failed == 0);
  CHECK(a.standard_errors.size() == 7);
  CHECK(a.alpha.low < a.law.alpha);
  CHECK(a.alpha.high > a.law.alpha);
  CHECK(a.alpha.low < 0.3478);
  CHECK(a.alpha.high > 0.3478);
  options.seed = 6;
  CHECK(fit_loss_law(samples, options).alpha.low != a.alpha.low);
}

TEST_CASE("a bootstrap does not depend on the number of threads") {
  const auto samples = samples_of(sweep(test::epoch_surface(), 1e18, 0.003).points());
  const auto run = [&](int n_threads) {
    return fit_loss_law(samples, {.n_bootstrap = 70, .seed = 3, .n_threads = n_threads});
  };
  const ParametricFit one = run(1), three = run(3);
  CHECK(one.B.low == three.B.low);
  CHECK(one.a.high == three.a.high);
  CHECK(one.standard_errors == three.standard_errors);
}

TEST_CASE("units are drawn as a whole") {
  // Two copies of every point as one unit: the spread is that of the single points.
  const auto samples = samples_of(sweep(test::epoch_surface(), 1e18, 0.003).points());
  std::vector<LossSample> doubled;
  LossFitOptions paired{.n_bootstrap = 150};
  paired.strata.emplace_back();
  for (std::size_t i = 0; i < samples.size(); ++i) {
    doubled.insert(doubled.end(), 2, samples[i]);
    paired.strata.front().push_back({2 * i, 2 * i + 1});
  }
  const double single = fit_loss_law(samples, {.n_bootstrap = 150}).standard_errors["alpha"];
  CHECK(fit_loss_law(doubled, paired).standard_errors["alpha"] == Approx(single).epsilon(1e-3));
  const double naive = fit_loss_law(doubled, {.n_bootstrap = 150}).standard_errors["alpha"];
  CHECK(naive < 0.85 * single);
}
