// SPDX-License-Identifier: Apache-2.0
#pragma once

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

}  // namespace isoflop
