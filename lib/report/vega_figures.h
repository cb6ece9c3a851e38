// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "isoflop/report.h"

namespace isoflop {

struct Figure {
  std::string name;     // "isoflop", "scale_opt", "batch_lr-1": unique within its chapter
  std::string caption;  // one sentence, plain text; may be empty
  std::string summary;  // what a reader who sees no picture is told
  int width = 0;        // pixels
  Json spec;            // Vega 5
};

/// Figures that stand side by side, with a caption of their own where they share one.
struct FigureRow {
  std::vector<Figure> figures;
  std::string caption;
};

/// Everything the chapter's points and fit allow to be drawn, in reading order: iso-FLOP curves;
/// optimal scale and tokens against compute; the estimators side by side; loss frontier and
/// hyper-parameter laws; heat maps.
[[nodiscard]] std::vector<FigureRow> figures_of(const ReportChapter& chapter);

}  // namespace isoflop
