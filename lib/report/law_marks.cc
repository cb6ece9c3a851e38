// SPDX-License-Identifier: Apache-2.0
#include "report/law_marks.h"

#include <cmath>

#include "report/figure_parts.h"

namespace isoflop {

bool has_interval(const PlottedOptimum& optimum) {
  return optimum.interval.low > 0 && optimum.interval.high > optimum.interval.low &&
         std::isfinite(optimum.interval.high);
}

void add_line_marks(Plot& plot, const LawLines& lines) {
  plot.add_data("band", lines.band);
  plot.add_data("lines", lines.rows);
  plot.add_scale(Json::object({{"name", "line_color"},
                               {"type", "ordinal"},
                               {"domain", lines.names},
                               {"range", lines.colors}}));
  plot.add_scale(Json::object({{"name", "line_dash"},
                               {"type", "ordinal"},
                               {"domain", lines.names},
                               {"range", lines.dashes}}));
  if (!lines.names.if_array()->empty()) {
    plot.add_legend(Json::object({{"stroke", "line_color"},
                                  {"strokeDash", "line_dash"},
                                  {"symbolType", "stroke"},
                                  {"symbolSize", 500},
                                  {"symbolStrokeWidth", 2},
                                  {"orient", "top"},
                                  {"columns", 1},
                                  {"offset", 6}}));
  }
  plot.add_mark(mark("area", "band",
                     Json::object({{"x", field("x", "x")},
                                   {"y", field("y", "low")},
                                   {"y2", field("y", "high")},
                                   {"fill", value(kBlue)},
                                   {"fillOpacity", value(0.14)}})));
  plot.add_mark(faceted("line", "lines", "line",
                        Json::object({{"x", field("x", "x")},
                                      {"y", field("y", "y")},
                                      {"stroke", field("line_color", "line")},
                                      {"strokeDash", field("line_dash", "line")},
                                      {"strokeWidth", value(2)}})));
}

void add_optimum_marks(Plot& plot, const std::vector<PlottedOptimum>& optima) {
  Json rows = Json::array(), bars = Json::array();
  for (const PlottedOptimum& o : optima) {
    rows.push_back(
        Json::object({{"x", o.compute}, {"y", o.y}, {"sound", o.sound}, {"tip", o.tip}}));
    if (!has_interval(o)) continue;
    bars.push_back(
        Json::object({{"x", o.compute}, {"low", o.interval.low}, {"high", o.interval.high}}));
  }
  plot.add_data("bars", bars);
  plot.add_data("optima", rows);
  plot.add_mark(mark("rule", "bars",
                     Json::object({{"x", field("x", "x")},
                                   {"y", field("y", "low")},
                                   {"y2", field("y", "high")},
                                   {"stroke", value("#111")},
                                   {"strokeWidth", value(1.4)}})));
  plot.add_mark(mark("symbol", "optima",
                     Json::object({{"x", field("x", "x")},
                                   {"y", field("y", "y")},
                                   {"size", value(75)},
                                   {"fill", signal("datum.sound ? '#111' : 'white'")},
                                   {"stroke", value("#111")},
                                   {"strokeWidth", value(1.4)},
                                   {"tooltip", signal("datum.tip")}})));
}

}  // namespace isoflop
