// SPDX-License-Identifier: Apache-2.0
#include "plan_source.h"

#include <limits>

#include "base/atomic_file.h"
#include "base/json.h"
#include "environment.h"
#include "isoflop/error.h"
#include "isoflop/run.h"
#include "plan/experiment_json.h"
#include "spec_patch.h"

namespace isoflop::cli {

void add_plan_source_options(Command& command, PlanSource& source) {
  command.add_argument("experiment", source.experiment_or_sweep,
                       "An experiment file, or a sweep folder that holds its plan");
  command.add_option("--set", source.settings, "/json/pointer=value, changes the experiment");
  add_shape_options(command, source.shape);
  command.add_option("--data-root", source.data_root,
                     "Folder of data sets (default: $ISOFLOP_DATA, else ./data)");
}

void add_drop_runs_flag(Command& command, bool& drop_runs) {
  command.add_flag("--drop-runs", drop_runs,
                   "Let runs that the folder's plan has and this one has not leave its points");
}

namespace {

/// A law file is named from where we are, or from the experiment's folder.
std::string prior_place(const std::string& prior, const PlanSource& source) {
  const std::filesystem::path beside =
      std::filesystem::path(source.experiment_or_sweep).parent_path() / prior;
  std::error_code ignored;
  const bool is_here = std::filesystem::exists(prior, ignored);
  return !is_here && std::filesystem::is_regular_file(beside, ignored) ? beside.string() : prior;
}

}  // namespace

DatasetSummary summary_of(const DatasetInfo& info) {
  return {.name = info.name,
          .hash = info.hash,
          .tokenizer = info.tokenizer,
          .vocab_size = info.vocab_size,
          .train_tokens = info.generated ? std::numeric_limits<double>::infinity()
                                         : static_cast<double>(info.train.tokens),
          .validation_tokens = info.validation.tokens};
}

namespace {

void set_rules(Experiment& experiment, const ShapeOptions& options) {
  experiment.rules = with_options(experiment.rules, options);
  bool& tied = experiment.base.shape.tied_embeddings;
  tied = tied || options.tied;
  experiment.rules.tied_embeddings = false;  // base's alone
  validate(experiment);
}

/// What only planning shows is wrong is in the file, too.
Plan plan_of_file(const std::string& file, const Experiment& experiment, const Law& prior,
                  const DatasetSummary& dataset) {
  try {
    return make_plan(experiment, prior, dataset);
  } catch (const Error& error) {
    const bool names_place = std::string_view(error.what()).starts_with("/");
    throw Error(error.code(), names_place ? file + ": " + error.what() : error.what());
  }
}

}  // namespace

ResolvedPlan resolve_plan(const PlanSource& source) {
  if (std::filesystem::is_directory(source.experiment_or_sweep)) {
    if (!source.settings.empty()) {
      throw Error(ErrorCode::invalid_argument,
                  "--set: changes an experiment file; the plan of the sweep folder " +
                      source.experiment_or_sweep + " is made, got " + source.settings.front());
    }
    if (with_options({}, source.shape) != ShapeRules()) {
      throw Error(ErrorCode::invalid_argument,
                  "--tensor-parallel and its kin: " + source.experiment_or_sweep +
                      " is a sweep, whose shapes are planned already");
    }
    return {load_plan(SweepFolder{source.experiment_or_sweep}.plan_file()), true};
  }
  const JsonFile file = read_json_file(source.experiment_or_sweep);
  const Json json = patched(file.document, source.settings);
  Experiment experiment = read_experiment(JsonReader(json, file.name));
  set_rules(experiment, source.shape);
  const auto dataset = find_dataset(experiment.dataset, data_root(source.data_root));
  const Law prior =
      experiment.prior.empty() ? Law{} : find_law(prior_place(experiment.prior, source));
  return {plan_of_file(file.name, experiment, prior, summary_of(dataset->info())), false};
}

}  // namespace isoflop::cli
