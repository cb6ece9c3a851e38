// SPDX-License-Identifier: Apache-2.0
#include "fit/grid_noise.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <Eigen/Dense>

namespace isoflop {
namespace {

/// Of the best of a cell. Step Law's curvatures (about 0.013 per ln^2) put 4 % at a factor of 6 off
/// the optimum.
constexpr double kWindow = 0.04;
constexpr Eigen::Index kSharedColumns = 7;
constexpr Eigen::Index kSpareRuns = 4;  // beyond the unknowns

struct Run {
  Eigen::Index cell;
  double x, y, t;  // ln B, ln lr, ln C
  double ln_metric;
};

std::vector<Run> runs_near_best(std::span<const GridCell> cells) {
  std::vector<Run> runs;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    double best = std::numeric_limits<double>::infinity();
    for (const Sample& sample : cells[c].samples) best = std::min(best, sample.metric);
    for (const Sample& sample : cells[c].samples) {
      if (sample.metric > (1 + kWindow) * best) continue;
      runs.push_back({static_cast<Eigen::Index>(c), std::log(*sample.batch_tokens),
                      std::log(*sample.peak_lr), std::log(cells[c].compute),
                      std::log(sample.metric)});
    }
  }
  return runs;
}

double mean_of(const std::vector<Run>& runs, double Run::*member) {
  double sum = 0;
  for (const Run& run : runs) sum += run.*member;
  return sum / static_cast<double>(runs.size());
}

}  // namespace

std::optional<double> grid_noise(std::span<const GridCell> cells) {
  const std::vector<Run> runs = runs_near_best(cells);
  const auto n = static_cast<Eigen::Index>(runs.size());
  const auto n_cells = static_cast<Eigen::Index>(cells.size());
  const Eigen::Index n_columns = n_cells + kSharedColumns;
  if (n_cells < 2 || n < n_columns + kSpareRuns) return std::nullopt;
  const double x0 = mean_of(runs, &Run::x), y0 = mean_of(runs, &Run::y),
               t0 = mean_of(runs, &Run::t);
  Eigen::MatrixXd design = Eigen::MatrixXd::Zero(n, n_columns);
  Eigen::VectorXd response(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const Run& run = runs[static_cast<std::size_t>(i)];
    const double x = run.x - x0, y = run.y - y0, t = run.t - t0;
    design(i, run.cell) = 1;
    design.row(i).tail(kSharedColumns) << x * x, x * y, y * y, x, y, x * t, y * t;
    response[i] = run.ln_metric;
  }
  const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> factors(design);
  if (factors.rank() < n_columns) return std::nullopt;
  const Eigen::VectorXd residual = response - design * factors.solve(response);
  return std::sqrt(residual.squaredNorm() / static_cast<double>(n - n_columns));
}

}  // namespace isoflop
