// SPDX-License-Identifier: Apache-2.0
// What the annealing law finds of what was planted (tests/support/annealing_oracle.h).
//   annealing_bench recovery [n [first]]      noise-free: the worst relative error
//   annealing_bench coverage [n [first]]      how often 90 % intervals hold the truth, with lambda
//                                             given and chosen, with the decay's effect and without
//   annealing_bench write folder [n [first]]  steps.csv, bins.csv and optima.csv for
//                                           compare_annealing.py
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "fit/anneal/annealing_bins.h"
#include "fit/anneal/annealing_input.h"
#include "fit/anneal/annealing_setup.h"
#include "support/annealing_oracle.h"

namespace {

using isoflop::AnnealingFit;
using isoflop::AnnealingOptions;
using isoflop::Interval;
using isoflop::test::AnnealingDraw;
using isoflop::test::draw_annealing;

struct DrawSeeds {
  std::uint64_t n = 200, first = 0;
};

AnnealingFit fit_draw(const AnnealingDraw& draw, bool lambda_given) {
  AnnealingOptions options;
  if (lambda_given) options.lambda = draw.truth.lambda;
  options.targets = {{.name = "target", .lr = draw.target_lr}};
  return isoflop::fit_annealing(draw.curves, options);
}

/// Of a step: 0.5 to 5 %.
double step_noise(std::uint64_t seed) {
  return std::exp(std::log(0.005) + std::log(10.0) * isoflop::Rng(seed, 7).uniform(0));
}

void recovery(const DrawSeeds& seeds) {
  double worst[2] = {0, 0};
  int n_failed = 0;
  int n_lambda = 0;
  for (std::uint64_t seed = seeds.first; seed < seeds.first + seeds.n; ++seed) {
    const AnnealingDraw draw = draw_annealing(seed, true, 0);
    const AnnealingFit fit = fit_draw(draw, false);
    n_failed += !fit.usable();
    n_lambda += fit.lambda == draw.truth.lambda;
    const double truth[] = {draw.truth.l0, draw.truth.a, draw.truth.alpha, draw.truth.c};
    for (std::size_t i = 0; i < 4; ++i) {
      worst[0] = std::max(worst[0], std::abs(fit.values[i] / truth[i] - 1));
    }
    worst[1] = std::max(worst[1], std::abs(fit.predictions[0].loss / draw.target_loss - 1));
    worst[1] =
        std::max(worst[1], std::abs(fit.predictions[0].late_loss / draw.target_late_loss - 1));
  }
  std::printf(
      "%llu noise-free: worst relative error of a parameter %.2g, of a prediction %.2g; "
      "lambda found in %d, %d did not converge\n",
      static_cast<unsigned long long>(seeds.n), worst[0], worst[1], n_lambda, n_failed);
}

void coverage_of(const DrawSeeds& seeds, bool lambda_given, bool effect,
                 bool common_batches = false) {
  int held[6] = {};
  int n = 0;
  int n_at_bound = 0;
  int n_inflated = 0;
  std::vector<double> widths;
  for (std::uint64_t seed = seeds.first; seed < seeds.first + seeds.n; ++seed) {
    const AnnealingDraw draw = draw_annealing(seed, effect, step_noise(seed), common_batches);
    const AnnealingFit fit = fit_draw(draw, lambda_given);
    if (!fit.usable()) continue;
    ++n;
    n_at_bound += !fit.at_bound.empty();
    n_inflated += fit.inflation > 1;
    const double truth[] = {draw.truth.l0, draw.truth.a,     draw.truth.alpha,
                            draw.truth.c,  draw.target_loss, draw.target_late_loss};
    std::vector<Interval> intervals = fit.intervals;
    intervals.push_back(fit.predictions[0].interval);
    intervals.push_back(fit.predictions[0].late_interval);
    for (std::size_t i = 0; i < 6; ++i) {
      held[i] += intervals[i].low <= truth[i] && truth[i] <= intervals[i].high;
    }
    widths.push_back((intervals[4].high - intervals[4].low) / draw.target_loss);
  }
  std::sort(widths.begin(), widths.end());
  std::printf("lambda %s, %s%s: n %d, at a bound %d, inflated %d, held [%%]",
              lambda_given ? "given" : "chosen", effect ? "with effect" : "without",
              common_batches ? ", branches on their trunk's batches" : "", n, n_at_bound,
              n_inflated);
  const char* const names[] = {"L0", "A", "alpha", "C", "loss", "late_loss"};
  for (std::size_t i = 0; i < 6; ++i) std::printf(" %s %.1f", names[i], 100.0 * held[i] / n);
  std::printf("; median width of the loss %.2g\n", widths[widths.size() / 2]);
  std::fflush(stdout);
}

void write(const std::string& folder, const DrawSeeds& seeds) {
  std::ofstream steps(folder + "/steps.csv");
  std::ofstream rows(folder + "/bins.csv");
  std::ofstream optima(folder + "/optima.csv");
  steps.precision(17);
  rows.precision(17);
  optima.precision(17);
  steps << "set,curve,step,lr,loss,bin\n";
  rows << "set,bin,reference,slope,weight\n";
  optima << "set,lambda,delta,value\n";
  for (std::uint64_t seed = seeds.first; seed < seeds.first + seeds.n; ++seed) {
    const AnnealingDraw draw = draw_annealing(seed, true, step_noise(seed), seed % 2 == 1);
    const isoflop::AnnealingBins bins = isoflop::annealing_bins(
        draw.curves, isoflop::first_annealing_step(draw.curves, AnnealingOptions{}));
    std::vector<std::vector<int>> bin_of;
    for (const isoflop::RateCurve& curve : draw.curves) bin_of.emplace_back(curve.lr.size(), -1);
    std::vector<double> weights;
    double sum = 0;
    for (std::size_t i = 0; i < bins.bins.size(); ++i) {
      const isoflop::AnnealingBin& bin = bins.bins[i];
      for (const std::int64_t step : bin.steps) {
        bin_of[bin.curve][static_cast<std::size_t>(step - 1)] = static_cast<int>(i);
      }
      weights.push_back(static_cast<double>(bin.steps.size()) /
                        (1 - (bin.reference ? bins.batch_share : 0)));
      sum += weights.back();
    }
    for (std::size_t i = 0; i < bins.bins.size(); ++i) {
      const isoflop::AnnealingBin& bin = bins.bins[i];
      weights[i] *= static_cast<double>(bins.bins.size()) / sum;
      rows << seed << ',' << i << ',' << (bin.reference ? static_cast<int>(*bin.reference) : -1)
           << ',' << (bin.reference ? bins.batch_slope : 0) << ',' << weights[i] << '\n';
    }
    for (std::size_t c = 0; c < draw.curves.size(); ++c) {
      for (std::size_t i = 0; i < draw.curves[c].lr.size(); ++i) {
        steps << seed << ',' << c << ',' << i + 1 << ',' << draw.curves[c].lr[i] << ','
              << draw.curves[c].loss[i] << ',' << bin_of[c][i] << '\n';
      }
    }
    for (const double delta : {0.0, 1e-3}) {
      const isoflop::AnnealingSetup setup(draw.curves, bins, weights, draw.truth.lambda,
                                          delta > 0 ? std::optional<double>(delta) : std::nullopt);
      optima << seed << ',' << draw.truth.lambda << ',' << delta << ',' << setup.fit().value
             << '\n';
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.empty()) throw std::invalid_argument("recovery, coverage or write?");
    const std::size_t n_words = words[0] == "write" ? 2 : 1;
    DrawSeeds seeds;
    if (words.size() > n_words) seeds.n = std::stoull(words[n_words]);
    if (words.size() > n_words + 1) seeds.first = std::stoull(words[n_words + 1]);
    if (words[0] == "recovery") {
      recovery(seeds);
    } else if (words[0] == "write") {
      write(words.at(1), seeds);
    } else {
      for (const bool given : {true, false}) {
        for (const bool effect : {false, true}) coverage_of(seeds, given, effect);
        coverage_of(seeds, given, true, true);
      }
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "annealing_bench: %s\n", error.what());
    return 2;
  }
  return 0;
}
