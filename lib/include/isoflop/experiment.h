// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "isoflop/law.h"
#include "isoflop/run_spec.h"

namespace isoflop {

/// Models of one size family at each of several budgets (arXiv:2203.15556, approach 2).
struct IsoFlopDesign {
  std::vector<double> budgets;     // [FLOPs], ascending
  std::int64_t per_budget = 9;     // sizes per budget
  double half_width = 4;           // M ranges over centre / half_width ... centre * half_width
  std::optional<PowerLaw> centre;  // C -> M; default: the prior's allocation
};

/// Learning rates x batch sizes for one model at each budget (arXiv:2401.02954, fig. 2).
struct GridDesign {
  std::vector<double> budgets;
  std::vector<double> peak_lr;
  std::vector<std::int64_t> batch_tokens;
  std::optional<PowerLaw> centre;  // C -> M of the one model; default: the prior's allocation
};

/// A person's question, as experiments/*.json holds it (schema isoflop.experiment/1).
struct Experiment {
  std::string question;
  std::string dataset;
  std::int64_t seq_len = 128;
  /// A law id from fits/ or a law file, relative to the experiment's folder.
  std::string prior;
  std::optional<IsoFlopDesign> isoflop;
  std::optional<GridDesign> grid;
  /// Fixed values; absent: the prior's hyper-parameter law at each run's own budget.
  std::optional<double> peak_lr;
  std::optional<std::int64_t> batch_tokens;
  std::vector<std::uint64_t> seeds = {0};
  std::int64_t validation_tokens = 131072;
  double ladder_step = 1.4;
  /// What every run shares. Shape, dataset, batch, steps, learning rate and seed are set by the
  /// plan.
  RunSpec base;
};

/// Throws Error(parse) with file, JSON path, value and what is allowed; an unknown key is an error
/// that names the nearest known one.
[[nodiscard]] Experiment load_experiment(const std::filesystem::path& file);
void save_experiment(const Experiment& experiment, const std::filesystem::path& file);

}  // namespace isoflop
