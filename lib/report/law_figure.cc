// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "base/text.h"
#include "report/figure_parts.h"

namespace isoflop {
namespace {

constexpr double kNormal90 = 1.6449;  // half-width of a two-sided 90 % interval of a normal

struct PlottedOptimum {
  double compute, y;
  Interval interval;  // 90 %; empty where there is none
  bool sound;         // enters the law
  Json tip;
};

bool has_interval(const PlottedOptimum& o) {
  return o.interval.low > 0 && o.interval.high > o.interval.low && std::isfinite(o.interval.high);
}

struct LawPanel {
  std::string name, symbol, title, caption;
  std::vector<PlottedOptimum> optima;
  const PowerLawFit* ours = nullptr;
  std::optional<PowerLaw> reference;
  std::string reference_id;
  std::optional<AxisRange> reference_range;  // of C behind it
  int width = kHalfWidth;
};

std::string formula(const std::string& symbol, const PowerLaw& law) {
  return symbol + " = " + rounded_text(law.coefficient, 3) + " C^" + rounded_text(law.exponent, 3);
}

bool has_band(const PowerLawFit& fit) { return fit.usable() && fit.t > 0; }

// One row per line of the legend, and the lines themselves sampled (two points would do for a power
// law; the band of ours is curved).
struct Lines {
  Json rows = Json::array(), band = Json::array();
  Json names = Json::array(), colors = Json::array(), dashes = Json::array();

  void add(const std::string& name, const char* color, Json dash) {
    names.push_back(name);
    colors.push_back(color);
    dashes.push_back(std::move(dash));
  }
};

Lines lines_of(const LawPanel& panel, const AxisRange& x, AxisRange& y) {
  Lines lines;
  const std::vector<double> grid = log_grid(x, 40);
  if (panel.ours != nullptr && panel.ours->law.coefficient > 0) {
    const bool band = has_band(*panel.ours);
    const std::string name = formula(panel.symbol, panel.ours->law) + (panel.ours->exponent_assumed
                                                                           ? " (exponent assumed)"
                                                                       : band ? " with 90% band"
                                                                              : "");
    lines.add(name, kBlue, Json(Json::Array{1, 0}));
    for (const double c : grid) {
      lines.rows.push_back(Json::object({{"line", name}, {"x", c}, {"y", panel.ours->law(c)}}));
      if (!band) continue;
      const Interval at = panel.ours->prediction_interval(c);
      if (!(at.low > 0) || !std::isfinite(at.high)) continue;
      lines.band.push_back(Json::object({{"x", c}, {"low", at.low}, {"high", at.high}}));
      y.include(at.low);
      y.include(at.high);
    }
  }
  if (panel.reference) {
    const bool inside = panel.reference_range && x.low >= panel.reference_range->low / 1.5 &&
                        x.high <= panel.reference_range->high * 1.5;
    const std::string name =
        panel.reference_id + (panel.reference_range && !inside ? ", extrapolated" : "");
    lines.add(name, kVermilion, Json(Json::Array{6, 4}));
    for (const double c : grid) {
      lines.rows.push_back(Json::object({{"line", name}, {"x", c}, {"y", (*panel.reference)(c)}}));
      y.include((*panel.reference)(c));
    }
  }
  return lines;
}

void add_line_marks(Plot& plot, const Lines& lines) {
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

std::optional<Figure> law_figure(const LawPanel& panel) {
  AxisRange x, y;
  for (const PlottedOptimum& o : panel.optima) {
    x.include(o.compute);
    y.include(o.y);
    if (!has_interval(o)) continue;
    y.include(o.interval.low);
    y.include(o.interval.high);
  }
  if (panel.optima.empty()) return std::nullopt;
  x = x.log_padded(0.08);
  const Lines lines = lines_of(panel, x, y);
  Plot plot(panel.width, panel.width == kHalfWidth ? 380 : 330, "",
            {"Compute C [FLOPs]", x, true, Labels::power},
            {panel.title, y.log_padded(0.05), true, y.high < 1 ? Labels::plain : Labels::si});
  add_line_marks(plot, lines);
  add_optimum_marks(plot, panel.optima);
  return Figure{panel.name, panel.caption, panel.title + " against compute", panel.width,
                plot.json()};
}

void set_reference(const ReportChapter& chapter, LawPanel& panel, const PowerLaw& law,
                   std::optional<Flops> to) {
  panel.reference = law;
  panel.reference_id = chapter.reference->id;
  if (!to) to = chapter.reference->fitted_to;
  if (chapter.reference->fitted_from && to) {
    panel.reference_range = AxisRange{chapter.reference->fitted_from->value(), to->value()};
  }
}

bool has_allocation(const ReportChapter& chapter) {
  return chapter.reference && chapter.reference->allocation &&
         !chapter.reference->allocation->exponents_only;
}

Interval log_interval(double centre, double ln_se) {
  if (!(ln_se > 0)) return {};
  return {centre * std::exp(-kNormal90 * ln_se), centre * std::exp(kNormal90 * ln_se)};
}

std::vector<PlottedOptimum> optima_of(const Fit& fit, double Valley::*value) {
  std::vector<PlottedOptimum> optima;
  for (const Valley& valley : fit.valleys) {
    if (!(valley.*value > 0) || !std::isfinite(valley.*value)) continue;
    const bool sound = valley.bracketed && valley.status == FitStatus::ok;
    Json tip = Json::object({{"budget", budget_text(valley.budget) + " FLOPs"},
                             {"optimum", si_text(valley.*value)},
                             {"sizes", valley.n_points},
                             {"bracketed", valley.bracketed ? "yes" : "no"}});
    optima.push_back({valley.compute > 0 ? valley.compute : valley.budget, valley.*value,
                      log_interval(valley.*value, valley.ln_scale_se), sound, std::move(tip)});
  }
  return optima;
}

LawPanel hyper_panel(const HyperFit& hyper, bool batch) {
  LawPanel panel;
  panel.width = kThirdWidth;
  panel.name = batch ? "batch" : "peak_lr";
  panel.symbol = batch ? "B" : "lr";
  panel.title = batch ? "Near-optimal batch size B [tokens]" : "Near-optimal peak learning rate";
  panel.caption = batch
                      ? "Batch size of the near-optimal runs of each grid (geometric mean) against "
                        "compute; hollow where the band reaches the grid's edge."
                      : "Peak learning rate of the same runs.";
  panel.ours = batch ? &hyper.batch_tokens : &hyper.peak_lr;
  for (const HyperCell& cell : hyper.cells) {
    const double y = batch ? cell.batch_tokens : cell.peak_lr;
    const bool edge = batch ? cell.batch_at_edge : cell.peak_lr_at_edge;
    if (!(y > 0)) continue;
    panel.optima.push_back({cell.compute > 0 ? cell.compute : cell.budget,
                            y,
                            {},
                            !edge,
                            Json::object({{"budget", budget_text(cell.budget) + " FLOPs"},
                                          {"mean", batch ? si_text(y) : rounded_text(y, 3)},
                                          {"near-optimal runs", cell.n_near_optimal},
                                          {"runs", cell.n_runs}})});
  }
  return panel;
}

}  // namespace

std::vector<Figure> allocation_figures(const ReportChapter& chapter) {
  if (!chapter.fit) return {};
  const std::string symbol = scale_symbol(chapter);
  LawPanel scale, tokens;
  scale.name = "scale_opt";
  scale.symbol = symbol;
  scale.title = "Optimal " + symbol + " [" + scale_unit(chapter) + "]";
  scale.caption =
      "Compute-optimal model scale of each budget (90% bars), the law and where a further "
      "budget's optimum would lie with 90%.";
  scale.optima = optima_of(*chapter.fit, &Valley::scale_opt);
  scale.ours = &chapter.fit->scale_opt;
  tokens.name = "tokens_opt";
  tokens.symbol = "D";
  tokens.title = "Optimal D [tokens]";
  tokens.caption = "Compute-optimal number of training tokens, in the same way.";
  tokens.optima = optima_of(*chapter.fit, &Valley::tokens_opt);
  tokens.ours = &chapter.fit->tokens_opt;
  if (has_allocation(chapter)) {
    const AllocationLaw& law = *chapter.reference->allocation;
    if (symbol == "M") set_reference(chapter, scale, law.flops_per_token, {});
    set_reference(chapter, tokens, law.tokens, {});
  }
  std::vector<Figure> figures;
  for (const LawPanel* panel : {&scale, &tokens}) {
    if (std::optional<Figure> figure = law_figure(*panel)) figures.push_back(*figure);
  }
  return figures;
}

std::vector<Figure> hyper_figures(const ReportChapter& chapter) {
  if (!chapter.fit || !chapter.fit->hyper) return {};
  std::vector<Figure> figures;
  for (const bool batch : {true, false}) {
    LawPanel panel = hyper_panel(*chapter.fit->hyper, batch);
    if (chapter.reference && chapter.reference->hyper) {
      const HyperLaw& law = *chapter.reference->hyper;
      set_reference(chapter, panel, batch ? law.batch_tokens : law.peak_lr, law.fitted_to);
    }
    if (std::optional<Figure> figure = law_figure(panel)) figures.push_back(*figure);
  }
  return figures;
}

std::optional<Figure> frontier_figure(const ReportChapter& chapter, int width) {
  if (!chapter.fit || chapter.fit->valleys.empty()) return std::nullopt;
  const Fit& fit = *chapter.fit;
  std::vector<PlottedOptimum> optima;
  AxisRange x, y;
  for (const Valley& valley : fit.valleys) {
    if (!(valley.loss_opt > 0) || !std::isfinite(valley.loss_opt)) continue;
    const double compute = valley.compute > 0 ? valley.compute : valley.budget;
    const double bar = kNormal90 * valley.loss_se;
    optima.push_back(
        {compute,
         valley.loss_opt,
         {valley.loss_opt - bar, valley.loss_opt + bar},
         valley.bracketed && valley.status == FitStatus::ok,
         Json::object({{"budget", budget_text(valley.budget) + " FLOPs"},
                       {"best loss", metric_text(valley.loss_opt) + " " + metric_unit(chapter)}})});
    x.include(compute);
    y.include(valley.loss_opt);
  }
  if (optima.empty()) return std::nullopt;
  const double largest = x.high;
  Lines lines;
  std::string caption = "The lowest loss that each budget buys";
  if (fit.frontier) {
    const FrontierLaw& law = *fit.frontier;
    x.include(10 * largest);
    const std::string sum = law.irreducible > 0 ? rounded_text(law.irreducible, 4) + " + " : "";
    const std::string name =
        "L = " + sum + rounded_text(law.coefficient, 3) + " C^" + rounded_text(law.exponent, 3);
    lines.add(name, kBlue, Json(Json::Array{1, 0}));
    for (const double c : log_grid(x, 60)) {
      lines.rows.push_back(Json::object({{"line", name}, {"x", c}, {"y", law(c)}}));
      y.include(law(c));
    }
    // The law states its error one decade past its range; towards the range it narrows to nothing.
    const std::optional<double> error = law.relative_error;
    for (const double c : log_grid({largest, 10 * largest}, error ? 12 : 0)) {
      const double share = *error * std::log10(c / largest);
      lines.band.push_back(
          Json::object({{"x", c}, {"low", law(c) * (1 - share)}, {"high", law(c) * (1 + share)}}));
      y.include(law(c) * (1 - share));
      y.include(law(c) * (1 + share));
    }
    caption += ", and the law through them";
    if (error) caption += " with its 90% forecast one decade further";
  }
  Plot plot(width, width == kHalfWidth ? 380 : 330, "",
            {"Compute C [FLOPs]", x.log_padded(0.05), true, Labels::power},
            {"Best validation loss [" + metric_unit(chapter) + "]", y.padded(0.08), false,
             Labels::plain});
  add_line_marks(plot, lines);
  add_optimum_marks(plot, optima);
  return Figure{"frontier", caption + ".", "Best loss against compute", width, plot.json()};
}

}  // namespace isoflop
