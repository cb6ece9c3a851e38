// SPDX-License-Identifier: Apache-2.0
// How the estimators of the scatter between budgets compare on power laws through a handful of
// optima: bias and root mean square error of tau, coverage of the nominal 90 % intervals of the
// exponent and of a budget ten times the largest, and the exponent interval's mean width. Errors of
// the optima differ by up to a factor of 3 from budget to budget.
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "base/rng.h"
#include "fit/estimate/power_law_fit.h"

using namespace isoflop;

namespace {

constexpr double kExponent = 0.5;
constexpr double kError = 0.04;  // of ln N*, typical

struct Score {
  double tau = 0, tau_squares = 0, exponent = 0, prediction = 0, width = 0;
};

Score study(int n_budgets, double tau, TauMethod method, int n_replications) {
  Score score;
  for (int replication = 0; replication < n_replications; ++replication) {
    const Rng rng(static_cast<std::uint64_t>(replication), static_cast<std::uint64_t>(n_budgets));
    std::vector<PowerLawPoint> points;
    std::uint64_t draw = 0;
    for (int i = 0; i < n_budgets; ++i) {
      const double x = 1e17 * std::pow(10, 0.5 * i);
      const double error = kError * std::pow(3, rng.uniform(1000 + draw) - 0.5);
      const double shift = tau * rng.normal(draw) + error * rng.normal(draw + 1);
      draw += 2;
      points.push_back({x, std::exp(kExponent * std::log(x) + shift), error});
    }
    const PowerLawFit fit = fit_power_law(points, method);
    const double target = 10 * points.back().x;
    const double further = std::exp(kExponent * std::log(target) + tau * rng.normal(draw));
    const Interval interval = fit.prediction_interval(target);
    score.tau += fit.tau / n_replications;
    score.tau_squares += std::pow(fit.tau - tau, 2) / n_replications;
    score.exponent +=
        (fit.exponent.low <= kExponent && kExponent <= fit.exponent.high) * 1.0 / n_replications;
    score.prediction +=
        (interval.low <= further && further <= interval.high) * 1.0 / n_replications;
    score.width += (fit.exponent.high - fit.exponent.low) / n_replications;
  }
  return score;
}

}  // namespace

int main(int argc, char** argv) {
  const int n_replications = argc > 1 ? std::atoi(argv[1]) : 4000;
  std::printf("%d replications; 90 %% intervals\n", n_replications);
  std::printf("budgets   tau  method         mean tau  rmse tau  exponent  10x  width\n");
  const struct {
    TauMethod method;
    const char* name;
  } methods[] = {{TauMethod::moments, "moments"},
                 {TauMethod::paule_mandel, "paule_mandel"},
                 {TauMethod::reml, "reml"}};
  for (const int n_budgets : {3, 4, 6, 9}) {
    for (const double tau : {0.0, 0.05, 0.15}) {
      for (const auto& [method, name] : methods) {
        const Score s = study(n_budgets, tau, method, n_replications);
        std::printf("%7d  %.2f  %-13s  %8.4f  %8.4f  %8.3f  %.3f  %.4f\n", n_budgets, tau, name,
                    s.tau, std::sqrt(s.tau_squares), s.exponent, s.prediction, s.width);
      }
    }
  }
  return 0;
}
