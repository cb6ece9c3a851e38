// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"
#include "fit/design/grid_design.h"
#include "fit/design/known_grids.h"
#include "fit/design/next_grids_warnings.h"
#include "fit/hyper/hyper_fit.h"
#include "fit/hyper/local_quadratic.h"
#include "isoflop/error.h"
#include "isoflop/next.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr double kReach = 10;        // of the target past the largest grid
const double kStep = std::log(2.0);  // between the runs of a star
constexpr int kMostArms = 3;
const double kNear = std::log(1.9);              // of sizes and of lengths
constexpr std::array kPowers = {1.0, 0.5, 0.0};  // of the cost; greedy_design.cc says why

struct Candidate {
  NextGrid grid;
  LnSetting optimum;  // predicted
  Eigen::Matrix2d information;
};

struct GridPlace {
  double params, tokens;
};

/// Grids as near as that have much the same optimum, their own shifts included: the second tells
/// little, whatever a model of independent shifts says.
bool are_near(const GridPlace& a, const GridPlace& b) {
  return std::abs(std::log(a.params / b.params)) < kNear &&
         std::abs(std::log(a.tokens / b.tokens)) < kNear;
}

/// Distinct values and one above, at the median step or a factor of 2. None below: the law is
/// asked for above, and what is smaller than any grid may follow another.
std::vector<double> with_next(std::vector<double> values) {
  std::vector<double> distinct;
  for (const Interval& value : distinct_settings(std::move(values))) distinct.push_back(value.low);
  std::vector<double> steps;
  for (std::size_t i = 1; i < distinct.size(); ++i) steps.push_back(distinct[i] / distinct[i - 1]);
  const double step = steps.empty() ? 2 : std::max(2.0, median(steps));
  distinct.push_back(distinct.back() * step);
  return distinct;
}

int arms_for(double sd) {
  return std::clamp(static_cast<int>(std::ceil(kNormal90 * sd / kStep)), 1, kMostArms);
}

/// Runs about the optimum that the laws predict, as far out as it may lie with 90 %.
Candidate star_at(const GridModel& model, const GridKnowledge& knowledge, double params,
                  double tokens, double compute) {
  Candidate candidate;
  candidate.optimum = knowledge.mean_at(params, tokens);
  const Eigen::Vector2d sd =
      (knowledge.covariance_at(params, tokens).diagonal() + model.own_sd.cwiseProduct(model.own_sd))
          .cwiseSqrt();
  std::vector<LnSetting> settings = {candidate.optimum};
  for (const Eigen::Index axis : {kBatch, kRate}) {
    for (int arm = 1; arm <= arms_for(sd[axis]); ++arm) {
      for (const double sign : {-1.0, 1.0}) {
        settings.push_back(candidate.optimum);
        settings.back()[axis] += sign * arm * kStep;
      }
    }
  }
  candidate.information = information_of(model, settings, candidate.optimum);
  candidate.grid = {.params = params, .tokens = tokens, .compute = compute};
  candidate.grid.cost = compute * static_cast<double>(settings.size());
  for (const LnSetting& setting : settings) {
    candidate.grid.runs.push_back({std::exp(setting[kBatch]), std::exp(setting[kRate])});
  }
  return candidate;
}

/// FLOPs per parameter and token, the mean over the grids.
double flops_per(std::span<const KnownGrid> grids) {
  double sum = 0;
  for (const KnownGrid& grid : grids) sum += std::log(grid.compute / (grid.params * grid.tokens));
  return std::exp(sum / static_cast<double>(grids.size()));
}

std::vector<Candidate> candidates_of(const GridModel& model, const GridKnowledge& knowledge,
                                     std::span<const KnownGrid> grids) {
  std::vector<double> sizes, lengths;
  for (const KnownGrid& grid : grids) {
    sizes.push_back(grid.params);
    lengths.push_back(grid.tokens);
  }
  const double k = flops_per(grids);
  std::vector<Candidate> candidates;
  for (const double params : with_next(std::move(sizes))) {
    for (const double tokens : with_next(lengths)) {
      const bool is_known = std::any_of(grids.begin(), grids.end(), [&](const KnownGrid& grid) {
        return are_near({grid.params, grid.tokens}, {params, tokens});
      });
      if (is_known) continue;
      candidates.push_back(star_at(model, knowledge, params, tokens, k * params * tokens));
    }
  }
  return candidates;
}

/// A choice in the making.
struct GridChoice {
  GridKnowledge knowledge;
  std::vector<NextGrid> grids = {};
  double spent = 0;
};

double criterion_of(const GridKnowledge& knowledge, const GridPlace& target,
                    const Eigen::Vector2d& start) {
  return knowledge.covariance_at(target.params, target.tokens)
      .diagonal()
      .cwiseQuotient(start)
      .sum();
}

GridKnowledge with(GridKnowledge knowledge, const Candidate& candidate) {
  knowledge.add({.params = candidate.grid.params,
                 .tokens = candidate.grid.tokens,
                 .information = candidate.information,
                 .optimum = candidate.optimum});
  return knowledge;
}

GridChoice greedy(GridChoice choice, std::span<const Candidate> candidates, const GridPlace& target,
                  double flops, double power) {
  const Eigen::Vector2d start =
      choice.knowledge.covariance_at(target.params, target.tokens).diagonal();
  std::vector<bool> passed(candidates.size(), false);
  while (true) {
    const double now = criterion_of(choice.knowledge, target, start);
    std::optional<std::size_t> best;
    double best_worth = 0;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const double cost = candidates[i].grid.cost;
      if (passed[i] || choice.spent + cost > flops) continue;
      const double gain = now - criterion_of(with(choice.knowledge, candidates[i]), target, start);
      const double worth = gain / std::pow(cost, power);
      if (worth > best_worth) {
        best = i;
        best_worth = worth;
      }
    }
    if (!best) return choice;
    const NextGrid& chosen = candidates[*best].grid;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const NextGrid& other = candidates[i].grid;
      if (are_near({chosen.params, chosen.tokens}, {other.params, other.tokens})) passed[i] = true;
    }
    choice.knowledge = with(choice.knowledge, candidates[*best]);
    choice.grids.push_back(candidates[*best].grid);
    choice.spent += candidates[*best].grid.cost;
  }
}

/// Beyond the edges first, the cheapest grids before the others; what they will tell counts.
void bracket_grids(const GridModel& model, std::span<const KnownGrid> grids, double flops,
                   GridChoice& choice, Words& warnings) {
  std::vector<const KnownGrid*> open;
  for (const KnownGrid& grid : grids) {
    if (!grid.has_optimum) open.push_back(&grid);
  }
  std::sort(open.begin(), open.end(),
            [](const auto* a, const auto* b) { return a->compute < b->compute; });
  std::size_t n_left = 0;
  for (const KnownGrid* grid : open) {
    const double cost = grid->compute * static_cast<double>(grid->beyond.size());
    if (choice.spent + cost > flops) {
      ++n_left;
      continue;
    }
    std::vector<LnSetting> runs = grid->near;
    for (const GridRun& run : grid->beyond) runs.push_back(ln_of(run));
    choice.knowledge.add({.params = grid->params,
                          .tokens = grid->tokens,
                          .information = information_of(model, runs, grid->best),
                          .optimum = grid->best});
    choice.spent += cost;
    choice.grids.push_back({.params = grid->params,
                            .tokens = grid->tokens,
                            .compute = grid->compute,
                            .cost = cost,
                            .brackets = true,
                            .runs = grid->beyond});
  }
  warn_of_open_grids(open.size(), n_left, warnings);
}

GridIntervals intervals_of(const GridKnowledge& knowledge, const GridPlace& target) {
  const Eigen::Vector2d sd =
      knowledge.covariance_at(target.params, target.tokens).diagonal().cwiseSqrt();
  return {.ln_batch = kNormal90 * sd[kBatch], .ln_peak_lr = kNormal90 * sd[kRate]};
}

GridPlace target_of(std::span<const KnownGrid> grids, const GridModel& model, double compute) {
  const double per_param = std::exp(model.ln_tokens - model.ln_params);
  const double params = std::sqrt(compute / (flops_per(grids) * per_param));
  return {.params = params, .tokens = per_param * params};
}

void require_positive_flops(const char* name, const std::optional<double>& value) {
  if (!value || (*value > 0 && std::isfinite(*value))) return;
  throw Error(ErrorCode::invalid_argument,
              std::string(name) + " must be finite and > 0, got " + exact_text(*value));
}

}  // namespace

NextGrids next_grids(const PointSet& points, const NextGridsOptions& options) {
  require_positive_flops("the FLOPs to spend", options.flops);
  require_positive_flops("the target", options.target_compute);
  const std::vector<GridCell> cells = grid_cells(group_by_budget(points, LossLaw::Scale::params));
  const std::optional<HyperFit> fit = fit_hyper(cells, std::nullopt, HyperLaw{{1, 0}, {1, 0}});
  if (!fit) {
    throw Error(ErrorCode::invalid_argument,
                "the points have no grid: runs of one size and length with at least 3 batch sizes "
                "or learning rates (columns batch_tokens, peak_lr)");
  }
  const std::vector<KnownGrid> grids = known_grids(cells, *fit);
  const GridModel model = grid_model(*fit, grids);
  GridChoice start{GridKnowledge(model)};
  for (const KnownGrid& grid : grids) {
    if (!grid.has_optimum) continue;
    start.knowledge.add({.params = grid.params,
                         .tokens = grid.tokens,
                         .information = information_of(model, grid.near, grid.optimum),
                         .optimum = grid.optimum});
  }
  if (std::none_of(grids.begin(), grids.end(), [](const auto& grid) { return grid.has_optimum; })) {
    throw Error(ErrorCode::invalid_argument,
                "no grid has its best run inside: widen one in batch size and learning rate first");
  }
  NextGrids next;
  next.target_compute = options.target_compute.value_or(kReach * model.largest_compute);
  const GridPlace target = target_of(grids, model, next.target_compute);
  next.target_params = target.params;
  next.target_tokens = target.tokens;
  const LnSetting said = start.knowledge.mean_at(target.params, target.tokens);
  next.batch_tokens = std::exp(said[kBatch]);
  next.peak_lr = std::exp(said[kRate]);
  next.now = intervals_of(start.knowledge, target);
  const std::vector<Candidate> candidates = candidates_of(model, start.knowledge, grids);
  GridChoice bracketed = start;
  bracket_grids(model, grids, options.flops, bracketed, next.warnings);
  std::optional<GridChoice> best;
  const Eigen::Vector2d scale =
      start.knowledge.covariance_at(target.params, target.tokens).diagonal();
  for (const double power : kPowers) {
    GridChoice choice = greedy(bracketed, candidates, target, options.flops, power);
    const bool better = !best || criterion_of(choice.knowledge, target, scale) <
                                     criterion_of(best->knowledge, target, scale);
    if (better) best = std::move(choice);
  }
  next.after = intervals_of(best->knowledge, target);
  next.grids = std::move(best->grids);
  next.spent = best->spent;
  next.flops = options.flops;
  next.n_grids = static_cast<std::int64_t>(grids.size());
  next.n_candidates = static_cast<std::int64_t>(candidates.size());
  next.noise = model.noise;
  next.batch_sd = model.own_sd[kBatch];
  next.peak_lr_sd = model.own_sd[kRate];
  warn_of_next_grids(next, model.largest_compute, next.warnings);
  return next;
}

}  // namespace isoflop
