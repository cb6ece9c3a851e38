// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "base/text.h"
#include "report/figure_parts.h"
#include "report/law_marks.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

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

LawLines lines_of(const LawPanel& panel, const AxisRange& x, AxisRange& y) {
  LawLines lines;
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
  const LawLines lines = lines_of(panel, x, y);
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

}  // namespace isoflop
