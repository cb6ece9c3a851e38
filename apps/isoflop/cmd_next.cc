// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>

#include "base/text.h"
#include "checks/target_check.h"
#include "commands.h"
#include "environment.h"
#include "isoflop/error.h"
#include "isoflop/fit.h"
#include "isoflop/next.h"
#include "isoflop/run.h"
#include "next_candidates.h"
#include "plan/trunks.h"
#include "points_source.h"

namespace isoflop::cli {
namespace {

struct NextArguments {
  PointsSource source;
  NextOptions next;
  std::string scale, out;
  bool hyper = false, json = false;
};

std::string factor_text(double half_width) {
  return "+-" + rounded_text(half_width, 3) + " (x" + rounded_text(std::exp(-half_width), 3) +
         " to x" + rounded_text(std::exp(half_width), 3) + ")";
}

const char* symbol_of(const NextRuns& next) {
  return next.scale == LossLaw::Scale::params ? "N" : "M";
}

void print_runs(const NextRuns& next, std::span<const CandidateRun> candidates) {
  std::printf("%12s %12s %12s %12s  %s\n", "budget", symbol_of(next), "tokens", "cost", "");
  for (const ChosenRun& chosen : next.runs) {
    const CandidateRun& run = candidates[chosen.candidate];
    std::string note = run.shape;
    if (chosen.brackets) note += "  brackets the minimum";
    if (!run.trunk.empty()) note += "  trunk " + run.trunk;
    std::printf("%12s %12s %12s %12s  %s\n", rounded_text(run.budget, 4).c_str(),
                rounded_text(run.scale, 4).c_str(), rounded_text(run.tokens, 4).c_str(),
                rounded_text(chosen.cost, 4).c_str(), note.c_str());
  }
}

void print_power(const std::optional<double>& flops, const std::string& of) {
  std::printf(
      "to halve the interval of %s: %s\n", of.c_str(),
      flops ? (rounded_text(*flops, 3) + " FLOPs").c_str() : "more than all candidates together");
}

void print(const NextRuns& next, std::span<const CandidateRun> candidates) {
  const std::string size = std::string("ln ") + symbol_of(next) + " opt";
  const auto interval = [&](const TargetInterval& target) {
    return size + " " + factor_text(target.ln_scale) + ", ln loss " + factor_text(target.ln_loss);
  };
  std::printf("target %s FLOPs: %s opt %s %s, loss %s\n",
              rounded_text(next.target_compute, 4).c_str(), symbol_of(next),
              rounded_text(next.scale_opt, 4).c_str(),
              next.scale == LossLaw::Scale::params ? "parameters" : "FLOPs per token",
              rounded_text(next.loss_opt, 4).c_str());
  std::printf("90 %% now:   %s\n", interval(next.now).c_str());
  std::printf("90 %% after: %s\n", interval(next.after).c_str());
  std::printf(
      "(of the surface with a sideways shift per budget, by which runs are chosen; fit's forecast "
      "has its own interval)\n");
  std::printf("%zu runs of %zu candidates, %s of %s FLOPs\n", next.runs.size(), candidates.size(),
              rounded_text(next.spent, 4).c_str(), rounded_text(next.flops, 4).c_str());
  print_runs(next, candidates);
  print_power(next.flops_to_halve_scale, size);
  print_power(next.flops_to_halve_loss, "ln loss");
}

/// The chosen runs as a plan: with those of `sweep` where they are to be added to it.
Plan plan_of(const NextRuns& next, const std::vector<PlannedRun>& runs, Plan plan, bool added) {
  if (!added) plan.runs.clear();
  for (const ChosenRun& chosen : next.runs) {
    const PlannedRun& run = runs[chosen.candidate];
    const bool planned = std::any_of(plan.runs.begin(), plan.runs.end(),
                                     [&](const auto& old) { return old.run_id == run.run_id; });
    if (!planned) plan.runs.push_back(run);
  }
  std::stable_sort(plan.runs.begin(), plan.runs.end(),
                   [](const PlannedRun& a, const PlannedRun& b) { return a.cost < b.cost; });
  set_first_steps(plan.runs);
  plan.warnings = next.warnings;
  return plan;
}

void save(const NextArguments& options, const std::string& sweep, const NextRuns& next,
          const std::vector<PlannedRun>& runs, const Plan& plan) {
  const SweepFolder out{options.out};
  const bool there = std::filesystem::exists(out.plan_file());
  const bool added = there && std::filesystem::equivalent(out.root, sweep);
  if (there && !added) {
    throw Error(ErrorCode::invalid_argument,
                "--out: " + options.out + " holds another sweep; name " + sweep +
                    " to add the runs to it, or a folder that is not there yet");
  }
  save_sweep(out, plan_of(next, runs, plan, added));
}

/// What `fit` and `propose` say of the target: their headline, where the points have one. The
/// design's own surface says how much a run would tell.
void predict_as_fit(const PointSet& points, NextRuns& next) {
  FitOptions options;
  options.scale = next.scale;
  options.n_bootstrap = 0;
  options.targets = {next.target_compute};
  const Fit fitted = fit(points, options);
  if (fitted.targets.empty()) return;
  const Target& target = fitted.targets.front();
  next.scale_opt = target.scale.value;
  if (target.loss.value > 0) next.loss_opt = target.loss.value;
}

void report(const NextArguments& options, const NextRuns& next,
            std::span<const CandidateRun> candidates) {
  if (options.json) {
    std::printf("%s", to_json(next, candidates).c_str());
  } else {
    print(next, candidates);
  }
  for (const std::string& warning : next.warnings) {
    std::fprintf(stderr, "warning: %s\n", warning.c_str());
  }
}

/// What the experiment names now, where it can be found from here.
std::optional<Law> named_prior(const Plan& plan) {
  try {
    return find_law(plan.experiment.prior);
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// The law that the plan was made with, which it keeps: the file may be out of reach, or fitted
/// anew.
Law prior_of(const Plan& plan, std::vector<std::string>& warnings) {
  if (plan.experiment.prior.empty()) return {};
  if (!plan.prior_law) {
    warnings.push_back("the plan, of an older version, does not keep its prior; " +
                       plan.experiment.prior + " is taken as it is now");
    return find_law(plan.experiment.prior);
  }
  const std::optional<Law> now = named_prior(plan);
  if (now && to_json(*now) != to_json(*plan.prior_law)) {
    warnings.push_back("the prior " + plan.experiment.prior +
                       " has changed since the sweep was planned; the plan's own copy is taken");
  }
  return *plan.prior_law;
}

/// Candidates below the floor are no runs of the kind that the surface was fitted to.
void warn_of_short_runs(std::size_t n_dropped, double least, NextRuns& next) {
  if (n_dropped == 0) return;
  const bool by_params = next.scale == LossLaw::Scale::params;
  next.warnings.push_back(std::to_string(n_dropped) + " candidates with fewer than " +
                          rounded_text(by_params ? least : 6 * least, 2) + " tokens per parameter" +
                          (by_params ? "" : " (M / 6)") +
                          " are left out: half of the fewest that the points have.");
}

void next_of_csv(const NextArguments& options, const PointSet& points) {
  if (!options.out.empty()) {
    throw Error(ErrorCode::invalid_argument,
                "--out: needs a sweep folder first; a CSV does not say how its runs were trained");
  }
  std::vector<CandidateRun> candidates = candidates_from(points, options.next.scale);
  const double least = least_tokens_per_scale(points, options.next.scale);
  const std::size_t n_dropped = std::erase_if(
      candidates, [&](const CandidateRun& run) { return run.tokens / run.scale < least; });
  if (candidates.empty()) {
    throw Error(ErrorCode::invalid_argument,
                join(options.source.files_or_sweeps, ", ") + ": no runs to choose from: " +
                    "candidates are the sizes of the points at their budgets and between these, " +
                    "as far as they were not run, got " + std::to_string(points.points.size()) +
                    (points.points.size() == 1 ? " point" : " points"));
  }
  NextRuns next = next_runs(points, candidates, options.next);
  predict_as_fit(points, next);
  warn_of_short_runs(n_dropped, least, next);
  report(options, next, candidates);
}

void next_of_sweep(const NextArguments& options, const LoadedPoints& loaded) {
  const std::string& sweep = options.source.files_or_sweeps.front();
  const Plan plan = load_plan(SweepFolder{sweep}.plan_file());
  std::vector<std::string> warnings = loaded.warnings;
  const Law prior = prior_of(plan, warnings);
  std::vector<std::string> done;
  for (const RunRecord& record : loaded.records) done.push_back(record.run_id);
  std::vector<PlannedRun> runs = sweep_candidates(plan, prior, done);
  const double least = least_tokens_per_scale(loaded.points, options.next.scale);
  const std::size_t n_dropped = drop_short_runs(runs, options.next.scale, least);
  const std::vector<CandidateRun> candidates = candidate_runs(runs, options.next.scale);
  NextRuns next = next_runs(loaded.points, candidates, options.next);
  predict_as_fit(loaded.points, next);
  warn_of_short_runs(n_dropped, least, next);
  next.warnings.insert(next.warnings.begin(), warnings.begin(), warnings.end());
  if (!options.out.empty()) save(options, sweep, next, runs, plan);
  report(options, next, candidates);
}

/// A run as it is typed: batch in tokens, rate.
std::string setting_text(const GridRun& run) {
  return rounded_text(run.batch_tokens, 4) + " at " + rounded_text(run.peak_lr, 3);
}

void print_grids(const NextGrids& next) {
  const auto interval = [](const GridIntervals& of) {
    return "batch " + factor_text(of.ln_batch) + ", peak lr " + factor_text(of.ln_peak_lr);
  };
  std::printf("target %s FLOPs, %s parameters, %s tokens: batch %s tokens, peak lr %s\n",
              rounded_text(next.target_compute, 4).c_str(),
              rounded_text(next.target_params, 4).c_str(),
              rounded_text(next.target_tokens, 4).c_str(),
              rounded_text(next.batch_tokens, 4).c_str(), rounded_text(next.peak_lr, 3).c_str());
  std::printf("90 %% of the laws now:   %s\n", interval(next.now).c_str());
  std::printf("90 %% of the laws after: %s\n", interval(next.after).c_str());
  std::printf("%zu grids, %s of %s FLOPs; batch in tokens at peak lr\n", next.grids.size(),
              rounded_text(next.spent, 4).c_str(), rounded_text(next.flops, 4).c_str());
  for (const NextGrid& grid : next.grids) {
    std::vector<std::string> runs;
    for (const GridRun& run : grid.runs) runs.push_back(setting_text(run));
    std::printf("N %s, D %s, %s FLOPs%s: %s\n", rounded_text(grid.params, 4).c_str(),
                rounded_text(grid.tokens, 4).c_str(), rounded_text(grid.cost, 3).c_str(),
                grid.brackets ? ", beyond the edge" : "", join(runs, ", ").c_str());
  }
}

void next_of_grids(const NextArguments& options, const LoadedPoints& loaded) {
  if (!options.out.empty()) {
    throw Error(ErrorCode::invalid_argument,
                "--out: takes no runs of --hyper; put its batches and rates into an experiment");
  }
  NextGrids next = next_grids(
      loaded.points, {.flops = options.next.flops, .target_compute = options.next.target_compute});
  next.warnings.insert(next.warnings.begin(), loaded.warnings.begin(), loaded.warnings.end());
  if (options.json) {
    std::printf("%s", to_json(next).c_str());
  } else {
    print_grids(next);
  }
  for (const std::string& warning : next.warnings) {
    std::fprintf(stderr, "warning: %s\n", warning.c_str());
  }
}

void run_next(NextArguments options) {
  const LoadedPoints loaded = load_points(options.source);
  if (options.hyper) return next_of_grids(options, loaded);
  options.next.scale = scale_of(loaded.points, options.scale);
  if (options.next.target_compute) {
    check_target(*options.next.target_compute, smallest_run(loaded.points));
  }
  if (std::filesystem::is_directory(options.source.files_or_sweeps.front())) {
    next_of_sweep(options, loaded);
  } else {
    next_of_csv(options, loaded.points);
  }
}

}  // namespace

void add_next_command(Command& program) {
  auto options = std::make_shared<NextArguments>();
  Command& command =
      program.add_subcommand("next", "Which runs to add for the most knowledge per FLOP");
  add_points_source_options(command, options->source);
  command.add_option("--flops", options->next.flops, "To spend", {.required = true});
  command.add_option("--target", options->next.target_compute,
                     "Compute whose optimum is asked for (default: 10 x the largest budget)");
  add_scale_option(command, options->scale);
  command.add_option("--loss-weight", options->next.loss_weight,
                     "Worth of the loss at the target beside the size", {.show_default = true});
  command.add_option("--bootstrap", options->next.n_bootstrap, "Refits to average over",
                     {.show_default = true});
  command.add_option("--seed", options->next.seed, "Of the refits", {.show_default = true});
  command.add_option("--out", options->out,
                     "Sweep folder to write the chosen runs to; the sweep itself: to add them");
  command.add_flag("--hyper", options->hyper,
                   "Grids of batch and learning rate for their laws, in place of sizes");
  command.add_flag("--json", options->json, "Print JSON");
  command.set_action([options] {
    run_next(*options);
    return kDone;
  });
}

}  // namespace isoflop::cli
