// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/curves.h"
#include "report/vega_figures.h"
#include "report/vega_spec.h"

namespace isoflop {

inline constexpr int kPageWidth = 1080;
inline constexpr int kHalfWidth = 532;
inline constexpr int kThirdWidth = 348;

// Okabe & Ito's palette, which colour-blind readers tell apart.
inline constexpr const char* kBlue = "#0072b2";
inline constexpr const char* kVermilion = "#d55e00";
inline constexpr const char* kGray = "#7a7a7a";
inline constexpr const char* kBlack = "#000000";

/// Colour i of n, dark to light along viridis without its pale end: budgets are an ordered
/// quantity.
[[nodiscard]] std::string sequential_color(std::size_t i, std::size_t n);

/// What hovering over a run shows.
[[nodiscard]] Json run_tooltip(const ReportChapter& chapter, const Dot& dot);

[[nodiscard]] std::optional<Figure> isoflop_figure(const ReportChapter& chapter);
/// The optima of every estimator, their laws out to 100 times the largest budget, and how far to
/// trust them.
[[nodiscard]] std::optional<Figure> estimator_figure(const ReportChapter& chapter);
/// Optimal scale and tokens, then the near-optimal batch size and learning rate, against compute.
[[nodiscard]] std::vector<Figure> allocation_figures(const ReportChapter& chapter);
[[nodiscard]] std::vector<Figure> hyper_figures(const ReportChapter& chapter);
[[nodiscard]] std::optional<Figure> frontier_figure(const ReportChapter& chapter, int width);
[[nodiscard]] FigureRow heat_map_figures(const ReportChapter& chapter);

}  // namespace isoflop
