// SPDX-License-Identifier: Apache-2.0
// Surfaces of random sweeps for compare_optima.py: every set's points, what fit_loss_law found, and
// how exactly it finds the planted surface again without noise.
//   optima_bench folder [n_surfaces [first_seed]]
// Writes folder/points.csv (set, size, tokens, loss) and folder/optima.csv (set, objective, delta,
// value, E, A, B, alpha, beta). Prints the worst noise-free recovery and its seed.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "fit/surface/loss_law_fit.h"
#include "support/sweep_oracle.h"

namespace {

using isoflop::LossFitOptions;
using isoflop::LossLaw;
using isoflop::LossSample;
using isoflop::ObjectiveKind;
using isoflop::ParametricFit;
using isoflop::test::SweepOracle;

constexpr std::array kObjectives = {ObjectiveKind::huber_log, ObjectiveKind::huber,
                                    ObjectiveKind::mse};

std::vector<LossSample> samples_of(const SweepOracle& sweep) {
  std::vector<LossSample> samples;
  for (const isoflop::Point& point : sweep.points().points) {
    samples.push_back({.size = *point.params, .tokens = point.tokens, .loss = *point.loss});
  }
  return samples;
}

std::array<double, 5> parameters(const LossLaw& law) {
  return {law.irreducible, law.a, law.b, law.alpha, law.beta};
}

/// Largest relative error of the five parameters.
double recovery_error(const LossLaw& found, const LossLaw& planted) {
  double worst = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    worst = std::max(worst, std::abs(parameters(found)[i] / parameters(planted)[i] - 1));
  }
  return worst;
}

struct Worst {
  double error = -1;
  std::uint64_t seed = 0;
  int failures = 0;
};

void write_set(std::uint64_t seed, std::ofstream& points, std::ofstream& optima) {
  const std::vector<LossSample> samples = samples_of(isoflop::test::random_sweep(seed));
  for (const LossSample& sample : samples) {
    points << seed << ',' << sample.size << ',' << sample.tokens << ',' << sample.loss << '\n';
  }
  for (const ObjectiveKind kind : kObjectives) {
    LossFitOptions options;
    options.objective = kind;
    const ParametricFit fit = fit_loss_law(samples, options);
    optima << seed << ',' << isoflop::to_string(kind) << ',' << options.delta << ','
           << fit.objective_value;
    for (const double parameter : parameters(fit.law)) optima << ',' << parameter;
    optima << '\n';
  }
}

void recover(std::uint64_t seed, std::array<Worst, 3>& worst) {
  SweepOracle sweep = isoflop::test::random_sweep(seed);
  sweep.noise = 0;
  sweep.tau = 0;
  const std::vector<LossSample> samples = samples_of(sweep);
  for (std::size_t i = 0; i < kObjectives.size(); ++i) {
    LossFitOptions options;
    options.objective = kObjectives[i];
    const double error = recovery_error(fit_loss_law(samples, options).law, sweep.surface);
    if (!(error <= 1e-6)) {
      ++worst[i].failures;
      std::printf("seed %llu, %s: recovered to %.2e\n", static_cast<unsigned long long>(seed),
                  std::string(isoflop::to_string(kObjectives[i])).c_str(), error);
    }
    if (!(error <= worst[i].error)) worst[i] = {error, seed, worst[i].failures};
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: optima_bench folder [n_surfaces [first_seed]]\n");
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  const int n = argc > 2 ? std::atoi(argv[2]) : 500;
  const auto first = static_cast<std::uint64_t>(argc > 3 ? std::atoll(argv[3]) : 0);
  std::filesystem::create_directories(folder);
  std::ofstream points(folder / "points.csv"), optima(folder / "optima.csv");
  points.precision(17);
  optima.precision(17);
  points << "set,size,tokens,loss\n";
  optima << "set,objective,delta,value,E,A,B,alpha,beta\n";
  std::array<Worst, 3> worst;
  for (std::uint64_t seed = first; seed < first + static_cast<std::uint64_t>(n); ++seed) {
    write_set(seed, points, optima);
    recover(seed, worst);
  }
  for (std::size_t i = 0; i < kObjectives.size(); ++i) {
    std::printf("%-9s noise-free: worst relative error %.2e (seed %llu), %d of %d above 1e-6\n",
                std::string(isoflop::to_string(kObjectives[i])).c_str(), worst[i].error,
                static_cast<unsigned long long>(worst[i].seed), worst[i].failures, n);
  }
  return 0;
}
