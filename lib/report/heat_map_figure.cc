// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "base/text.h"
#include "report/figure_parts.h"

namespace isoflop {
namespace {

// Excess loss over the grid's best, in percent: colours step where a reader's interest does. The
// first step is the near-optimal band where that has its usual width.
constexpr std::array kSteps = {0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0};
constexpr std::array kColors = {"#fde725", "#b5de2b", "#6ece58", "#35b779",
                                "#1f9e89", "#31688e", "#3e4989", "#440154"};

std::size_t step_of(double percent) {
  std::size_t step = 0;
  while (step < kSteps.size() && percent > kSteps[step] + 1e-12) ++step;
  return step;
}

std::string percent_text(double percent) {
  if (percent < 0.005) return "best";
  return "+" + rounded_text(percent, percent < 10 ? 2 : 3) + "%";
}

// Where cells of a logarithmic axis meet: half way between neighbours, mirrored at the ends.
struct LogCells {
  std::vector<double> centres;

  void include(double centre) {
    const auto same = [&](double c) { return std::abs(std::log(c / centre)) < 1e-6; };
    if (std::none_of(centres.begin(), centres.end(), same)) centres.push_back(centre);
    std::sort(centres.begin(), centres.end());
  }
  [[nodiscard]] AxisRange around(double centre) const {
    const auto at = std::find_if(centres.begin(), centres.end(),
                                 [&](double c) { return std::abs(std::log(c / centre)) < 1e-6; });
    const bool first = at == centres.begin(), last = at + 1 == centres.end();
    const double before = first ? (last ? centre / 2 : centre * centre / *(at + 1)) : *(at - 1);
    const double after = last ? centre * centre / before : *(at + 1);
    return {std::sqrt(before * centre), std::sqrt(centre * after)};
  }
  [[nodiscard]] AxisRange range() const {
    return {around(centres.front()).low, around(centres.back()).high};
  }
};

struct Grid {
  LogCells rate, batch;
  double best = 0;
};

Grid grid_of(const HeatMap& map) {
  Grid grid;
  for (const Dot& dot : map.dots) {
    grid.rate.include(*dot.point->peak_lr);
    grid.batch.include(*dot.point->batch_tokens);
    grid.best = grid.best > 0 ? std::min(grid.best, dot.metric) : dot.metric;
  }
  for (const RunRecord* record : map.diverged) {
    grid.rate.include(record->spec.peak_lr);
    grid.batch.include(static_cast<double>(record->spec.batch_tokens));
  }
  return grid;
}

Json cell_json(const Grid& grid, double rate, double batch) {
  const AxisRange x = grid.rate.around(rate), y = grid.batch.around(batch);
  return Json::object(
      {{"x", x.low}, {"x2", x.high}, {"y", y.low}, {"y2", y.high}, {"cx", rate}, {"cy", batch}});
}

// One row per setting; seeds are averaged, and the best of them is the one hovered over.
Json completed_cells(const ReportChapter& chapter, const HeatMap& map, const Grid& grid,
                     double band) {
  std::map<std::pair<double, double>, std::vector<const Dot*>> settings;
  for (const Dot& dot : map.dots) {
    settings[{*dot.point->peak_lr, *dot.point->batch_tokens}].push_back(&dot);
  }
  const auto mean = [](const std::vector<const Dot*>& dots) {
    double sum = 0;
    for (const Dot* dot : dots) sum += dot->metric;
    return sum / static_cast<double>(dots.size());
  };
  double best = 0;
  for (const auto& [setting, dots] : settings) {
    best = best > 0 ? std::min(best, mean(dots)) : mean(dots);
  }
  Json rows = Json::array();
  for (const auto& [setting, dots] : settings) {
    const double percent = 100 * (mean(dots) / best - 1);
    const std::size_t step = step_of(percent);
    Json row = cell_json(grid, setting.first, setting.second);
    row.set("color", kColors[step]).set("ink", step < 4 ? "#111" : "#fff");
    row.set("text", percent_text(percent)).set("near", percent <= 100 * band);
    rows.push_back(row.set("tip", run_tooltip(chapter, *dots.front())));
  }
  return rows;
}

Json diverged_cells(const HeatMap& map, const Grid& grid) {
  Json rows = Json::array();
  for (const RunRecord* record : map.diverged) {
    const double batch = static_cast<double>(record->spec.batch_tokens);
    Json row = cell_json(grid, record->spec.peak_lr, batch);
    row.set("color", "#d9d9d9").set("ink", "#555").set("text", "diverged").set("near", false);
    rows.push_back(row.set("tip", Json::object({{"run", record->run_id},
                                                {"outcome", "diverged"},
                                                {"peak lr", rounded_text(record->spec.peak_lr, 3)},
                                                {"batch", batch_text(batch) + " tokens"}})));
  }
  return rows;
}

Json rectangle(const Json& look) {
  Json encoding = Json::object({{"x", field("x", "x")},
                                {"x2", field("x", "x2")},
                                {"y", field("y", "y")},
                                {"y2", field("y", "y2")}});
  for (const auto& [key, entry] : *look.if_object()) encoding.set(key, entry);
  return encoding;
}

void add_cell_marks(Plot& plot) {
  plot.add_mark(mark("rect", "cells",
                     rectangle(Json::object({{"fill", Json::object({{"field", "color"}})},
                                             {"stroke", value("#fff")},
                                             {"strokeWidth", value(1)},
                                             {"tooltip", signal("datum.tip")}}))));
  plot.add_mark(mark("rect", "near",
                     rectangle(Json::object({{"fill", value("transparent")},
                                             {"stroke", value(kVermilion)},
                                             {"strokeWidth", value(2.5)},
                                             {"tooltip", signal("datum.tip")}}))));
  plot.add_mark(mark("text", "cells",
                     Json::object({{"x", field("x", "cx")},
                                   {"y", field("y", "cy")},
                                   {"text", Json::object({{"field", "text"}})},
                                   {"fill", Json::object({{"field", "ink"}})},
                                   {"align", value("center")},
                                   {"baseline", value("middle")},
                                   {"fontSize", value(10.5)}})));
}

// Triangles on the two axes, where they hide no number.
void add_heat_map_optimum(Plot& plot, const HyperCell& cell) {
  const Json at = Json::object(
      {{"x", cell.peak_lr},
       {"y", cell.batch_tokens},
       {"tip", Json::object({{"near-optimal runs", cell.n_near_optimal},
                             {"mean lr", rounded_text(cell.peak_lr, 3)},
                             {"mean batch", si_text(cell.batch_tokens) + " tokens"}})}});
  plot.add_data("optimum", Json(Json::Array{at}));
  const auto triangle = [&](const char* shape, const Json& x, const Json& y) {
    plot.add_mark(mark("symbol", "optimum",
                       Json::object({{"x", x},
                                     {"y", y},
                                     {"shape", value(shape)},
                                     {"size", value(110)},
                                     {"fill", value(kVermilion)},
                                     {"stroke", value("#fff")},
                                     {"strokeWidth", value(1)},
                                     {"tooltip", signal("datum.tip")}})));
  };
  triangle("triangle-up", field("x", "x"), signal("height - 4"));
  triangle("triangle-right", value(4), field("y", "y"));
}

std::string map_title(const ReportChapter& chapter, const HeatMap& map) {
  std::string title =
      "C = " + budget_text(map.budget) + ", " + scale_symbol(chapter) + " = " + si_text(map.scale);
  if (!map.shape.empty()) title += " (" + map.shape + ")";
  return title;
}

}  // namespace

FigureRow heat_map_figures(const ReportChapter& chapter) {
  const double band = chapter.fit && chapter.fit->hyper ? chapter.fit->hyper->band : 0.0025;
  FigureRow row;
  for (const HeatMap& map : heat_maps_of(chapter)) {
    const Grid grid = grid_of(map);
    Json cells = completed_cells(chapter, map, grid, band), near = Json::array();
    for (const Json& cell : *cells.if_array()) {
      if (*cell.find("near")->if_bool()) near.push_back(cell);
    }
    const Json diverged = diverged_cells(map, grid);
    for (const Json& cell : *diverged.if_array()) cells.push_back(cell);
    Plot plot(kThirdWidth, 330, map_title(chapter, map),
              {"Peak learning rate", grid.rate.range(), true, Labels::plain, grid.rate.centres},
              {"Batch [tokens]", grid.batch.range(), true, Labels::plain, grid.batch.centres});
    plot.add_data("cells", cells);
    plot.add_data("near", near);
    add_cell_marks(plot);
    if (map.cell != nullptr) add_heat_map_optimum(plot, *map.cell);
    const std::string number = std::to_string(row.figures.size() + 1);
    row.figures.push_back(
        {"batch_lr-" + number, "",
         "Heat map of loss over learning rate and batch, " + map_title(chapter, map), kThirdWidth,
         plot.json()});
  }
  row.caption = "Loss above each grid's best, in percent; outlined: within " +
                rounded_text(100 * band, 3) + "% of it; triangles: geometric mean of those.";
  return row;
}

}  // namespace isoflop
