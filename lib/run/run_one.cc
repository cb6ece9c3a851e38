// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <system_error>
#include <utility>

#include "base/build_info.h"
#include "base/text.h"
#include "isoflop/error.h"
#include "isoflop/run.h"
#include "run/metrics_file.h"
#include "run/record_health.h"
#include "run/trunk_metrics.h"

namespace isoflop {
namespace {

RunRecord record_of(const RunSpec& spec, const TrainResult& result,
                    std::optional<double> peak_flops_per_second) {
  RunRecord record;
  record.run_id = run_id(spec);
  record.spec = spec;
  record.outcome = result.outcome;
  record.message = result.message;
  if (result.outcome == RunOutcome::completed) record.validation = result.validation;
  if (std::isfinite(result.train_loss_nats)) record.train_loss_nats = result.train_loss_nats;
  record.steps_done = result.steps_done;
  record.wall_seconds = result.train_seconds + result.evaluate_seconds;
  if (result.train_seconds > 0) {
    const auto tokens = static_cast<double>(result.steps_done * spec.batch_tokens);
    record.tokens_per_second = tokens / result.train_seconds;
    record.flops_per_second =
        record.tokens_per_second * static_cast<double>(exact_flops_per_token(spec.shape));
    const double peak = peak_flops_per_second.value_or(result.peak_flops_per_second);
    if (peak > 0) record.mfu = record.flops_per_second / peak;
  }
  record.device = result.device;
  record.peak_memory_bytes = result.peak_memory_bytes;
  record.version = build_info().version;
  record.git_commit = build_info().git_commit;
  return record;
}

std::filesystem::path checkpoint_folder(const RunOneOptions& options) {
  return options.folder / "checkpoint";
}

/// Its lines and its checkpoint would be lost.
void refuse_another_run(const RunSpec& spec, const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "spec.json";
  const bool has_begun = std::filesystem::exists(folder / "metrics.jsonl") ||
                         std::filesystem::exists(folder / "checkpoint");
  if (!has_begun || !std::filesystem::exists(file)) return;
  std::string there;
  try {
    there = run_id(load_run_spec(file));
  } catch (const Error&) {  // a damaged spec says nothing; it is written anew
    return;
  }
  if (there == run_id(spec)) return;
  throw Error(ErrorCode::invalid_argument, file.string() + ": is of another run, " + there +
                                               ", which has begun here; name another folder than " +
                                               "its for " + run_id(spec));
}

/// The folders that a run writes, while it does.
struct RunClaims {
  explicit RunClaims(const RunOneOptions& options) {
    if (options.launch.process > 0) return;
    run = RunClaim::acquire_or_inherit(options.folder);
    if (options.trunk_folder.empty()) return;
    trunk = RunClaim::acquire_or_inherit(options.trunk_folder);
  }
  std::optional<RunClaim> run, trunk;  // absent: the launcher's
};

/// Of a run that has its record. What cannot be removed costs space, nothing else.
void remove_checkpoint(const RunOneOptions& options) {
  std::error_code ignored;
  if (options.launch.process == 0) std::filesystem::remove_all(checkpoint_folder(options), ignored);
}

}  // namespace

RunRecord run_one(const RunSpec& asked, const Dataset& dataset, const RunOneOptions& options) {
  if (const auto peak = options.peak_flops_per_second; peak && !(*peak > 0)) {
    throw Error(ErrorCode::invalid_argument,
                "peak_flops_per_second: must be > 0, got " + exact_text(*peak));
  }
  RunSpec spec = asked;
  if (spec.dataset_hash.empty()) spec.dataset_hash = dataset.info().hash;
  const RunClaims claims(options);
  const std::filesystem::path record_file = options.folder / "record.json";
  if (std::filesystem::exists(record_file)) {
    RunRecord record = load_run_record(record_file);
    if (record.run_id != run_id(spec)) {
      throw Error(ErrorCode::invalid_argument,
                  record_file.string() + ": is of another run, " + record.run_id);
    }
    if (is_final(record.outcome)) {
      remove_checkpoint(options);
      return record;
    }
  }
  TrainOptions train_options;
  train_options.device = options.device;
  train_options.n_threads = options.n_threads;
  train_options.tensor_parallel = options.tensor_parallel;
  train_options.launch = options.launch;
  train_options.checkpoint_folder = checkpoint_folder(options);
  train_options.seconds_between_checkpoints = options.seconds_between_checkpoints;
  train_options.trunk_folder = options.trunk_folder;
  train_options.stop = options.stop;
  train_options.on_wait = options.on_wait;
  if (options.launch.process > 0) {
    return record_of(spec, train(spec, dataset, train_options), options.peak_flops_per_second);
  }
  refuse_another_run(spec, options.folder);
  save_run_spec(spec, options.folder / "spec.json");

  MetricsFile metrics(options.folder / "metrics.jsonl");
  const TrunkMetrics trunk_metrics(options.trunk_folder, options.folder / "metrics.jsonl",
                                   branch_step(spec));
  bool is_first = true;
  train_options.on_step = [&](const StepMetrics& step) {
    if (std::exchange(is_first, false)) trunk_metrics.complete(step.step);
    metrics.append(step);
    trunk_metrics.keep(step.step);
    if (options.on_step) options.on_step(step);
    return !(options.stop && options.stop());
  };
  RunRecord record =
      record_of(spec, train(spec, dataset, train_options), options.peak_flops_per_second);
  if (is_final(record.outcome)) {
    measure_health(options.folder / "metrics.jsonl", record);
    save_run_record(record, record_file);
    remove_checkpoint(options);
  }
  return record;
}

}  // namespace isoflop
