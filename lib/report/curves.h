// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "isoflop/report.h"

namespace isoflop {

/// A run as a figure shows it.
struct Dot {
  const Point* point = nullptr;
  double budget = 0;   // of its curve
  double compute = 0;  // realised
  double scale = 0;    // M or N
  double metric = 0;
  std::string shape;  // "d48 L2 h2"; empty where the run has no record
  /// The parabola goes by this run: the others of its size have other hyper-parameters.
  bool on_curve = false;
};

/// The runs at one budget, ascending in scale.
struct Curve {
  double budget = 0;
  std::vector<Dot> dots;
  const Valley* valley = nullptr;
};

/// Runs of one model at one budget over learning rates and batch sizes.
struct HeatMap {
  double budget = 0, scale = 0;
  std::string shape;
  std::vector<Dot> dots;
  std::vector<const RunRecord*> diverged;
  const HyperCell* cell = nullptr;
};

[[nodiscard]] LossLaw::Scale scale_of(const ReportChapter& chapter);
/// "M" or "N".
[[nodiscard]] std::string scale_symbol(const ReportChapter& chapter);
/// "FLOPs/token by deepseek_m_actual" or "parameters".
[[nodiscard]] std::string scale_unit(const ReportChapter& chapter);
/// "bits/byte" or "nats/token".
[[nodiscard]] std::string metric_unit(const ReportChapter& chapter);

/// Every point that has the metric and the scale, ascending in budget, then scale, then metric.
/// Budgets within 5 % of a valley's are the valley's.
[[nodiscard]] std::vector<Dot> dots_of(const ReportChapter& chapter);

/// Budgets that were meant, with at least 3 scales, and the budgets of the valleys. Where a scale
/// was run with several hyper-parameters all its runs are there.
[[nodiscard]] std::vector<Curve> curves_of(const ReportChapter& chapter);

/// Cells with at least 3 learning rates or batch sizes.
[[nodiscard]] std::vector<HeatMap> heat_maps_of(const ReportChapter& chapter);

/// A loss with four decimals.
[[nodiscard]] std::string metric_text(double metric);
/// Batches differ by powers of two: every digit.
[[nodiscard]] std::string batch_text(double batch_tokens);
/// "1e12", "3.16e11": compute in FLOPs.
[[nodiscard]] std::string budget_text(double compute);

}  // namespace isoflop
