// SPDX-License-Identifier: Apache-2.0
#include "fit/hyper_surface.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <Eigen/Dense>

#include "base/rng.h"
#include "fit/statistics.h"

namespace isoflop {
namespace {

/// Runs further than this above the best of their cell are left out: a quadratic does not hold
/// there. Step Law's curvatures (about 0.013 per ln^2) put 4 % at a factor of 6 off the optimum.
constexpr double kWindow = 0.04;
constexpr Eigen::Index kSharedColumns = 7;
constexpr Eigen::Index kSpareRuns = 4;  // beyond the unknowns

struct Run {
  Eigen::Index cell;
  double x, y, t;  // ln B, ln lr, ln C
  double ln_metric;
};

struct Centre {
  double x = 0, y = 0, t = 0;
};

std::vector<std::vector<Run>> runs_near_best(std::span<const GridCell> cells) {
  std::vector<std::vector<Run>> result;
  for (const GridCell& cell : cells) {
    double best = std::numeric_limits<double>::infinity();
    for (const Sample& sample : cell.samples) best = std::min(best, sample.metric);
    std::vector<Run>& runs = result.emplace_back();
    for (const Sample& sample : cell.samples) {
      if (sample.metric > (1 + kWindow) * best) continue;
      runs.push_back({static_cast<Eigen::Index>(result.size()) - 1, std::log(*sample.batch_tokens),
                      std::log(*sample.peak_lr), std::log(cell.compute), std::log(sample.metric)});
    }
  }
  return result;
}

std::vector<Run> flattened(const std::vector<std::vector<Run>>& cells) {
  std::vector<Run> all;
  for (const std::vector<Run>& runs : cells) all.insert(all.end(), runs.begin(), runs.end());
  return all;
}

Centre centre_of(const std::vector<Run>& runs) {
  Centre centre;
  for (const Run& run : runs) {
    centre.x += run.x;
    centre.y += run.y;
    centre.t += run.t;
  }
  const auto n = static_cast<double>(runs.size());
  return {centre.x / n, centre.y / n, centre.t / n};
}

/// Minimum of the surface at ln C = centre.t, and how it moves with ln C.
struct Minimum {
  Eigen::Vector2d at, exponents;
  double residual_sd;
};

std::optional<Minimum> solve(const std::vector<Run>& runs, Eigen::Index n_cells,
                             const Centre& centre) {
  const auto n = static_cast<Eigen::Index>(runs.size());
  const Eigen::Index n_columns = n_cells + kSharedColumns;
  if (n < n_columns + kSpareRuns) return std::nullopt;
  Eigen::MatrixXd design = Eigen::MatrixXd::Zero(n, n_columns);
  Eigen::VectorXd response(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const Run& run = runs[static_cast<std::size_t>(i)];
    const double x = run.x - centre.x, y = run.y - centre.y, t = run.t - centre.t;
    design(i, run.cell) = 1;
    design.row(i).tail(kSharedColumns) << x * x, x * y, y * y, x, y, x * t, y * t;
    response[i] = run.ln_metric;
  }
  const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> factors(design);
  if (factors.rank() < n_columns) return std::nullopt;
  const Eigen::VectorXd solution = factors.solve(response);
  const Eigen::VectorXd c = solution.tail(kSharedColumns);
  Eigen::Matrix2d hessian;
  hessian << 2 * c[0], c[1], c[1], 2 * c[2];
  if (!(hessian(0, 0) > 0 && hessian.determinant() > 0)) return std::nullopt;
  const Eigen::Matrix2d inverse = hessian.inverse();
  return Minimum{.at = -inverse * c.segment<2>(3),
                 .exponents = -inverse * c.segment<2>(5),
                 .residual_sd = std::sqrt((response - design * solution).squaredNorm() /
                                          static_cast<double>(n - n_columns))};
}

}  // namespace

std::optional<HyperSurface> fit_hyper_surface(std::span<const GridCell> cells,
                                              std::int64_t n_bootstrap, std::uint64_t seed) {
  const std::vector<std::vector<Run>> by_cell = runs_near_best(cells);
  const std::vector<Run> runs = flattened(by_cell);
  const auto n_cells = static_cast<Eigen::Index>(by_cell.size());
  if (n_cells < 2) return std::nullopt;
  const Centre centre = centre_of(runs);
  const std::optional<Minimum> best = solve(runs, n_cells, centre);
  if (!best) return std::nullopt;

  std::vector<double> batch_exponents, rate_exponents;
  for (std::int64_t draw = 0; draw < n_bootstrap; ++draw) {
    const Rng rng(seed, static_cast<std::uint64_t>(draw));
    std::vector<Run> resample;
    for (const std::vector<Run>& cell : by_cell) {
      for (std::size_t i = 0; i < cell.size(); ++i) {
        resample.push_back(cell[rng.below(cell.size(), resample.size())]);
      }
    }
    if (const auto minimum = solve(resample, n_cells, centre)) {
      batch_exponents.push_back(minimum->exponents[0]);
      rate_exponents.push_back(minimum->exponents[1]);
    }
  }
  const auto law = [&](double at, double exponent) {
    return PowerLaw{std::exp(at - exponent * centre.t), exponent};
  };
  HyperSurface surface;
  surface.batch_tokens = law(centre.x + best->at[0], best->exponents[0]);
  surface.peak_lr = law(centre.y + best->at[1], best->exponents[1]);
  surface.residual_sd = best->residual_sd;
  // Where hardly a resample has a minimum, nothing is known of the exponents.
  if (2 * static_cast<std::int64_t>(batch_exponents.size()) < n_bootstrap) return std::nullopt;
  if (n_bootstrap > 0) {
    surface.batch_exponent = percentile_interval(batch_exponents);
    surface.peak_lr_exponent = percentile_interval(rate_exponents);
  }
  return surface;
}

}  // namespace isoflop
