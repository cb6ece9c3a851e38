// SPDX-License-Identifier: Apache-2.0
#include "fit/design/known_grids.h"

#include <algorithm>
#include <cmath>

#include "fit/hyper/local_optimum.h"
#include "fit/hyper/local_quadratic.h"

namespace isoflop {
namespace {

constexpr double kLeastNoise = 5e-4;  // of a run's ln metric, where the grids show less
constexpr double kLeastOwnSd = 0.1;   // of a grid's own ln optimum
constexpr double kUsualOwnSd = 0.2;   // where there are too few grids to tell
// Step Law's runs (docs/laws.md), where no grid shows its own.
constexpr double kUsualBatchCurvature = 0.012, kUsualRateCurvature = 0.0145;

/// The next value beyond the end of a grid that `best` is at; nothing where it is inside, or there
/// is one value.
std::optional<double> beyond_edge(std::vector<double> values, double best) {
  const std::vector<Interval> distinct = distinct_settings(std::move(values));
  if (distinct.size() < 2) return std::nullopt;
  const std::size_t last = distinct.size() - 1;
  const auto step = [&](std::size_t a, std::size_t b) {
    return std::max(std::sqrt(2.0), distinct[b].low / distinct[a].low);
  };
  if (best >= distinct[last].low) return distinct[last].high * step(last - 1, last);
  if (best <= distinct[0].high) return distinct[0].low / step(0, 1);
  return std::nullopt;
}

std::vector<GridRun> missing_runs(const GridCell& cell, const Sample& best) {
  std::vector<double> batches, rates;
  for (const Sample& sample : cell.samples) {
    batches.push_back(*sample.batch_tokens);
    rates.push_back(*sample.peak_lr);
  }
  std::vector<GridRun> runs;
  if (const auto rate = beyond_edge(std::move(rates), *best.peak_lr)) {
    runs.push_back({*best.batch_tokens, *rate});
  }
  if (const auto batch = beyond_edge(std::move(batches), *best.batch_tokens)) {
    runs.push_back({*batch, *best.peak_lr});
  }
  return runs;
}

KnownGrid known_grid(const GridCell& cell, const HyperCell& found, double window) {
  const Sample& best = cell.samples[best_index(cell.samples)];
  KnownGrid grid{.params = found.params, .tokens = found.tokens, .compute = cell.compute};
  for (const Sample& sample : near_best(cell, window)) grid.near.push_back(ln_setting(sample));
  grid.best = ln_setting(best);
  grid.beyond = missing_runs(cell, best);
  grid.has_optimum = grid.beyond.empty();
  grid.optimum = found.surface.usable() ? ln_of({found.surface.batch_tokens, found.surface.peak_lr})
                                        : ln_of({found.batch_tokens, found.peak_lr});
  return grid;
}

}  // namespace

LnSetting ln_of(const GridRun& run) { return {std::log(run.batch_tokens), std::log(run.peak_lr)}; }

std::vector<KnownGrid> known_grids(std::span<const GridCell> cells, const HyperFit& fit) {
  std::vector<KnownGrid> grids;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    grids.push_back(known_grid(cells[i], fit.cells[i], surface_window(fit.noise)));
  }
  return grids;
}

GridModel grid_model(const HyperFit& fit, std::span<const KnownGrid> grids) {
  GridModel model;
  model.noise = std::max(kLeastNoise, fit.noise.value_or(kLeastNoise));
  Eigen::Matrix2d sum = Eigen::Matrix2d::Zero();
  double n = 0;
  for (const HyperCell& cell : fit.cells) {
    if (!cell.surface.usable()) continue;
    Eigen::Matrix2d hessian;
    hessian << cell.surface.batch_curvature, cell.surface.cross_curvature,
        cell.surface.cross_curvature, cell.surface.peak_lr_curvature;
    sum += hessian;
    ++n;
  }
  model.hessian = Eigen::Vector2d(kUsualBatchCurvature, kUsualRateCurvature).asDiagonal();
  if (n > 0) model.hessian = sum / n;
  model.own_sd.setConstant(kUsualOwnSd);
  if (fit.batch_tokens_nd) {
    model.own_sd[kBatch] = std::max(kLeastOwnSd, fit.batch_tokens_nd->residual_sd);
  }
  if (fit.peak_lr_nd) {
    model.own_sd[kRate] = std::max(kLeastOwnSd, fit.peak_lr_nd_residual_sd);
  }
  for (const KnownGrid& grid : grids) {
    model.ln_params += std::log(grid.params) / static_cast<double>(grids.size());
    model.ln_tokens += std::log(grid.tokens) / static_cast<double>(grids.size());
    model.largest_compute = std::max(model.largest_compute, grid.compute);
  }
  return model;
}

}  // namespace isoflop
