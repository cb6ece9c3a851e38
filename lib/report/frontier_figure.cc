// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "base/text.h"
#include "report/figure_parts.h"
#include "report/law_marks.h"
#include "stats/statistics.h"

namespace isoflop {

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
  LawLines lines;
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
