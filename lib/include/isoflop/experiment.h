// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "isoflop/law.h"
#include "isoflop/run_spec.h"
#include "isoflop/shape_rules.h"

namespace isoflop {

/// Models of one size family at each of several budgets (arXiv:2203.15556, approach 2).
struct IsoFlopDesign {
  std::vector<double> budgets;          // [FLOPs], distinct
  std::int64_t per_budget = 9;          // sizes per budget
  double half_width = 4;                // M ranges over centre / half_width ... centre * half_width
  std::optional<PowerLaw> centre = {};  // C -> M; default: the prior's allocation
};

/// Learning rates x batch sizes for one model at each budget (arXiv:2401.02954, fig. 2).
struct GridDesign {
  std::vector<double> budgets;
  std::vector<double> peak_lr;
  std::vector<std::int64_t> batch_tokens;
  /// C -> M of the one model; default: the iso-FLOP design's centre, else the prior's allocation.
  std::optional<PowerLaw> centre = {};
};

/// A person's question, as experiments/*.json holds it (schema isoflop.experiment/1, described in
/// docs/formats.md).
struct Experiment {
  std::string question;
  std::string dataset;
  std::int64_t seq_len = 128;
  /// A law id from fits/ or a law file; empty: none, and nothing is left open. Who reads the
  /// experiment looks for the file, a plan keeps the law.
  std::string prior;
  std::optional<IsoFlopDesign> isoflop;
  std::optional<GridDesign> grid;
  /// Runs of one shape at different budgets share their first stage, which is trained once.
  bool share_trunks = false;
  ShapeFamily family = ShapeFamily::uniform;
  double ladder_step = 1.4;  // of `mixed`: M differs between neighbours by at most this factor
  /// What the cluster asks of the shapes; tied_embeddings is base's.
  ShapeRules rules = {};
  /// Fixed values; absent: the prior's hyper-parameter law at each run's own budget.
  std::optional<double> peak_lr;
  std::optional<std::int64_t> batch_tokens;
  /// Absent: default_warmup_steps(), with share_trunks that of the trunk's shortest run.
  std::optional<std::int64_t> warmup_steps;
  /// Absent: as many as make 2048 tokens at most.
  std::optional<std::int64_t> micro_batch_seqs;
  std::vector<std::uint64_t> seeds = {0};  // every cell is run once per seed
  std::int64_t validation_tokens = 131072;
  /// What every run shares. Shape (but for tied_embeddings), dataset, batch, steps, learning rate,
  /// seed and validation tokens are set by the plan.
  RunSpec base;
};

/// Throws Error(invalid_argument) naming the field by its JSON path, its value and what is allowed.
void validate(const Experiment& experiment);

/// Throws Error(parse) with file, JSON path, value and what is allowed; an unknown key is an error
/// that names the nearest known one.
[[nodiscard]] Experiment load_experiment(const std::filesystem::path& file);
void save_experiment(const Experiment& experiment, const std::filesystem::path& file);

}  // namespace isoflop
