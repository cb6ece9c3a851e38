// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "isoflop/run_outcome.h"
#include "isoflop/run_spec.h"

namespace isoflop {

/// A loss curve in a record has one mean for each of so many equal parts of the run's steps.
inline constexpr std::int64_t kLossCurveParts = 20;

/// What was measured by one run, and where. Written once, atomically, at the end of the run.
struct RunRecord {
  std::string run_id;
  RunSpec spec;
  RunOutcome outcome = RunOutcome::crashed;
  std::string message;                   // why it did not complete; empty if it did
  std::optional<Evaluation> validation;  // of a completed run
  /// Mean over the last 10 % of the steps; absent where it was not finite.
  std::optional<double> train_loss_nats;
  std::int64_t steps_done = 0;
  // Its health, a function of the steps as everything above; absent where not every step is known.
  std::optional<std::int64_t> n_spikes;  // steps with StepMetrics::is_spike
  std::optional<double> clip_fraction;   // share of the steps with grad_norm > spec.grad_clip
  /// Mean training loss [nats], > 0, over each of the kLossCurveParts parts, in order: as many as
  /// are whole, none where not every step is known.
  std::vector<double> loss_curve;
  // Timings and provenance: they differ between equal runs and never enter a fit.
  double wall_seconds = 0;  // training and evaluation, over all segments
  /// Tokens trained on over the seconds spent in training steps, all segments: reading data,
  /// metrics and checkpoints included, evaluation not.
  double tokens_per_second = 0;
  /// tokens_per_second times exact_flops_per_token(shape): the model's FLOPs by `exact` (causal
  /// attention counted by the keys it sees, the head included), whatever else the device did.
  double flops_per_second = 0;
  /// Model FLOPs utilisation (arXiv:2204.02311, app. B): flops_per_second over the peak of the
  /// devices; absent where their peak is not known.
  std::optional<double> mfu;
  std::string device;
  std::string version;
  std::string git_commit;
  std::int64_t peak_memory_bytes = 0;
};

/// 16 hex digits: a hash of the spec's canonical JSON. Specs share it if and only if they train
/// alike (a schedule's fields that its kind does not use are no part of it); the values are pinned
/// by a test, since they name folders that outlive a release.
[[nodiscard]] std::string run_id(const RunSpec& spec);

/// The same of trunk_of(spec): runs share it if and only if they are one run up to the first
/// branch_step() among them.
[[nodiscard]] std::string trunk_id(const RunSpec& spec);

/// Canonical (sorted, compact) JSON of a spec (isoflop.run_spec/1), and back. Reading is strict:
/// Error(parse) with the file name and JSON path for an unknown key, a missing one or a value out
/// of range. Shape (n_layers, d_model, n_heads, vocab_size, seq_len), dataset, batch_tokens,
/// n_steps and peak_lr must be there; the rest has the defaults of RunSpec, default_d_ff() and
/// default_warmup_steps().
[[nodiscard]] std::string to_json(const RunSpec& spec);
[[nodiscard]] RunSpec run_spec_from_json(std::string_view text, const std::string& file_name);
[[nodiscard]] RunSpec load_run_spec(const std::filesystem::path& file);
void save_run_spec(const RunSpec& spec, const std::filesystem::path& file);

/// isoflop.run_record/1. Writing throws Error(invalid_argument) for a completed run without a
/// finite validation loss; reading throws Error(parse) also if run_id is not the hash of the spec.
[[nodiscard]] RunRecord load_run_record(const std::filesystem::path& file);
void save_run_record(const RunRecord& record, const std::filesystem::path& file);

/// The folder of a sweep's runs: `<root>/<run_id>/{spec.json, metrics.jsonl, record.json}`. The
/// records are the only truth about what has been done. Safe for concurrent readers and writers.
class RunStore {
 public:
  explicit RunStore(std::filesystem::path root);
  [[nodiscard]] std::filesystem::path run_folder(const std::string& run_id) const;
  /// The record of a run, or nothing if it was never finished. Throws Error(parse) if damaged.
  [[nodiscard]] std::optional<RunRecord> find(const std::string& run_id) const;
  /// Every record, ordered by run_id. Throws as find() does.
  [[nodiscard]] std::vector<RunRecord> all() const;
  /// Publishes record.json (temporary name, fsync, rename).
  void append(const RunRecord& record) const;

 private:
  std::filesystem::path root_;
};

}  // namespace isoflop
