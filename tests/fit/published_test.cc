// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <random>

#include "fit/surface/loss_law_fit.h"
#include "fit/surface/loss_search.h"
#include "stats/statistics.h"
#include "support/catch.h"
#include "support/catch_session.h"
#include "support/read_csv.h"

using namespace isoflop;

namespace {

std::filesystem::path reference(const char* name) {
  return std::filesystem::path(std::getenv("ISOFLOP_REFERENCE_DATA")) / name;
}

// Chinchilla's figure 4 as digitised by Epoch; the first five rows are the outliers Epoch drops.
std::vector<LossSample> chinchilla(std::size_t first_row) {
  const auto columns = test::read_csv(reference("chinchilla_epoch.csv"));
  std::vector<LossSample> samples;
  for (std::size_t i = first_row; i < columns.at("loss").size(); ++i) {
    samples.push_back({columns.at("params")[i], columns.at("tokens")[i], columns.at("loss")[i]});
  }
  return samples;
}

struct KnownOptimum {
  ObjectiveKind objective;
  std::size_t first_row;
  double value, E, alpha, beta;
};

}  // namespace

TEST_CASE("the surfaces of Epoch's 240 and 245 points are at their global optimum") {
  // The values were computed independently, twice.
  const KnownOptimum optima[] = {
      {ObjectiveKind::huber_log, 5, 0.0010182740178, 1.81722, 0.347311, 0.367173},
      {ObjectiveKind::huber, 5, 0.00289624319581, 1.820080, 0.344303, 0.372967},
      {ObjectiveKind::mse, 5, 0.0832038076933, 1.882814, 0.357615, 0.427621},
      {ObjectiveKind::huber_log, 0, 0.00182601052307, 1.891338, 0.349313, 0.453049}};
  for (const KnownOptimum& expected : optima) {
    const ParametricFit fit =
        fit_loss_law(chinchilla(expected.first_row), {.objective = expected.objective});
    INFO(to_string(expected.objective) << " from row " << expected.first_row);
    REQUIRE(fit.usable());
    CHECK(fit.objective_value == Approx(expected.value).epsilon(1e-9));
    CHECK(fit.law.irreducible == Approx(expected.E).epsilon(3e-6));
    CHECK(fit.law.alpha == Approx(expected.alpha).epsilon(3e-6));
    CHECK(fit.law.beta == Approx(expected.beta).epsilon(3e-6));
    CHECK(fit.at_bound.empty());
  }
}

TEST_CASE("A and B have the reference's digits") {
  const ParametricFit fit = fit_loss_law(chinchilla(5), {});
  CHECK(fit.law.a == Approx(477.825868).epsilon(1e-6));
  CHECK(fit.law.b == Approx(2143.417363).epsilon(1e-6));
}

TEST_CASE("what local solvers stop at beside the optimum of all 245 points is no optimum") {
  // A 463.3 and B 12530 with the other three at their best: solvers that stop early report it.
  const LossPoints points(chinchilla(0));
  const LossObjective objective = points.objective(ObjectiveKind::huber_log, 1e-3);
  const LossLaw law = {1.88540743, 463.3, 0.34535036, 12530, 0.45185991, LossLaw::Scale::params};
  const SurfaceVector start = points.to_surface(law);
  CHECK(objective.value(start) == Approx(0.00182623).epsilon(3e-6));
  CHECK(minimize(objective, start).value == Approx(0.00182601052307).epsilon(1e-11));
  const ParametricFit fit = fit_loss_law(chinchilla(0), {});
  CHECK(fit.law.a == Approx(495.726).epsilon(1e-6));
  CHECK(fit.law.b == Approx(12845.6).epsilon(4e-6));
  CHECK(fit.n_starts_agreeing == fit.n_starts);
}

TEST_CASE("least absolute residuals give the parameters Epoch published") {
  const std::vector<LossSample> samples = chinchilla(5);
  const ParametricFit fit = fit_loss_law(samples, {.delta = 1e-12});
  REQUIRE(fit.usable());
  CHECK(fit.law.a == Approx(482.00605).margin(5e-6));
  CHECK(fit.law.b == Approx(2085.43625).margin(5e-6));
  CHECK(fit.law.irreducible == Approx(1.81686413).margin(5e-9));
  CHECK(fit.law.alpha == Approx(0.34781307).margin(5e-9));
  CHECK(fit.law.beta == Approx(0.36585416).margin(5e-9));
  double sum = 0;
  for (const LossSample& sample : samples) {
    sum += std::abs(std::log(fit.law(sample.size, sample.tokens) / sample.loss));
  }
  CHECK(sum == Approx(1.12949465362).epsilon(3e-12));
}

namespace {

// The index sets of numpy's RandomState(seed).choice(n, n): 32-bit draws masked to the bits of
// n - 1, those that are too large rejected.
class NumpyChoice {
 public:
  explicit NumpyChoice(std::uint32_t seed) : generator_(seed) {}
  void draw(std::size_t n, std::vector<double>& weights) {
    const auto mask = static_cast<std::uint32_t>(std::bit_ceil(n) - 1);
    std::fill(weights.begin(), weights.end(), 0.0);
    for (std::size_t i = 0; i < n; ++i) {
      std::size_t index = n;
      while (index >= n) index = generator_() & mask;
      weights[index] += 1;
    }
  }

 private:
  std::mt19937 generator_;
};

}  // namespace

TEST_CASE("the standard errors over Epoch's own 4000 resamples are those of the optima") {
  const LossPoints points(chinchilla(5));
  const LossObjective objective = points.objective(ObjectiveKind::huber_log, 1e-3);
  const LossSearch known = search_basins(objective);
  ResampleSearch search(objective, known);
  NumpyChoice choice(42);
  LossResample resample{std::vector<double>(points.padded_size())};
  std::array<std::vector<double>, 5> columns;
  for (int i = 0; i < 4000; ++i) {
    choice.draw(points.size(), resample.weights);
    const NewtonResult end = search.minimize_resample(resample);
    REQUIRE(end.converged);
    const LossLaw law = points.to_law(end.surface, LossLaw::Scale::params);
    const std::array values = {law.a, law.b, law.irreducible, law.alpha, law.beta};
    for (std::size_t j = 0; j < 5; ++j) columns[j].push_back(values[j]);
    // Every tenth of the first against a search of the whole range.
    if (i < 1000 && i % 10 == 0) {
      ResampledPoints drawn(points.size());
      drawn.assign(objective.points(), resample);
      const LossObjective own(drawn.columns(), ObjectiveKind::huber_log, 1e-3);
      CHECK(end.value <= search_basins(own).best().value * (1 + 1e-9));
    }
  }
  CHECK(standard_deviation(columns[0]) == Approx(124.5).margin(0.05));
  CHECK(standard_deviation(columns[2]) == Approx(0.0257).margin(5e-5));
  CHECK(standard_deviation(columns[3]) == Approx(0.0154).margin(5e-5));
  CHECK(standard_deviation(columns[4]) == Approx(0.0206).margin(5e-5));
  // BFGS from Epoch's start gives 1293: it ends 5.6e-4 above the optimum of resample 3178, at B
  // 8491.8 (SciPy 1.10), and that resample alone makes the difference.
  CHECK(standard_deviation(columns[1]) == Approx(1312.1).margin(0.05));
  CHECK(columns[1][3178] == Approx(17776.6).epsilon(1e-5));
  columns[1][3178] = 8491.8;
  CHECK(standard_deviation(columns[1]) == Approx(1293).margin(0.5));
}

int main(int argc, char** argv) {
  const char* folder = std::getenv("ISOFLOP_REFERENCE_DATA");
  if (folder == nullptr || !std::filesystem::exists(reference("chinchilla_epoch.csv"))) {
    std::cout << "skipped: ISOFLOP_REFERENCE_DATA does not name the folder of published points\n";
    return 77;
  }
  return test::run_session(argc, argv);
}
