// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "base/text.h"
#include "report/figure_parts.h"

namespace isoflop {
namespace {

constexpr std::size_t kLegendRows = 18;  // that the plot is high

bool has_parabola(const Curve& curve) {
  return curve.valley != nullptr && curve.valley->status != FitStatus::too_few_points &&
         curve.valley->coefficients[2] > 0;
}

double parabola(const Valley& valley, double scale) {
  const double x = std::log(scale);
  return valley.coefficients[0] + x * (valley.coefficients[1] + x * valley.coefficients[2]);
}

AxisRange fitted_range(const Curve& curve) {
  const Interval fitted = curve.valley->fitted_scale;
  if (fitted.low > 0 && fitted.high > fitted.low) return {fitted.low, fitted.high};
  return {curve.dots.front().scale, curve.dots.back().scale};
}

struct Rows {
  Json dots = Json::array(), lines = Json::array(), minima = Json::array();
  AxisRange x, y;
  bool open_minima = false, faint_dots = false;
};

void add_dots(const ReportChapter& chapter, const Curve& curve, Rows& rows) {
  for (const Dot& dot : curve.dots) {
    rows.x.include(dot.scale);
    rows.faint_dots |= !dot.on_curve;
    if (dot.on_curve) rows.y.include(dot.metric);
    rows.dots.push_back(Json::object({{"budget", budget_text(curve.budget)},
                                      {"x", dot.scale},
                                      {"y", dot.metric},
                                      {"on_curve", dot.on_curve},
                                      {"tip", run_tooltip(chapter, dot)}}));
  }
}

void add_valley(const ReportChapter& chapter, const Curve& curve, Rows& rows) {
  if (!has_parabola(curve)) return;
  const Valley& valley = *curve.valley;
  const std::string budget = budget_text(curve.budget);
  for (const double scale : log_grid(fitted_range(curve), 48)) {
    const double metric = parabola(valley, scale);
    rows.x.include(scale);
    rows.y.include(metric);
    rows.lines.push_back(Json::object({{"budget", budget}, {"x", scale}, {"y", metric}}));
  }
  if (!(valley.scale_opt > 0) || !std::isfinite(valley.scale_opt)) return;
  const std::string symbol = scale_symbol(chapter);
  rows.open_minima |= !valley.bracketed;
  rows.minima.push_back(Json::object(
      {{"budget", budget},
       {"x", valley.scale_opt},
       {"y", valley.loss_opt},
       {"bracketed", valley.bracketed},
       {"tip", Json::object({{"minimum at C", budget + " FLOPs"},
                             {symbol + " opt", si_text(valley.scale_opt)},
                             {"D opt", si_text(valley.tokens_opt) + " tokens"},
                             {"loss", metric_text(valley.loss_opt) + " " + metric_unit(chapter)},
                             {"bracketed", valley.bracketed ? "yes" : "no"}})}}));
}

Json dot_encoding() {
  return Json::object({{"x", field("x", "x")},
                       {"y", field("y", "y")},
                       {"fill", field("color", "budget")},
                       {"size", signal("datum.on_curve ? 46 : 22")},
                       {"opacity", signal("datum.on_curve ? 0.9 : 0.3")},
                       {"tooltip", signal("datum.tip")}});
}

Json minimum_encoding() {
  return Json::object(
      {{"x", field("x", "x")},
       {"y", field("y", "y")},
       {"shape", value("diamond")},
       {"size", value(190)},
       {"fill", signal("datum.bracketed ? scale('color', datum.budget) : 'white'")},
       {"stroke", signal("datum.bracketed ? '#000' : scale('color', datum.budget)")},
       {"strokeWidth", value(1.6)},
       {"tooltip", signal("datum.tip")}});
}

std::string caption(const ReportChapter& chapter, const Rows& rows) {
  std::string text =
      "Validation loss against model scale at equal compute, one colour per budget: "
      "runs (dots";
  text += rows.faint_dots ? ", faint where other hyper-parameters were tried)" : ")";
  text += ", the parabola in ln " + scale_symbol(chapter) + " around the lowest, and its minimum";
  text += rows.open_minima ? " (diamond, hollow where it is not bracketed)." : " (diamond).";
  return text;
}

}  // namespace

std::optional<Figure> isoflop_figure(const ReportChapter& chapter) {
  const std::vector<Curve> curves = curves_of(chapter);
  if (curves.empty()) return std::nullopt;
  Rows rows;
  Json budgets = Json::array(), colors = Json::array();
  for (std::size_t i = 0; i < curves.size(); ++i) {
    budgets.push_back(budget_text(curves[i].budget));
    colors.push_back(sequential_color(i, curves.size()));
    add_dots(chapter, curves[i], rows);
    add_valley(chapter, curves[i], rows);
  }
  Plot plot(kPageWidth, 460, "",
            {"Model scale " + scale_symbol(chapter) + " [" + scale_unit(chapter) + "]",
             rows.x.log_padded(0.04)},
            {"Validation loss [" + metric_unit(chapter) + "]", rows.y.padded(0.05), false,
             Labels::plain});
  plot.add_data("dots", rows.dots);
  plot.add_data("lines", rows.lines);
  plot.add_data("minima", rows.minima);
  plot.add_scale(Json::object(
      {{"name", "color"}, {"type", "ordinal"}, {"domain", budgets}, {"range", colors}}));
  plot.add_legend(Json::object({{"fill", "color"},
                                {"title", "Budget C [FLOPs]"},
                                {"symbolType", "circle"},
                                {"symbolSize", 70},
                                {"columns", curves.size() > kLegendRows ? 2 : 1},
                                {"orient", "right"}}));
  plot.add_mark(faceted("line", "lines", "budget",
                        Json::object({{"x", field("x", "x")},
                                      {"y", field("y", "y")},
                                      {"stroke", field("color", "budget")},
                                      {"strokeWidth", value(1.8)}})));
  plot.add_mark(mark("symbol", "dots", dot_encoding()));
  plot.add_mark(mark("symbol", "minima", minimum_encoding()));
  return Figure{"isoflop", caption(chapter, rows),
                "Iso-FLOP curves of " + std::to_string(curves.size()) + " budgets", kPageWidth,
                plot.json()};
}

}  // namespace isoflop
