// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "isoflop/law.h"

namespace isoflop {

/// The loss of one run as it trained: `metric[i]` after `tokens[i]` tokens, ascending.
struct TrainingCurve {
  std::string run;
  std::optional<double> params;           // N
  std::optional<double> flops_per_token;  // M; C = M D, or 6 N D where it is absent
  std::vector<double> tokens, metric;
};

/// Training curves in one metric.
struct CurveSet {
  Metric metric = Metric::loss_nats;
  std::vector<TrainingCurve> curves;
};

/// Reads a CSV of one row per run and logged step: run_id, params or flops_per_token (one value per
/// run), tokens (ascending within a run), loss or bits_per_byte (the latter where there are both);
/// other columns are passed over. Throws Error(parse) naming file, row (the header is row 1),
/// column and value for a row that cannot be used.
[[nodiscard]] CurveSet load_curves_csv(const std::filesystem::path& file);

/// Learning rates and losses of one run by step: what the annealing law (forms.h) is fitted to.
struct RateCurve {
  std::string run;
  std::vector<double> lr;  // of every optimizer step, from the first on
  /// Those with a loss, counted from 1, ascending, none beyond lr.size().
  std::vector<std::int64_t> steps;
  std::vector<double> loss;  // after `steps[i]`, in the metric of all curves
};

/// Rate curves of one model in one metric.
struct RateCurveSet {
  Metric metric = Metric::loss_nats;
  bool lr_is_fraction = false;  // of each run's own peak; else rates are absolute
  std::vector<RateCurve> curves;
};

/// Of run folders, their metrics.jsonl (with the spec.json beside it for the peak), and CSVs of one
/// row per logged step: `step`, `lr` (or learning_rate, or peak_lr_fraction), `loss` (or loss_nats,
/// bits_per_byte; a cell may be empty), `run_id` where a file has several runs. Between logged
/// steps the rate is a straight line; before the first one it is the warm-up from 0 where it rises
/// at first, else the first row's. Spikes (is_spike) are left out. Throws Error(parse) naming file,
/// row or line, the value and what is allowed, and Error(frame_mismatch) where files differ in the
/// metric or some rates are absolute and some are not.
[[nodiscard]] RateCurveSet load_rate_curves(const std::vector<std::filesystem::path>& files);

}  // namespace isoflop
