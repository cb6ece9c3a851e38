// SPDX-License-Identifier: Apache-2.0
#include "fit/surface/surface_diagnostics.h"

#include <cmath>

#include "fit/surface/loss_law_fit.h"
#include "fit/surface/newton.h"
#include "fit/surface/surface_profile.h"
#include "stats/distributions.h"
#include "stats/statistics.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;

namespace {

std::vector<LossSample> noisy_samples(double noise) {
  const test::SweepOracle oracle{.surface = test::epoch_surface(),
                                 .budgets = test::geometric_budgets(1e18, 3, 6),
                                 .half_width = 6,
                                 .noise = noise,
                                 .seed = 1};
  std::vector<LossSample> samples;
  for (const Point& point : oracle.points().points) {
    samples.push_back({*point.params, point.tokens, *point.loss});
  }
  return samples;
}

ParametricFit diagnosed(const std::vector<LossSample>& samples, ObjectiveKind kind) {
  return fit_loss_law(samples, {.objective = kind, .diagnostics = true});
}

}  // namespace

TEST_CASE("at the ends of a profile interval the constrained optimum is at the limit") {
  const auto samples = noisy_samples(0.003);
  const LossPoints points(samples);
  for (const ObjectiveKind kind :
       {ObjectiveKind::huber_log, ObjectiveKind::huber, ObjectiveKind::mse}) {
    const ParametricFit fit = diagnosed(samples, kind);
    REQUIRE(fit.diagnostics);
    const LossObjective objective = points.objective(kind, 1e-3);
    const SurfaceVector best = points.to_surface(fit.law);
    const double limit = profile_limit(objective, best, samples.size());
    const ProfileInterval& E = fit.diagnostics->profile_E;
    const ProfileInterval& a = fit.diagnostics->profile_a;
    CHECK(E.identified);
    CHECK(a.identified);
    CHECK(E.interval.low < 1.8172);
    CHECK(E.interval.high > 1.8172);
    for (const double end : {E.interval.low, E.interval.high}) {
      SurfaceVector start = best;
      start[0] = end;
      const NewtonResult held = minimize(objective, start, 1e-12, {.fixed_E = true});
      CHECK(held.surface[0] == end);
      CHECK(held.value == Approx(limit).epsilon(1e-4));
    }
    for (const double end : {a.interval.low, a.interval.high}) {
      const double ratio = end / (1 - end);
      SurfaceVector start = best;
      start[4] = ratio * start[3];
      const NewtonResult held = minimize(objective, start, 1e-12, {.ratio = ratio});
      CHECK(held.surface[4] == Approx(ratio * held.surface[3]).epsilon(1e-12));
      CHECK(held.value == Approx(limit).epsilon(1e-4));
    }
  }
}

TEST_CASE("the limit of squares is that of the F test") {
  const auto samples = noisy_samples(0.003);
  const LossPoints points(samples);
  const LossObjective objective = points.objective(ObjectiveKind::mse, 1);
  const SurfaceVector s = {1.8, 0.4, 0.4, 0.35, 0.36};
  const double dof = static_cast<double>(samples.size()) - 5;
  CHECK(profile_limit(objective, s, samples.size()) ==
        Approx(objective.value(s) * (1 + std::pow(t90(dof), 2) / dof)));
  // Huber's function with a delta beyond all residuals is half of it.
  const LossObjective wide = points.objective(ObjectiveKind::huber, 100);
  CHECK(profile_limit(wide, s, samples.size()) ==
        Approx(0.5 * profile_limit(objective, s, samples.size())));
}

TEST_CASE("points near one line leave E open down to 0, and a grid does not") {
  std::vector<LossSample> line, grid;
  for (int i = 0; i < 12; ++i) {
    const double n = std::pow(10, 7 + 0.1 * i);
    const double wiggle = i % 2 == 0 ? 1.3 : 0.8;
    line.push_back({n, 20 * n * wiggle,
                    test::epoch_surface()(n, 20 * n * wiggle) * (1 + 0.02 * std::sin(5.0 * i))});
    for (int j = 0; j < 5; ++j) {
      const double m = std::pow(10, 7 + 0.25 * i), d = std::pow(10, 9 + 0.5 * j);
      grid.push_back({m, d, test::epoch_surface()(m, d) * (1 + 0.001 * std::sin(7.0 * i + j))});
    }
  }
  const ParametricFit open = diagnosed(line, ObjectiveKind::mse);
  REQUIRE(open.diagnostics);
  CHECK_FALSE(open.diagnostics->profile_E.identified);
  CHECK(open.diagnostics->profile_E.interval.low == 0);
  CHECK(open.diagnostics->tokens_range < 5);
  const ParametricFit closed = diagnosed(grid, ObjectiveKind::mse);
  REQUIRE(closed.diagnostics);
  CHECK(closed.diagnostics->profile_E.identified);
  CHECK(closed.diagnostics->profile_a.identified);
  CHECK(closed.diagnostics->n_distinct_sizes == 12);
  CHECK(closed.diagnostics->n_distinct_tokens == 5);
  CHECK(closed.diagnostics->tokens_range == Approx(100));
}

TEST_CASE("the correlations are a correlation matrix and the gradient vanishes") {
  const ParametricFit fit = diagnosed(noisy_samples(0.003), ObjectiveKind::huber_log);
  REQUIRE(fit.diagnostics);
  const SurfaceDiagnostics& diagnostics = *fit.diagnostics;
  CHECK(diagnostics.gradient_norm < 1e-4);
  CHECK(diagnostics.condition_number > 1);
  CHECK(diagnostics.condition_number < 1e5);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(diagnostics.correlation[i][i] == Approx(1));
    for (std::size_t j = 0; j < 5; ++j) {
      CHECK(std::abs(diagnostics.correlation[i][j]) <= 1 + 1e-12);
      CHECK(diagnostics.correlation[i][j] == Approx(diagnostics.correlation[j][i]));
    }
  }
  REQUIRE(diagnostics.objective_sensitivity.size() == 4);
  const DeltaOptimum& own = diagnostics.objective_sensitivity[1];
  CHECK(own.delta == 1e-3);
  CHECK(own.law.alpha == Approx(fit.law.alpha).epsilon(1e-5));
  REQUIRE(!fit.basins.empty());
  CHECK(fit.basins[0].objective == fit.objective_value);
  CHECK(fit.basins[0].n_starts == fit.n_starts_agreeing);
}
