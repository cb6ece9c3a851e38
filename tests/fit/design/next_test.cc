// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <map>

#include "isoflop/error.h"
#include "stats/variance_components.h"
#include "support/campaign.h"
#include "support/catch.h"

using namespace isoflop;
using namespace isoflop::test;

namespace {

auto near(double value, double tolerance) { return Catch::Matchers::WithinAbs(value, tolerance); }

std::vector<BudgetSample> grid_samples(const Campaign& campaign) {
  const Pool pool = make_pool(campaign);
  std::vector<BudgetSample> samples;
  for (std::size_t i = 0; i < pool.cells.size(); ++i) {
    if (!pool.in_grid[i]) continue;
    samples.push_back({.size = pool.cells[i].scale,
                       .tokens = pool.cells[i].tokens,
                       .loss = pool.losses[i],
                       .budget = samples.size() / static_cast<std::size_t>(campaign.n_sizes)});
  }
  return samples;
}

PointSet to_points(std::span<const CandidateRun> cells, std::span<const double> losses) {
  PointSet set;
  set.frame = {.dataset = "campaign", .tokenizer = "", .metric = Metric::loss_nats};
  for (std::size_t i = 0; i < cells.size(); ++i) {
    Point point;
    point.params = cells[i].scale;
    point.tokens = cells[i].tokens;
    point.loss = losses[i];
    point.budget = point.compute = cells[i].budget;
    set.points.push_back(point);
  }
  return set;
}

/// The cells of a campaign's grid at its first budgets, as points, and the rest of the pool.
struct Begun {
  PointSet points;
  std::vector<CandidateRun> left;
};
Begun begin(const Campaign& campaign, int n_budgets) {
  const Pool pool = make_pool(campaign);
  Begun begun;
  std::vector<CandidateRun> done;
  std::vector<double> losses;
  const double last = campaign.first_budget * std::pow(campaign.budget_ratio, n_budgets - 0.9);
  for (std::size_t i = 0; i < pool.cells.size(); ++i) {
    if (pool.in_grid[i] && pool.cells[i].budget < last) {
      done.push_back(pool.cells[i]);
      losses.push_back(pool.losses[i]);
    } else {
      begun.left.push_back(pool.cells[i]);
    }
  }
  begun.points = to_points(done, losses);
  return begun;
}

NextOptions options_of(double flops) {
  return {.scale = LossLaw::Scale::params, .flops = flops, .delta = 1, .n_bootstrap = 0};
}

bool warned(const NextRuns& next, const std::string& text) {
  return std::any_of(next.warnings.begin(), next.warnings.end(),
                     [&](const auto& w) { return w.find(text) != std::string::npos; });
}

}  // namespace

TEST_CASE("gradients of the surface, of its optimum and of a sideways shift are the derivatives") {
  const Campaign campaign{.surface = epoch_surface()};
  const CentredSurface surface(campaign.surface, grid_samples(campaign));
  const double size = 3e8, tokens = 2e10, target = campaign.target(), h = 1e-5;
  for (int i = 0; i < kSurfaceParameters; ++i) {
    SurfaceGradient step = SurfaceGradient::Zero();
    step[i] = h;
    const CentredSurface up = surface.moved(step), down = surface.moved(-step);
    const auto slope = [&](auto value) { return (value(up) - value(down)) / (2 * h); };
    // Central differences: h^2 and rounding over h, both about 1e-10.
    CHECK_THAT(surface.gradient(size, tokens)[i],
               near(slope([&](auto& s) { return s.ln_loss(size, tokens); }), 1e-8));
    CHECK_THAT(surface.optimum_gradient(target)[i],
               near(slope([&](auto& s) { return s.ln_optimum(target); }), 1e-8));
    CHECK_THAT(surface.optimal_loss_gradient(target)[i],
               near(slope([&](auto& s) { return s.ln_optimal_loss(target); }), 1e-8));
  }
  const auto moved = [&](double s) {
    return surface.ln_loss(size * std::exp(-s), tokens * std::exp(s));
  };
  CHECK_THAT(surface.shift_slope(size, tokens), near((moved(h) - moved(-h)) / (2 * h), 1e-8));
}

TEST_CASE("errors at the target are those of the marginal covariance, computed independently") {
  // Generalised least squares with the 54 x 54 covariance and numerical derivatives, in NumPy.
  struct Case {
    double tau, ln_scale, ln_loss;
  };
  for (const Case& c : {Case{0.001, 0.018103513, 0.0014256501},
                        {0.05, 0.0593231596, 0.0015217787},
                        {0.1, 0.0959971857, 0.0016009521}}) {
    const Campaign campaign{.surface = epoch_surface()};
    const std::vector<BudgetSample> samples = grid_samples(campaign);
    const MixedSurface model{CentredSurface(campaign.surface, samples), 0.002, c.tau, c.tau};
    const TargetError error = DesignState(model, samples, 6, campaign.target()).error();
    // The weak prior of the parameters is not in the reference.
    CHECK_THAT(error.ln_scale, near(c.ln_scale, 2e-3 * c.ln_scale));
    CHECK_THAT(error.ln_loss, near(c.ln_loss, 2e-3 * c.ln_loss));
  }
}

TEST_CASE("a run added by an update of rank one is a run that was there from the start") {
  const Campaign campaign{.surface = epoch_surface()};
  std::vector<BudgetSample> samples = grid_samples(campaign);
  const BudgetSample last = samples.back();
  const MixedSurface model{CentredSurface(campaign.surface, samples), 0.002, 0.05, 0.05};
  const TargetError all = DesignState(model, samples, 6, campaign.target()).error();
  samples.pop_back();
  DesignState state(model, samples, 6, campaign.target());
  const TargetError before = state.error();
  const auto row = DesignState::row_of(model.surface, last.size, last.tokens, last.budget);
  const DesignState::Gain gain = state.gain(row);
  state.add(row);
  CHECK_THAT(state.error().ln_scale, near(all.ln_scale, 1e-9));
  CHECK_THAT(state.error().ln_loss, near(all.ln_loss, 1e-9));
  CHECK_THAT(gain.ln_scale, near(std::pow(before.ln_scale, 2) - std::pow(all.ln_scale, 2), 1e-12));
  CHECK_THAT(gain.ln_loss, near(std::pow(before.ln_loss, 2) - std::pow(all.ln_loss, 2), 1e-12));
}

TEST_CASE("what one budget tells of ln N* saturates with tau, and does not without") {
  const Campaign campaign{.surface = epoch_surface()};
  const std::vector<BudgetSample> samples = grid_samples(campaign);
  const auto error_after = [&](double tau, int n_copies) {
    const MixedSurface model{CentredSurface(campaign.surface, samples), 0.002, tau, tau};
    DesignState state(model, samples, 6, campaign.target());
    for (int i = 0; i < n_copies; ++i) {
      const BudgetSample& run = samples[static_cast<std::size_t>(i % 9)];
      state.add(DesignState::row_of(model.surface, run.size, run.tokens, 0));
    }
    return state.error().ln_scale;
  };
  // The curvature goes on telling a little.
  CHECK(error_after(0.1, 9000) > 0.9 * error_after(0.1, 3000));
  CHECK(error_after(0.1, 9000) > 3 * error_after(1e-5, 9000));
}

TEST_CASE("noise and scatter between budgets are found as planted") {
  constexpr int kReplications = 20;
  for (const double tau : {0.05, 0.15}) {
    double noise_squares = 0, tau_squares = 0;
    for (int i = 0; i < kReplications; ++i) {
      const Campaign campaign{.surface = epoch_surface(),
                              .noise = 0.003,
                              .tau = tau,
                              .seed = static_cast<std::uint64_t>(i)};
      const MixedSurface model =
          fit_mixed_surface(grid_samples(campaign), campaign.surface, kTauFloor);
      noise_squares += model.noise * model.noise / kReplications;
      tau_squares += model.tau_estimated * model.tau_estimated / kReplications;
      CHECK(model.tau >= kTauFloor);
    }
    // 20 x 49 degrees of freedom: 2.3 % of the sd; 20 x 4: 8 %, and the shifts' own noise.
    CHECK_THAT(std::sqrt(noise_squares), near(0.003, 0.003 * 0.1));
    CHECK_THAT(std::sqrt(tau_squares), near(tau, tau * 0.3));
  }
}

TEST_CASE("an outlier moves neither noise nor optimum by much") {
  const Campaign campaign{.surface = epoch_surface()};
  std::vector<BudgetSample> samples = grid_samples(campaign);
  const MixedSurface clean = fit_mixed_surface(samples, campaign.surface, kTauFloor);
  samples[20].loss *= 1.5;
  const MixedSurface dirty = fit_mixed_surface(samples, campaign.surface, kTauFloor);
  CHECK(dirty.noise < 2 * clean.noise);
  const double moved =
      dirty.surface.ln_optimum(campaign.target()) - clean.surface.ln_optimum(campaign.target());
  CHECK(std::abs(moved) < 0.1);
}

TEST_CASE("next knows as much as the full grid for a third of its cost, and more than the others") {
  constexpr int kReplications = 3;
  constexpr double kShare = 0.3;
  double grid = 0;
  std::map<Strategy, double> widths;
  for (int r = 0; r < kReplications; ++r) {
    const Campaign campaign{.surface = epoch_surface(), .seed = static_cast<std::uint64_t>(r)};
    const Pool pool = make_pool(campaign);
    Campaigner whole(campaign, pool);
    for (std::size_t i = 0; i < pool.cells.size(); ++i) {
      if (pool.in_grid[i]) whole.observe(i);
    }
    grid += std::log(whole.learn().interval.ln_scale);
    for (const Strategy strategy : kStrategies) {
      Campaigner campaigner(campaign, pool);
      for (const std::size_t cell : pool.start) campaigner.observe(cell);
      for (const double share : {0.05, 0.15, kShare}) {
        static_cast<void>(campaigner.learn());
        campaigner.choose(strategy, share, 0);
      }
      const Knowledge end = campaigner.learn();
      CHECK(end.share <= kShare);
      widths[strategy] += std::log(end.interval.ln_scale);
    }
  }
  CHECK(widths[Strategy::next] < grid);
  for (const Strategy other : {Strategy::random, Strategy::cheapest, Strategy::d_optimal}) {
    INFO(to_string(other));
    CHECK(widths[Strategy::next] < widths[other]);
  }
}

TEST_CASE("next spends what it may, spreads over budgets, and says what it will know") {
  const Campaign campaign{.surface = epoch_surface(), .centre_off = 1};
  const Begun begun = begin(campaign, 4);
  const NextRuns next = next_runs(begun.points, begun.left, options_of(3e19));
  CHECK(next.spent <= 3e19);
  CHECK(next.spent > 1.5e19);
  CHECK_THAT(next.target_compute, near(10 * 1e17 * std::pow(10, 1.5), 1e9));
  CHECK(next.after.ln_scale < next.now.ln_scale);
  CHECK(next.after.ln_loss < next.now.ln_loss);
  REQUIRE(next.flops_to_halve_loss);
  double sum = 0;
  std::map<double, int> runs_at;
  for (const ChosenRun& run : next.runs) {
    sum += run.cost;
    ++runs_at[begun.left[run.candidate].budget];
  }
  CHECK_THAT(sum, near(next.spent, 1e6));
  CHECK(runs_at.size() >= 3);
  CHECK_FALSE(warned(next, "not bracketed"));
  CHECK_FALSE(warned(next, "times the largest budget"));
  CHECK_FALSE(warned(next, "trunk"));

  NextOptions far = options_of(3e19);
  far.target_compute = 1e22;
  CHECK(warned(next_runs(begun.points, begun.left, far), "times the largest budget"));
}

TEST_CASE("the floor of tau is told where it stands in, and not where the sweep scatters more") {
  for (const double tau : {0.0, 0.3}) {
    const Campaign campaign{.surface = epoch_surface(), .tau = tau};
    const Begun begun = begin(campaign, 5);
    const NextRuns next = next_runs(begun.points, begun.left, options_of(1e20));
    CHECK(warned(next, "below the floor") == (tau == 0));
    CHECK(next.tau >= kTauFloor);
  }
}

TEST_CASE("a minimum that is not bracketed comes first") {
  // Sizes from 2.8 times the optimum up: the best is the smallest.
  const Campaign campaign{
      .surface = epoch_surface(), .noise = 1e-4, .half_width = 2, .centre_off = 4};
  const Begun begun = begin(campaign, 3);
  Campaign wide = campaign;
  wide.half_width = 16;
  const NextRuns next = next_runs(begun.points, make_pool(wide).cells, options_of(1e19));
  CHECK(warned(next, "not bracketed; it needs 2 more smaller sizes, which come first"));
  REQUIRE(next.runs.size() >= 6);
  for (std::size_t i = 0; i < 6; ++i) CHECK(next.runs[i].brackets);
  CHECK_FALSE(next.runs.back().brackets);
}

TEST_CASE("runs of one trunk pay their stem once, for the longest") {
  TrunkCosts costs;
  CandidateRun shorter{.cost = 100, .stem = 80, .trunk = "t"};
  CandidateRun longer{.cost = 200, .stem = 160, .trunk = "t"};
  CHECK(costs.pay(shorter) == 100);
  CHECK(costs.cost_of(longer) == 120);
  CHECK(costs.pay(longer) == 120);
  CHECK(costs.cost_of(shorter) == 20);
  CHECK(costs.cost_of({.cost = 100, .stem = 0}) == 100);

  const Campaign campaign{.surface = epoch_surface(), .centre_off = 1};
  Begun begun = begin(campaign, 4);
  for (std::size_t i = 0; i < begun.left.size(); ++i) {
    begun.left[i].stem = 0.8 * begun.left[i].cost;
    begun.left[i].trunk = "size " + std::to_string(i % 9);
  }
  CHECK(warned(next_runs(begun.points, begun.left, options_of(3e19)), "are not independent"));
}

TEST_CASE("next refuses what has no answer") {
  const Campaign campaign{.surface = epoch_surface()};
  const Begun begun = begin(campaign, 3);
  const auto refusal = [&](const PointSet& points, const NextOptions& options) {
    return ISOFLOP_ERROR_MESSAGE(next_runs(points, begun.left, options));
  };
  CHECK_THAT(refusal(begun.points, options_of(0)), contains("must be finite and > 0, got 0"));
  CHECK_THAT(refusal(begun.points, options_of(1e3)), contains("buy no run"));
  NextOptions bad_target = options_of(1e19);
  bad_target.target_compute = -1;
  CHECK_THAT(refusal(begun.points, bad_target), contains("target must be finite and > 0"));
  PointSet few = begun.points;
  few.points.resize(6);
  CHECK_THAT(refusal(few, options_of(1e19)), contains("carry no fit"));
  PointSet flat = begun.points;
  for (Point& point : flat.points) point.loss = 3;
  CHECK_THAT(refusal(flat, options_of(1e19)), contains("carry no fit"));
}

TEST_CASE("candidates of bare points lie at, between and beside their budgets, and are not done") {
  const Campaign campaign{.surface = epoch_surface(), .centre_off = 1};
  const Begun begun = begin(campaign, 3);
  const std::vector<CandidateRun> candidates =
      candidates_from(begun.points, LossLaw::Scale::params);
  REQUIRE_FALSE(candidates.empty());
  std::map<double, int> at;
  for (const CandidateRun& run : candidates) {
    ++at[std::round(2 * std::log10(run.budget / 1e17) * 100)];
    CHECK_THAT(6 * run.scale * run.tokens, near(run.compute, 1e-6 * run.compute));
    for (const Point& point : begun.points.points) {
      CHECK_FALSE((std::abs(*point.params / run.scale - 1) < 1e-3 &&
                   std::abs(*point.budget / run.budget - 1) < 1e-3));
    }
  }
  // Budgets at 1e17 x sqrt(10)^(0, 1, 2), and -1, 0.5, 1.5, 3.
  CHECK(at.size() == 7);
}
