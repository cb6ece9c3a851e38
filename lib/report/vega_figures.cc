// SPDX-License-Identifier: Apache-2.0
#include "report/vega_figures.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/text.h"
#include "report/figure_parts.h"

namespace isoflop {
std::string sequential_color(std::size_t i, std::size_t n) {
  // Samples of viridis (S. van der Walt and N. Smith, 2015) at equal steps.
  static constexpr std::array<std::array<int, 3>, 7> kAnchors = {{{68, 1, 84},
                                                                  {70, 50, 126},
                                                                  {54, 92, 141},
                                                                  {39, 127, 142},
                                                                  {31, 161, 135},
                                                                  {74, 193, 109},
                                                                  {140, 207, 52}}};
  const double place = n < 2 ? 2 : 6.0 * static_cast<double>(i) / static_cast<double>(n - 1);
  const auto left = static_cast<std::size_t>(std::min(place, 5.0));
  std::array<int, 3> rgb{};
  for (std::size_t c = 0; c < 3; ++c) {
    const double share = place - static_cast<double>(left);
    rgb[c] = static_cast<int>(
        std::lround((1 - share) * kAnchors[left][c] + share * kAnchors[left + 1][c]));
  }
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "#%02x%02x%02x", rgb[0] & 255, rgb[1] & 255,
                rgb[2] & 255);
  return text.data();
}

Json run_tooltip(const ReportChapter& chapter, const Dot& dot) {
  const Point& point = *dot.point;
  Json tip = Json::object({{"run", point.label}});
  if (!dot.shape.empty()) tip.set("shape", dot.shape);
  const std::string unit = scale_symbol(chapter) == "M" ? " FLOPs/token" : " parameters";
  tip.set(scale_symbol(chapter), si_text(dot.scale) + unit);
  tip.set("D", si_text(point.tokens) + " tokens");
  tip.set("C", budget_text(dot.compute) + " FLOPs");
  if (point.peak_lr) tip.set("peak lr", rounded_text(*point.peak_lr, 3));
  if (point.batch_tokens) tip.set("batch", batch_text(*point.batch_tokens) + " tokens");
  if (point.seed) tip.set("seed", std::to_string(*point.seed));
  tip.set("loss", metric_text(dot.metric) + " " + metric_unit(chapter));
  return tip;
}

std::vector<FigureRow> figures_of(const ReportChapter& chapter) {
  std::vector<FigureRow> rows(4);
  if (std::optional<Figure> figure = isoflop_figure(chapter)) rows[0].figures.push_back(*figure);
  rows[1].figures = allocation_figures(chapter);
  if (std::optional<Figure> figure = estimator_figure(chapter)) rows[2].figures.push_back(*figure);
  rows[3].figures = hyper_figures(chapter);
  const int width = rows[3].figures.empty() ? kHalfWidth : kThirdWidth;
  if (std::optional<Figure> figure = frontier_figure(chapter, width)) {
    rows[3].figures.insert(rows[3].figures.begin(), *figure);
  }
  rows.push_back(heat_map_figures(chapter));
  const auto empty = [](const FigureRow& row) { return row.figures.empty(); };
  rows.erase(std::remove_if(rows.begin(), rows.end(), empty), rows.end());
  return rows;
}

}  // namespace isoflop
