// SPDX-License-Identifier: Apache-2.0
// What the noise alone would give: for the exponent 2 z / sqrt(sum w (x - mean x)^2), x = ln C and
// w = 1 / se^2 without tau; for the surface 2 z s sqrt(g' (J'J)^-1 g), s of the residuals of ln L
// over n - 5, with z = 1.645 in both. n (w0 / w)^2 runs then stand behind an interval of width w:
// the question of arXiv:2404.10102 to the intervals of arXiv:2203.15556, which by this would take
// 600,000 (docs/laws.md).
#include <array>
#include <cmath>

#include <Eigen/Core>

#include "fit/interval/linearised_surface.h"
#include "fit/trust/sample_size.h"
#include "stats/linear_algebra.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

double width_of(const Interval& interval) { return interval.high - interval.low; }

void add(std::vector<IntervalWorth>& worths, const char* of, const Interval& interval,
         double noise_width, double n_runs) {
  // Exact losses leave an interval of rounding alone.
  constexpr double kRounding = 1e-9;
  if (!(width_of(interval) > kRounding) || !(noise_width > 0) || !std::isfinite(noise_width))
    return;
  worths.push_back({.of = of,
                    .interval = interval,
                    .noise_width = noise_width,
                    .runs_needed = runs_needed(n_runs, noise_width, width_of(interval)),
                    .runs_to_halve = 3 * n_runs});
}

/// Width of the 90 % interval of the slope of ln scale_opt on ln C, if nothing but the errors of
/// the minima scattered them.
double allocation_noise_width(const Fit& fit) {
  double weight = 0, mean = 0, spread = 0;
  const auto each = [&](const auto& use) {
    for (const Valley& valley : fit.valleys) {
      if (!valley.usable() || !(valley.ln_scale_se > 0)) continue;
      use(std::log(valley.compute), 1 / (valley.ln_scale_se * valley.ln_scale_se));
    }
  };
  each([&](double x, double w) {
    weight += w;
    mean += w * x;
  });
  if (!(weight > 0)) return 0;
  mean /= weight;
  each([&](double x, double w) { spread += w * (x - mean) * (x - mean); });
  return spread > 0 ? 2 * kNormal90 / std::sqrt(spread) : 0;
}

struct SurfaceWidths {
  double alpha = 0, beta = 0, a = 0;
};

/// Widths of 90 % intervals by the inverse of the information matrix; zeros where it is singular.
SurfaceWidths surface_noise_widths(const LossLaw& law, std::span<const Sample> samples) {
  if (samples.size() <= 5) return {};
  using Row = Eigen::Matrix<double, 5, 1>;
  const auto n = static_cast<double>(samples.size());
  const Linearised line = linearise(law, samples);
  const double sd = line.residual.norm() / std::sqrt(n - 5);
  const Row scale = line.jacobian.colwise().norm().transpose();
  if (!(scale.minCoeff() > 0)) return {};
  const LeastSquares fit =
      least_squares(line.jacobian * scale.cwiseInverse().asDiagonal(), line.residual);
  if (fit.rank < 5) return {};
  const double sum = law.alpha + law.beta;
  // Neither exponents nor a depend on the units that A and B are in.
  const auto width = [&](const Row& gradient) {
    const Row scaled = gradient.cwiseQuotient(scale);
    return 2 * kNormal90 * sd * std::sqrt(scaled.dot(fit.unit_covariance * scaled));
  };
  return {width(Row::Unit(3)), width(Row::Unit(4)),
          width((law.alpha * Row::Unit(4) - law.beta * Row::Unit(3)) / (sum * sum))};
}

}  // namespace

std::vector<IntervalWorth> interval_worths(std::span<const Sample> samples, const Fit& fit) {
  std::vector<IntervalWorth> worths;
  const auto n_runs = static_cast<double>(fit.n_points);
  if (fit.scale_opt.usable()) {
    const double width = allocation_noise_width(fit);
    add(worths, "allocation.scale.exponent", fit.scale_opt.exponent, width, n_runs);
    if (fit.allocation_bootstrap) {
      add(worths, "allocation.bootstrap.scale.exponent", fit.allocation_bootstrap->scale_exponent,
          width, n_runs);
    }
  }
  if (!fit.parametric || !fit.parametric->usable() || !fit.parametric->at_bound.empty()) {
    return worths;
  }
  const ParametricFit& surface = *fit.parametric;
  const SurfaceWidths widths = surface_noise_widths(surface.law, samples);
  add(worths, "parametric.alpha", surface.alpha, widths.alpha, n_runs);
  add(worths, "parametric.beta", surface.beta, widths.beta, n_runs);
  add(worths, "parametric.a", surface.a, widths.a, n_runs);
  return worths;
}

}  // namespace isoflop
