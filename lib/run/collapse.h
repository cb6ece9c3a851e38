// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "isoflop/run.h"

namespace isoflop {

/// A run's training loss over its course: means over the first, second ... n-th of kLossCurveParts
/// equal parts of its steps, as many as it has done.
struct LossCurve {
  double tokens_per_param = 1;  // of the whole run
  std::vector<double> losses;   // [nats], > 0
};

/// By metrics.jsonl; as far as parts are whole and each has a finite loss.
[[nodiscard]] std::vector<double> read_loss_curve(const std::filesystem::path& metrics_file,
                                                  std::int64_t n_steps);

/// Curves of one family, each judged by those that have come as far as it has. Absent for curves
/// that have done less than a fifth, and where fewer than six can be compared.
///
/// Normalised to where the run is, the curves of a well-scaled family coincide: L(x T) / L(T) over
/// the share x of the run (arXiv:2509.25087, sec. 3; arXiv:2507.02119 subtracts an irreducible loss
/// as well, which nobody knows while a sweep runs). With v = log L(part) - log L(last part), which
/// may be any part for a curve that has collapsed, the residual is the root mean square of v -
/// (a + b log(tokens per parameter)) over the parts but the first, which is warm-up. a and b are
/// medians (Theil's estimator, of pairs half the family apart) for each part: curves collapse at
/// equal tokens per parameter, and an iso-FLOP curve spans a hundredfold.
[[nodiscard]] std::vector<std::optional<CollapseResidual>> collapse_residuals(
    std::span<const LossCurve> family);

struct RunCurve {
  const PlannedRun* run = nullptr;
  std::vector<double> losses;  // those of its LossCurve
};

/// The same for runs of any kind, each among those of its kind, schedule and data set.
[[nodiscard]] std::vector<std::optional<CollapseResidual>> collapse_by_family(
    std::span<const RunCurve> runs);

}  // namespace isoflop
