// SPDX-License-Identifier: Apache-2.0
#include "next_candidates.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>

#include "isoflop/error.h"
#include "isoflop/run_record.h"

namespace isoflop::cli {
namespace {

constexpr std::int64_t kMostSizes = 99;  // of an experiment

/// As many sizes more on both sides, at the same spacing, as reach twice as far.
void widen(IsoFlopDesign& design) {
  if (design.per_budget < 2) return;
  const double step = 2 * std::log(design.half_width) / static_cast<double>(design.per_budget - 1);
  const std::int64_t more = std::max<std::int64_t>(1, std::llround(std::log(2.0) / step));
  if (design.per_budget + 2 * more > kMostSizes) return;
  design.per_budget += 2 * more;
  design.half_width *= std::exp(step * static_cast<double>(more));
}

/// Budgets are dropped from below until what is left can be trained: at the smallest a model may
/// get too few steps.
std::vector<PlannedRun> runs_of(Experiment experiment, const Law& prior,
                                const DatasetSummary& dataset) {
  auto& budgets = experiment.isoflop->budgets;
  for (; !budgets.empty(); budgets.erase(budgets.begin())) {
    try {
      return make_plan(experiment, prior, dataset).runs;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::invalid_argument) throw;
    }
  }
  return {};
}

std::vector<double> extra_budgets(std::vector<double> own) {
  std::vector<double> extra = candidate_budgets(own);
  std::erase_if(extra, [&](double budget) {
    return std::any_of(own.begin(), own.end(),
                       [&](double other) { return std::abs(std::log(budget / other)) < 1e-6; });
  });
  // Four digits are enough of a budget that somebody reads.
  for (double& budget : extra) {
    const double unit = std::pow(10.0, std::floor(std::log10(budget)) - 3);
    budget = std::round(budget / unit) * unit;
  }
  return extra;
}

double size_of(const PlannedRun& run, LossLaw::Scale scale) {
  if (scale == LossLaw::Scale::params) {
    return static_cast<double>(count_params(run.spec.shape).non_embedding());
  }
  return run.compute / run.spec.tokens().value();
}

}  // namespace

std::vector<PlannedRun> sweep_candidates(const Plan& plan, const Law& prior,
                                         const std::vector<std::string>& done) {
  if (!plan.experiment.isoflop) {
    throw Error(ErrorCode::invalid_argument,
                "the sweep's experiment has no /budgets: there are no curves to add runs to");
  }
  Experiment own = plan.experiment;
  own.grid.reset();
  std::sort(own.isoflop->budgets.begin(), own.isoflop->budgets.end());
  Experiment wider = own, repeated = own, between = own;
  widen(*wider.isoflop);
  repeated.seeds = {1 + *std::max_element(own.seeds.begin(), own.seeds.end())};
  between.isoflop->budgets = extra_budgets(own.isoflop->budgets);
  between.seeds = wider.seeds = {own.seeds.front()};
  widen(*between.isoflop);

  std::set<std::string> known(done.begin(), done.end());
  std::vector<PlannedRun> candidates;
  for (const Experiment& experiment : {own, wider, repeated, between}) {
    for (PlannedRun& run : runs_of(experiment, prior, plan.dataset)) {
      if (known.insert(run.run_id).second) candidates.push_back(std::move(run));
    }
  }
  return candidates;
}

std::size_t drop_short_runs(std::vector<PlannedRun>& runs, LossLaw::Scale scale, double least) {
  return std::erase_if(runs, [&](const PlannedRun& run) {
    return run.spec.tokens().value() / size_of(run, scale) < least;
  });
}

std::vector<CandidateRun> candidate_runs(const std::vector<PlannedRun>& runs,
                                         LossLaw::Scale scale) {
  std::vector<std::string> trunk_of_run(runs.size());
  for (const Trunk& trunk : shared_trunks(runs)) {
    for (const std::size_t i : trunk.runs) trunk_of_run[i] = trunk.trunk_id;
  }
  std::vector<CandidateRun> candidates;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const RunSpec& spec = runs[i].spec;
    const double tokens = spec.tokens().value();
    const double exact = static_cast<double>(exact_flops_per_token(spec.shape));
    const double stem_share =
        static_cast<double>(branch_step(spec)) / static_cast<double>(spec.n_steps);
    candidates.push_back({.budget = runs[i].budget,
                          .compute = runs[i].compute,
                          .scale = size_of(runs[i], scale),
                          .tokens = tokens,
                          .cost = runs[i].cost,
                          .stem = trunk_of_run[i].empty() ? 0 : exact * tokens * stem_share,
                          .trunk = trunk_of_run[i],
                          .shape = short_name(spec.shape),
                          .run_id = runs[i].run_id});
  }
  return candidates;
}

}  // namespace isoflop::cli
