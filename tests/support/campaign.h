// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "fit/design/next_problem.h"
#include "fit/surface/loss_law_fit.h"
#include "isoflop/next.h"
#include "support/sweep_oracle.h"

namespace isoflop::test {

/// A sweep that could be run: a grid of budgets and sizes, and a pool of cells to choose from,
/// which has the budgets between, one below, one above and a second seed as well. Losses come from
/// a surface whose curve is moved sideways at each budget, and noise.
struct Campaign {
  LossLaw surface;
  double noise = 0.002, tau = 0.05;
  std::uint64_t seed = 0;
  int n_budgets = 6, n_sizes = 9;
  double half_width = 4;
  double centre_off = 1.5;  // of the grid's sizes, from the true optimum
  double first_budget = 1e17, budget_ratio = std::sqrt(10.0);
  double loss_weight = 1;  // of next

  [[nodiscard]] double target() const {
    return 10 * first_budget * std::pow(budget_ratio, n_budgets - 1);
  }
};

/// Every size can be run with two seeds.
inline constexpr int kSeeds = 2;

/// Cells in order of budget, seed and size; `in_grid` says which are of the full grid.
struct Pool {
  std::vector<CandidateRun> cells;
  std::vector<double> losses;
  std::vector<bool> in_grid;
  std::vector<std::size_t> start;  // 5 sizes of each of the 3 smallest budgets
  double grid_cost = 0;
};

inline Pool make_pool(const Campaign& campaign) {
  Pool pool;
  const Rng noise(campaign.seed, 1), shifts(campaign.seed, 2);
  const SweepOracle oracle{.surface = campaign.surface, .budgets = {}};
  for (int half = -2; half <= 2 * campaign.n_budgets; ++half) {
    const double budget = campaign.first_budget * std::pow(campaign.budget_ratio, half / 2.0);
    const double shift = campaign.tau * shifts.normal(static_cast<std::uint64_t>(half + 2));
    for (int i = 0; i < campaign.n_sizes * kSeeds; ++i) {
      const int nth = i % campaign.n_sizes;
      const double step = 2.0 * nth / (campaign.n_sizes - 1) - 1;
      const double size =
          oracle.optimum(budget) * campaign.centre_off * std::pow(campaign.half_width, step);
      const double tokens = budget / (campaign.surface.flops_factor() * size);
      const double loss = campaign.surface(size * std::exp(-shift), tokens * std::exp(shift)) *
                          std::exp(campaign.noise * noise.normal(pool.cells.size()));
      const bool in_grid =
          half % 2 == 0 && half >= 0 && half < 2 * campaign.n_budgets && i < campaign.n_sizes;
      if (in_grid) pool.grid_cost += budget;
      if (in_grid && half <= 4 && i % 2 == 0) pool.start.push_back(pool.cells.size());
      pool.cells.push_back(
          {.budget = budget, .compute = budget, .scale = size, .tokens = tokens, .cost = budget});
      pool.losses.push_back(loss);
      pool.in_grid.push_back(in_grid);
    }
  }
  return pool;
}

enum class Strategy { next, random, cheapest, d_optimal };
inline constexpr std::array kStrategies = {Strategy::next, Strategy::random, Strategy::cheapest,
                                           Strategy::d_optimal};
inline std::string_view to_string(Strategy strategy) {
  static constexpr std::array<std::string_view, 4> kNames = {"next", "random", "cheapest",
                                                             "D-optimal"};
  return kNames[static_cast<std::size_t>(strategy)];
}

/// What is known once some cells are done: estimate minus truth, and half-widths at 90 %.
struct Knowledge {
  double share = 0;  // spent, of the full grid's cost
  double scale_error = 0, loss_error = 0;
  TargetInterval interval;
};

/// A campaign under way.
class Campaigner {
 public:
  Campaigner(const Campaign& campaign, const Pool& pool) : campaign_(campaign), pool_(pool) {}

  void observe(std::size_t cell) {
    if (std::find(done_.begin(), done_.end(), cell) != done_.end()) return;
    done_.push_back(cell);
    spent_ += pool_.cells[cell].cost;
  }

  Knowledge learn() {
    refit();
    const GreedyDesign now = start_design(*model_, {}, problem_, {}, campaign_.target(), 1);
    const CentredSurface truth(campaign_.surface, problem_.samples);
    constexpr double kNormal90 = 1.6448536269514722;
    const double target = campaign_.target();
    return {.share = spent_ / pool_.grid_cost,
            .scale_error = model_->surface.ln_optimum(target) - truth.ln_optimum(target),
            .loss_error = model_->surface.ln_optimal_loss(target) - truth.ln_optimal_loss(target),
            .interval = {kNormal90 * now.error().ln_scale, kNormal90 * now.error().ln_loss}};
  }

  /// Chooses cells until `share` of the grid's cost is spent, and observes them. Needs learn().
  void choose(Strategy strategy, double share, std::int64_t n_draws) {
    const double money = share * pool_.grid_cost - spent_;
    const NextOptions options{.scale = campaign_.surface.scale,
                              .flops = money,
                              .delta = 1,
                              .n_bootstrap = strategy == Strategy::next ? n_draws : 0,
                              .seed = campaign_.seed};
    std::vector<CandidateRun> left;
    std::vector<std::size_t> index;
    for (std::size_t i = 0; i < pool_.cells.size(); ++i) {
      if (std::find(done_.begin(), done_.end(), i) != done_.end()) continue;
      left.push_back(pool_.cells[i]);
      index.push_back(i);
    }
    if (left.empty() || !(money > 0)) return;
    for (const std::size_t i : chosen(strategy, left, index, options)) observe(index[i]);
  }

 private:
  [[nodiscard]] PointSet points() const {
    PointSet set;
    set.frame = {.dataset = "campaign", .tokenizer = "", .metric = Metric::loss_nats};
    for (const std::size_t i : done_) {
      Point point;
      const CandidateRun& cell = pool_.cells[i];
      const bool params = campaign_.surface.scale == LossLaw::Scale::params;
      (params ? point.params : point.flops_per_token) = cell.scale;
      point.tokens = cell.tokens;
      point.loss = pool_.losses[i];
      point.budget = point.compute = cell.budget;
      set.points.push_back(point);
    }
    return set;
  }

  void refit() {
    problem_ = make_next_problem(points(), {}, campaign_.surface.scale);
    LossLaw start = model_ ? model_->surface.law() : first_law();
    model_ = fit_mixed_surface(problem_.samples, start, kTauFloor);
  }

  [[nodiscard]] LossLaw first_law() const {
    std::vector<LossSample> samples;
    for (const BudgetSample& s : problem_.samples) {
      samples.push_back({.size = s.size, .tokens = s.tokens, .loss = s.loss});
    }
    const LossLaw law = fit_loss_law(samples, {.delta = 1, .scale = campaign_.surface.scale}).law;
    if (CentredSurface::is_interior(law)) return law;
    // A start in the middle of what is published.
    LossLaw middle{.irreducible = samples.front().loss / 2,
                   .alpha = 0.35,
                   .beta = 0.35,
                   .scale = campaign_.surface.scale};
    middle.a = samples.front().loss / 4 * std::pow(samples.front().size, middle.alpha);
    middle.b = samples.front().loss / 4 * std::pow(samples.front().tokens, middle.beta);
    return middle;
  }

  [[nodiscard]] std::vector<std::size_t> chosen(Strategy strategy,
                                                const std::vector<CandidateRun>& left,
                                                const std::vector<std::size_t>& index,
                                                const NextOptions& options) const {
    if (strategy == Strategy::next) return by_next(left, options);
    std::vector<double> order;
    const Rng rng(campaign_.seed, 3);
    for (std::size_t i = 0; i < left.size(); ++i) {
      order.push_back(strategy == Strategy::random ? rng.uniform(index[i]) : left[i].cost);
    }
    if (strategy == Strategy::d_optimal) return by_determinant(left, options);
    std::vector<std::size_t> indices(left.size());
    std::iota(indices.begin(), indices.end(), std::size_t{0});
    std::stable_sort(indices.begin(), indices.end(),
                     [&](std::size_t a, std::size_t b) { return order[a] < order[b]; });
    std::vector<std::size_t> result;
    double spent = 0;
    for (const std::size_t i : indices) {
      if (spent + left[i].cost > options.flops) continue;
      spent += left[i].cost;
      result.push_back(i);
    }
    return result;
  }

  [[nodiscard]] std::vector<std::size_t> by_next(const std::vector<CandidateRun>& left,
                                                 const NextOptions& options) const {
    const NextProblem problem = make_next_problem(points(), left, campaign_.surface.scale);
    const auto draws = draw_surfaces(*model_, problem.samples, options);
    const GreedyDesign design = spend(
        start_design(*model_, draws, problem, left, campaign_.target(), campaign_.loss_weight),
        options.flops);
    std::vector<std::size_t> result;
    for (const ChosenRun& run : design.runs()) result.push_back(run.candidate);
    return result;
  }

  [[nodiscard]] std::vector<std::size_t> by_determinant(const std::vector<CandidateRun>& left,
                                                        const NextOptions& options) const {
    const NextProblem problem = make_next_problem(points(), left, campaign_.surface.scale);
    DesignState state(*model_, problem.samples, problem.n_budgets, campaign_.target());
    std::vector<std::size_t> result;
    std::vector<bool> taken(left.size(), false);
    for (double money = options.flops;;) {
      std::optional<std::size_t> best;
      double best_worth = 0;
      for (std::size_t i = 0; i < left.size(); ++i) {
        if (taken[i] || left[i].cost > money) continue;
        const double worth = state.determinant_gain(row(left[i], problem, i)) / left[i].cost;
        if (worth > best_worth) {
          best = i;
          best_worth = worth;
        }
      }
      if (!best) return result;
      state.add(row(left[*best], problem, *best));
      taken[*best] = true;
      money -= left[*best].cost;
      result.push_back(*best);
    }
  }

  [[nodiscard]] DesignState::Row row(const CandidateRun& run, const NextProblem& problem,
                                     std::size_t i) const {
    return DesignState::row_of(model_->surface, run.scale, run.tokens,
                               problem.budget_of_candidate[i]);
  }

  const Campaign& campaign_;
  const Pool& pool_;
  std::vector<std::size_t> done_;
  double spent_ = 0;
  NextProblem problem_;
  std::optional<MixedSurface> model_;
};

}  // namespace isoflop::test
