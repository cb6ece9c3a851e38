// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "isoflop/experiment.h"
#include "isoflop/law.h"
#include "isoflop/run_spec.h"

namespace isoflop {

/// What a run is for. One that serves a curve and a grid is `isoflop`.
enum class CellKind { isoflop, grid, single };
[[nodiscard]] std::string_view to_string(CellKind);

/// One run of a plan, resolved to the last digit.
struct PlannedRun {
  std::string run_id;
  RunSpec spec;
  CellKind kind = CellKind::isoflop;
  double budget = 0;   // asked for [FLOPs]
  double compute = 0;  // realised: M D, within 0.5 % of the budget or warned about
  double cost = 0;     // what the machine does for it: `exact` FLOPs of training and evaluation
  double epochs = 0;   // of the training split
  /// Where it begins: 0, or the step at which the run before it in its trunk leaves that.
  std::int64_t first_step = 0;
  /// Share of the steps that it takes itself.
  [[nodiscard]] double own_share() const;
};

/// Runs that are one run up to the first branch_step() among them. Each begins where the one before
/// it has left the trunk (arXiv:2401.02954, sec. 2.3; arXiv:2405.18392).
struct Trunk {
  std::string trunk_id;
  std::vector<std::size_t> runs;  // at least two, shortest first
};

/// Every trunk of several runs. A warm-up alone is none: runs with a cosine share nothing.
[[nodiscard]] std::vector<Trunk> shared_trunks(std::span<const PlannedRun> runs);

/// What a plan needs to know of the data; plans are made without opening it.
struct DatasetSummary {
  std::string name, hash, tokenizer;
  std::int64_t vocab_size = 0;
  double train_tokens = 0;  // infinity for a generated source
  std::int64_t validation_tokens = 0;
};

/// An experiment, resolved. Equal inputs give an equal plan on every machine.
struct Plan {
  Experiment experiment;
  DatasetSummary dataset;
  std::string prior;             // id of the law behind what the experiment leaves open
  std::optional<Law> prior_law;  // that law as it was then; a plan of an older version has none
  std::vector<PlannedRun> runs;  // cheapest first; equal specs appear once
  std::vector<std::string> warnings;
  /// Of all runs as if each were trained alone, and with every trunk trained once.
  [[nodiscard]] Flops total_compute() const;
  [[nodiscard]] Flops trained_compute() const;
  [[nodiscard]] double total_cost() const;
};

/// Chooses the shapes, rounds tokens to whole steps and asks the prior for what the experiment
/// leaves open:
/// - a curve's shapes are distinct rungs of the ladder, those nearest to a geometric grid of M;
/// - D = C / M of the realised shape (deepseek_m_actual), in whole steps;
/// - the law's batch is rounded to whole sequences and shrunk where a run would take fewer than 500
///   steps; its learning rate is rounded to four digits, so that no library's pow() shows.
/// With share_trunks the runs of one shape are branches of one trunk wherever their budgets lie in
/// one group, at most a factor of 10 wide: all sizes are of one grid, so that shapes come back from
/// budget to budget; batch and learning rate are the law's at the middle of the group; the batch is
/// shrunk, and the warm-up chosen, for the shortest of them.
/// What it had to bend is in `warnings`. Throws Error(invalid_argument) naming the JSON path for
/// what cannot be trained.
[[nodiscard]] Plan make_plan(const Experiment& experiment, const Law& prior,
                             const DatasetSummary& dataset);

/// isoflop.plan/1. Reading throws Error(parse), also where a run_id is not the hash of its spec,
/// and where `prior_hash` is not that of the law.
[[nodiscard]] std::string to_json(const Plan& plan);
[[nodiscard]] Plan load_plan(const std::filesystem::path& file);
void save_plan(const Plan& plan, const std::filesystem::path& file);

}  // namespace isoflop
