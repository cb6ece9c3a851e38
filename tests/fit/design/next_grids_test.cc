// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "fit/design/grid_design.h"
#include "fit/hyper/recipe_sweep.h"
#include "isoflop/next.h"
#include "support/catch.h"

using namespace isoflop;
using test::RecipeSweep;

namespace {

PointSet points_of(std::span<const GridCell> cells) {
  PointSet set;
  set.frame.dataset = "d";
  for (const GridCell& cell : cells) {
    for (const Sample& sample : cell.samples) {
      Point point;
      point.params = sample.params;
      point.tokens = sample.tokens;
      point.compute = point.budget = sample.compute;
      point.batch_tokens = sample.batch_tokens;
      point.peak_lr = sample.peak_lr;
      point.loss = sample.metric;
      set.points.push_back(point);
    }
  }
  return set;
}

/// Grids at 20 tokens per parameter.
std::vector<GridCell> on_a_line() {
  RecipeSweep sweep;
  std::vector<GridCell> cells;
  for (const double n : {1e8, 2e8, 4e8, 8e8}) {
    sweep.params = {n};
    sweep.tokens = {20 * n};
    cells.push_back(sweep.cells().front());
  }
  return cells;
}

double per_param(const NextGrid& grid) { return grid.tokens / grid.params; }

}  // namespace

TEST_CASE("a grid whose best run is at an edge gets a run beyond it first") {
  std::vector<GridCell> cells = RecipeSweep().cells();
  GridCell& open = cells.front();
  const Sample best = open.samples[best_index(open.samples)];
  std::erase_if(open.samples, [&](const Sample& s) { return *s.peak_lr > 1.01 * *best.peak_lr; });
  const NextGrids next = next_grids(points_of(cells), {.flops = 1e20});
  REQUIRE_FALSE(next.grids.empty());
  const NextGrid& first = next.grids.front();
  CHECK(first.brackets);
  CHECK(first.params == open.samples.front().params);
  REQUIRE(first.runs.size() == 1);
  CHECK(first.runs.front().peak_lr == Approx(2 * *best.peak_lr));
  CHECK(first.runs.front().batch_tokens == Approx(*best.batch_tokens));
  REQUIRE_FALSE(next.warnings.empty());
  CHECK_THAT(next.warnings.front(), contains(" best run at an edge; runs beyond it come first"));
}

TEST_CASE("grids on one line ask for grids off it") {
  const NextGrids next =
      next_grids(points_of(on_a_line()), {.flops = 3e20, .target_compute = 1e22});
  REQUIRE_FALSE(next.grids.empty());
  const bool off = std::any_of(next.grids.begin(), next.grids.end(), [](const NextGrid& grid) {
    return std::abs(std::log(per_param(grid) / 20)) > 0.5;
  });
  CHECK(off);
  CHECK(next.target_tokens / next.target_params == Approx(20).epsilon(1e-9));
}

TEST_CASE("what is chosen costs no more than there is, narrows the intervals, and is repeatable") {
  const PointSet points = points_of(RecipeSweep().cells());
  const NextGridsOptions options{.flops = 5e21};
  const NextGrids next = next_grids(points, options);
  CHECK(next.n_grids == 9);
  CHECK(next.target_compute == Approx(6e21));
  CHECK(next.spent <= next.flops);
  double spent = 0;
  for (const NextGrid& grid : next.grids) {
    CHECK(grid.cost == Approx(grid.compute * static_cast<double>(grid.runs.size())));
    spent += grid.cost;
  }
  CHECK(spent == Approx(next.spent));
  CHECK(next.after.ln_batch < next.now.ln_batch);
  CHECK(next.after.ln_peak_lr < next.now.ln_peak_lr);
  CHECK(to_json(next) == to_json(next_grids(points, options)));
  const NextGrids more = next_grids(points, {.flops = 2e22});
  CHECK(more.after.ln_peak_lr <= next.after.ln_peak_lr);
}

TEST_CASE("without noise the target's batch and rate are those of the planted laws") {
  const RecipeSweep sweep;
  const NextGrids next = next_grids(points_of(sweep.cells()), {.flops = 1e20});
  const double n = next.target_params, d = next.target_tokens;
  const double batch = RecipeSweep::best_batch(n, d);
  // The prior draws exponents a little towards 0.
  CHECK(std::log(next.batch_tokens / batch) == Approx(0).margin(next.now.ln_batch));
  CHECK(std::log(next.peak_lr / sweep.rate(n, d, batch)) == Approx(0).margin(next.now.ln_peak_lr));
}

TEST_CASE("90 % intervals at the target hold the planted laws in 85 % or more") {
  constexpr int kSweeps = 200;
  int rates = 0, batches = 0;
  for (int seed = 1; seed <= kSweeps; ++seed) {
    RecipeSweep sweep;
    sweep.seed = static_cast<std::uint64_t>(seed);
    sweep.noise = 0.0005 * (1 + seed % 4);
    sweep.cell_scatter = 0.1;
    const NextGrids next = next_grids(points_of(sweep.cells()), {.flops = 1e19});
    const double n = next.target_params, d = next.target_tokens;
    const double batch = RecipeSweep::best_batch(n, d);
    batches += std::abs(std::log(next.batch_tokens / batch)) <= next.now.ln_batch;
    rates += std::abs(std::log(next.peak_lr / sweep.rate(n, d, batch))) <= next.now.ln_peak_lr;
  }
  INFO("batch " << batches << ", rate " << rates << " of " << kSweeps);
  CHECK(batches >= 0.85 * kSweeps);
  CHECK(rates >= 0.85 * kSweeps);
}

TEST_CASE("chosen grids lie apart, and those for a target narrow its intervals") {
  const NextGrids far = next_grids(points_of(RecipeSweep().cells()), {.flops = 1e22});
  for (std::size_t i = 0; i < far.grids.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (far.grids[i].brackets || far.grids[j].brackets) continue;
      const double sizes = std::abs(std::log(far.grids[i].params / far.grids[j].params));
      const double lengths = std::abs(std::log(far.grids[i].tokens / far.grids[j].tokens));
      CHECK(std::max(sizes, lengths) > std::log(1.8));
    }
  }
  CHECK(far.after.ln_peak_lr < 0.95 * far.now.ln_peak_lr);
}

TEST_CASE("once the chosen runs are there the intervals are about those that were promised") {
  const RecipeSweep sweep;
  PointSet points = points_of(sweep.cells());
  const NextGrids first = next_grids(points, {.flops = 1e22});
  for (const NextGrid& grid : first.grids) {
    for (const GridRun& run : grid.runs) {
      Point point = points.points.front();
      point.params = grid.params;
      point.tokens = grid.tokens;
      point.compute = point.budget = grid.compute;
      point.batch_tokens = run.batch_tokens;
      point.peak_lr = run.peak_lr;
      point.loss = sweep.metric_of(grid.params, grid.tokens, run.batch_tokens, run.peak_lr);
      points.points.push_back(point);
    }
  }
  const NextGrids second =
      next_grids(points, {.flops = 1e22, .target_compute = first.target_compute});
  CHECK(second.n_grids > first.n_grids);
  // The mean tokens per parameter, and with them the target, move a little.
  CHECK(second.now.ln_peak_lr == Approx(first.after.ln_peak_lr).epsilon(0.15));
  CHECK(second.now.ln_peak_lr < 0.95 * first.now.ln_peak_lr);
}

TEST_CASE("information on a grid's optimum is that of least squares on its slopes") {
  GridModel model;
  model.hessian << 0.012, 0.002, 0.002, 0.0145;
  model.noise = 0.001;
  model.own_sd.setConstant(0.1);
  const double step = std::log(2.0);
  const std::vector<LnSetting> star = {{0, 0}, {step, 0}, {-step, 0}, {0, step}, {0, -step}};
  const Eigen::Matrix2d information = information_of(model, star, LnSetting::Zero());
  // The mean of the slopes is 0: 2 step^2 H H' / noise^2.
  const Eigen::Matrix2d expected =
      2 * step * step * model.hessian * model.hessian.transpose() / 1e-6;
  CHECK((information - expected).norm() < 1e-9 * expected.norm());
  // Shifting all runs changes nothing: the level takes it.
  std::vector<LnSetting> shifted = star;
  for (LnSetting& run : shifted) run += LnSetting(1, -1);
  CHECK((information_of(model, shifted, LnSetting::Zero()) - expected).norm() <
        1e-9 * expected.norm());
  // However much a grid says, its own shift stays.
  GridKnowledge knowledge(model);
  for (int i = 0; i < 4; ++i) {
    knowledge.add(
        {.params = 1, .tokens = 1, .information = 1e9 * expected, .optimum = LnSetting(2, 3)});
  }
  CHECK(knowledge.covariance_at(1, 1)(0, 0) == Approx(0.01 / 4).epsilon(1e-3));
  CHECK(knowledge.mean_at(1, 1)[1] == Approx(3).epsilon(1e-3));
}

TEST_CASE("points without a grid, and options outside their domain, are refused") {
  const PointSet points = points_of(RecipeSweep().cells());
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(next_grids(points, {.flops = -1})),
             contains("the FLOPs to spend must be finite and > 0, got -1"));
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(next_grids(points, {.flops = 1, .target_compute = 0})),
             contains("the target must be finite and > 0, got 0"));
  PointSet single = points;
  single.points.resize(1);
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(next_grids(single, {.flops = 1e20})),
             contains("the points have no grid"));
  const NextGrids poor = next_grids(points, {.flops = 1e10});
  CHECK(poor.grids.empty());
  CHECK_THAT(poor.warnings.back(), contains("No grid is chosen"));
}
