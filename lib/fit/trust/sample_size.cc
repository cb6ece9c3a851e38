// SPDX-License-Identifier: Apache-2.0
// Seed noise: v sd^2 / sigma^2 of each cell is chi-square of v, ln sigma = ln s0 + s1 (L - mean);
// maximum likelihood by Fisher's scoring, steps damped. Var ln s0 is 1 / (2 v) of all v. Effective
// runs: (sum w)^2 / sum w^2 over trunks (Kish). run_noise is the largest of three estimates. The
// detectable difference is (t_0.975 + t_0.8) sqrt(2) run_noise, with the larger of the parabolas'
// and the seeds' degrees of freedom.
#include "fit/trust/sample_size.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>

#include "stats/distributions.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr double kLeastDofForSlope = 6;
constexpr std::size_t kLeastCellsForSlope = 3;

/// A cell that was run with several seeds.
struct Repeated {
  double metric = 0, variance = 0, dof = 0;
};

std::vector<Repeated> repeated_cells(std::span<const Sample> samples) {
  std::vector<Repeated> cells;
  for (const Sample& sample : samples) {
    if (sample.by_seed.size() < 2) continue;
    const double sd = standard_deviation(sample.by_seed);
    cells.push_back({sample.metric, sd * sd, static_cast<double>(sample.by_seed.size() - 1)});
  }
  return cells;
}

double sum_over(std::span<const Repeated> cells, const auto& term) {
  double sum = 0;
  for (const Repeated& cell : cells) sum += term(cell);
  return sum;
}

// The likelihood of dof s^2 / sigma^2 ~ chi^2 by Fisher's scoring; with the metrics centred, level
// and slope of ln sigma are independent.
void fit_slope(std::span<const Repeated> cells, SeedNoise& noise) {
  const double spread = sum_over(
      cells, [&](const Repeated& c) { return c.dof * std::pow(c.metric - noise.mean, 2); });
  if (!(spread > 0)) return;
  double level = std::log(noise.s0), slope = 0;
  for (int i = 0; i < 500; ++i) {
    const auto excess = [&](const Repeated& c) {
      return c.variance * std::exp(-2 * (level + slope * (c.metric - noise.mean))) - 1;
    };
    const double step = 0.5 *
                        sum_over(cells, [&](const Repeated& c) { return c.dof * excess(c); }) /
                        static_cast<double>(noise.dof);
    const double turn =
        0.5 *
        sum_over(cells,
                 [&](const Repeated& c) { return c.dof * (c.metric - noise.mean) * excess(c); }) /
        spread;
    const double scale = std::sqrt(spread / static_cast<double>(noise.dof));
    const double damping = 1 / std::max(1.0, 2 * (std::abs(step) + std::abs(turn) * scale));
    level += damping * step;
    slope += damping * turn;
    if (std::abs(step) + std::abs(turn) * scale < 1e-13) break;
  }
  noise.s0 = std::exp(level);
  noise.s1 = slope;
}

/// Runs per trunk; a run without one stands alone.
std::vector<double> cluster_sizes(const PointSet& points) {
  std::map<std::string, double> trunks;
  std::vector<double> sizes;
  for (const Point& point : points.points) {
    if (point.trunk.empty()) {
      sizes.push_back(1);
    } else {
      trunks[point.trunk] += 1;
    }
  }
  for (const auto& [trunk, size] : trunks) sizes.push_back(size);
  return sizes;
}

double residual_dof(const Fit& fit) {
  double dof = 0;
  for (const Valley& valley : fit.valleys) {
    if (valley.usable()) dof += static_cast<double>(std::max<std::int64_t>(0, valley.n_fitted - 3));
  }
  return dof;
}

std::optional<double> run_noise(const Fit& fit) {
  double squares = 0, n = 0;
  for (const Valley& valley : fit.valleys) {
    if (!valley.usable()) continue;
    squares += std::pow(valley.residual_rms / valley.loss_opt, 2);
    ++n;
  }
  const double about_parabolas = n > 0 ? std::sqrt(squares / n) : 0;
  const double about_grids = fit.hyper ? fit.hyper->noise.value_or(0) : 0;
  const auto& seeds = fit.sample_size.seed_noise;
  const double over_seeds = seeds ? seeds->s0 / seeds->mean : 0;
  const double noise = std::max({about_parabolas, about_grids, over_seeds});
  return noise > 0 ? std::optional(noise) : std::nullopt;
}

}  // namespace

std::optional<SeedNoise> pool_seed_noise(std::span<const Sample> samples) {
  const std::vector<Repeated> cells = repeated_cells(samples);
  if (cells.empty()) return std::nullopt;
  const double dof = sum_over(cells, [](const Repeated& c) { return c.dof; });
  SeedNoise noise;
  noise.n_cells = static_cast<std::int64_t>(cells.size());
  noise.dof = static_cast<std::int64_t>(dof);
  noise.mean = sum_over(cells, [](const Repeated& c) { return c.dof * c.metric; }) / dof;
  noise.s0 = std::sqrt(sum_over(cells, [](const Repeated& c) { return c.dof * c.variance; }) / dof);
  const bool varies = noise.s0 > 0 && cells.size() >= kLeastCellsForSlope;
  if (varies && dof >= kLeastDofForSlope) fit_slope(cells, noise);
  const double half_width = kNormal90 / std::sqrt(2 * dof);
  noise.s0_interval = {noise.s0 * std::exp(-half_width), noise.s0 * std::exp(half_width)};
  return noise;
}

void count_sample(const PointSet& points, std::span<const Sample> samples, Fit& fit) {
  SampleSize& size = fit.sample_size = {};
  size.n_runs = static_cast<std::int64_t>(points.points.size());
  double sum = 0, squares = 0;
  for (const double w : cluster_sizes(points)) {
    ++size.n_independent;
    sum += w;
    squares += w * w;
  }
  size.effective = sum * sum / squares;
  size.seed_noise = pool_seed_noise(samples);
  size.run_noise = run_noise(fit);
  const double over_seeds = size.seed_noise ? static_cast<double>(size.seed_noise->dof) : 0;
  const double dof = std::max(residual_dof(fit), over_seeds);
  if (!(dof > 0) || !size.run_noise) return;
  const double t = student_t_quantile(0.975, dof) + student_t_quantile(0.8, dof);
  size.detectable_difference = t * *size.run_noise * std::numbers::sqrt2;
}

}  // namespace isoflop
