// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "report/figure_parts.h"
#include "report/number_text.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr double kReach = 100;   // times the largest budget
constexpr double kOverhang = 3;  // the axis shows so much of an interval beyond laws and optima

struct Series {
  std::string name;
  const char* color;
  const PowerLawFit* law;
  const std::vector<ValleyEstimate>* optima;  // none for the headline
};

// Okabe & Ito's colours.
const char* color_of(ValleyMethod method) {
  switch (method) {
    case ValleyMethod::parabola:
      return kBlue;
    case ValleyMethod::cubic:
      return "#009e73";
    case ValleyMethod::akima:
      return "#e69f00";
    case ValleyMethod::parametric:
      return kVermilion;
  }
  return kGray;
}

std::vector<Series> series_of(const Fit& fit) {
  std::vector<Series> series;
  for (const ValleyEstimator& estimator : fit.estimators) {
    if (!estimator.scale_opt.usable()) continue;
    const bool surface = estimator.method == ValleyMethod::parametric;
    series.push_back({(surface ? "surface" : std::string(to_string(estimator.method))) +
                          ", a = " + exponent_text(estimator.scale_opt.law.exponent),
                      color_of(estimator.method), &estimator.scale_opt, &estimator.valleys});
  }
  if (fit.envelope && fit.envelope->usable()) {
    series.push_back({"envelope, a = " + exponent_text(fit.envelope->scale_opt.law.exponent),
                      "#cc79a7", &fit.envelope->scale_opt, nullptr});
  }
  if (fit.scale_opt.usable()) {
    series.push_back({"headline with 90% band, a = " + exponent_text(fit.scale_opt.law.exponent),
                      "#111111", &fit.scale_opt, nullptr});
  }
  return series;
}

Json optimum_rows(const std::vector<Series>& series, AxisRange& x, AxisRange& y) {
  Json rows = Json::array();
  for (std::size_t s = 0; s < series.size(); ++s) {
    if (series[s].optima == nullptr) continue;
    // Side by side, a little apart, around the budget.
    const double place = static_cast<double>(s) - 1.5;
    for (const ValleyEstimate& optimum : *series[s].optima) {
      if (!optimum.usable() || !(optimum.scale_opt > 0)) continue;
      const double shown = optimum.compute * std::pow(1.04, place);
      const double bar = kNormal90 * optimum.ln_scale_se;
      rows.push_back(Json::object(
          {{"line", series[s].name},
           {"x", shown},
           {"y", optimum.scale_opt},
           {"low", optimum.scale_opt * std::exp(-bar)},
           {"high", optimum.scale_opt * std::exp(bar)},
           {"tip", Json::object({{"estimator", series[s].name},
                                 {"budget", rounded_text(optimum.budget, 3) + " FLOPs"},
                                 {"optimum", si_text(optimum.scale_opt) + " \xc2\xb1 " +
                                                 percent(std::expm1(bar))}})}}));
      x.include(shown);
      y.include(optimum.scale_opt);
    }
  }
  return rows;
}

Json estimator_law_rows(const std::vector<Series>& series, const AxisRange& x, AxisRange& y) {
  Json rows = Json::array();
  for (const Series& one : series) {
    for (const double compute : log_grid(x, 30)) {
      const double scale = one.law->law(compute);
      rows.push_back(Json::object({{"line", one.name}, {"x", compute}, {"y", scale}}));
      y.include(scale);
    }
  }
  return rows;
}

Json band_rows(const PowerLawFit& law, const AxisRange& x) {
  Json rows = Json::array();
  if (!law.usable() || !(law.t > 0)) return rows;
  for (const double compute : log_grid(x, 40)) {
    const Interval next = law.prediction_interval(compute);
    if (!(next.low > 0) || !std::isfinite(next.high)) continue;
    rows.push_back(Json::object({{"x", compute}, {"low", next.low}, {"high", next.high}}));
  }
  return rows;
}

Json forecast_rows(const Fit& fit) {
  Json rows = Json::array();
  for (const Target& target : fit.targets) {
    if (!target.scale.interval || target.ratio > 1.01 * kReach) continue;
    const Interval& interval = *target.scale.interval;
    rows.push_back(Json::object(
        {{"x", target.compute * (target.ratio >= kReach ? 0.97 : 1)},  // not on the frame
         {"y", target.scale.value},
         {"low", interval.low},
         {"high", interval.high},
         {"tip", Json::object({{"forecast", rounded_text(target.ratio, 3) + "x"},
                               {"optimum", with_si_interval(target.scale.value, interval)}})}}));
  }
  return rows;
}

// A light that hold-outs have made worse is worse everywhere beyond the data.
ExtrapolationLight shown_light(const Fit& fit, double ratio) {
  const ExtrapolationLight light = extrapolation_light(ratio);
  const bool worse = std::any_of(fit.targets.begin(), fit.targets.end(), [](const Target& target) {
    return target.ratio > 1 && target.light != extrapolation_light(target.ratio);
  });
  if (!worse) return light;
  return light == ExtrapolationLight::ok ? ExtrapolationLight::caution
                                         : ExtrapolationLight::only_with_holdout_evidence;
}

const char* fill_of(ExtrapolationLight light) {
  switch (light) {
    case ExtrapolationLight::ok:
      return "#009e73";
    case ExtrapolationLight::caution:
      return "#e6b800";
    case ExtrapolationLight::only_with_holdout_evidence:
      break;
  }
  return kVermilion;
}

Json zone_rows(const Fit& fit, const AxisRange& x) {
  Json rows = Json::array();
  rows.push_back(Json::object(
      {{"x", x.low}, {"x2", fit.compute_to}, {"fill", "#ffffff"}, {"text", "measured"}}));
  double from = fit.compute_to;
  for (const double to : {10 * fit.compute_to, kReach * fit.compute_to}) {
    const ExtrapolationLight light =
        shown_light(fit, std::sqrt(from / fit.compute_to * to / fit.compute_to));
    rows.push_back(Json::object(
        {{"x", from},
         {"x2", to},
         {"fill", fill_of(light)},
         {"text", "below " + rounded_text(to / fit.compute_to, 3) + "x: " + words(light)}}));
    from = to;
  }
  return rows;
}

Json clipped(Json mark) {
  mark.set("clip", true);
  return mark;
}

void add_zones(Plot& plot, Json rows) {
  plot.add_data("zones", std::move(rows));
  plot.add_mark(mark("rect", "zones",
                     Json::object({{"x", field("x", "x")},
                                   {"x2", field("x", "x2")},
                                   {"y", value(0)},
                                   {"y2", signal("height")},
                                   {"fill", Json::object({{"field", "fill"}})},
                                   {"fillOpacity", value(0.1)}})));
  plot.add_mark(
      mark("text", "zones",
           Json::object({{"x", Json::object({{"scale", "x"}, {"field", "x"}, {"offset", 8}})},
                         {"y", value(16)},
                         {"text", Json::object({{"field", "text"}})},
                         {"fill", value("#444")}})));
}

// Points with vertical bars, coloured by series or by one colour.
void add_optima(Plot& plot, const std::string& data, Json rows, const Json& color,
                const char* shape) {
  plot.add_data(data, std::move(rows));
  plot.add_mark(clipped(mark("rule", data,
                             Json::object({{"x", field("x", "x")},
                                           {"y", field("y", "low")},
                                           {"y2", field("y", "high")},
                                           {"stroke", color},
                                           {"strokeWidth", value(1.6)}}))));
  plot.add_mark(clipped(mark("symbol", data,
                             Json::object({{"x", field("x", "x")},
                                           {"y", field("y", "y")},
                                           {"shape", value(shape)},
                                           {"size", value(55)},
                                           {"fill", color},
                                           {"tooltip", signal("datum.tip")}}))));
}

void add_laws(Plot& plot, const std::vector<Series>& series, Json laws, Json band) {
  Json names = Json::array(), colors = Json::array();
  for (const Series& one : series) {
    names.push_back(one.name);
    colors.push_back(one.color);
  }
  plot.add_scale(
      Json::object({{"name", "color"}, {"type", "ordinal"}, {"domain", names}, {"range", colors}}));
  plot.add_legend(Json::object({{"stroke", "color"},
                                {"symbolType", "stroke"},
                                {"symbolSize", 400},
                                {"symbolStrokeWidth", 2.5},
                                {"orient", "top"},
                                {"columns", 3},
                                {"offset", 6}}));
  plot.add_data("band", std::move(band));
  plot.add_data("laws", std::move(laws));
  plot.add_mark(clipped(mark("area", "band",
                             Json::object({{"x", field("x", "x")},
                                           {"y", field("y", "low")},
                                           {"y2", field("y", "high")},
                                           {"fill", value("#111111")},
                                           {"fillOpacity", value(0.09)}}))));
  plot.add_mark(faceted("line", "laws", "line",
                        Json::object({{"x", field("x", "x")},
                                      {"y", field("y", "y")},
                                      {"stroke", field("color", "line")},
                                      {"strokeWidth", value(1.8)}})));
}

}  // namespace

std::optional<Figure> estimator_figure(const ReportChapter& chapter) {
  if (!chapter.fit || !(chapter.fit->compute_to > 0)) return std::nullopt;
  const Fit& fit = *chapter.fit;
  const std::vector<Series> series = series_of(fit);
  AxisRange x, y;
  Json optima = optimum_rows(series, x, y);
  if (optima.if_array()->empty()) return std::nullopt;
  x.low /= 1.3;
  x.high = kReach * fit.compute_to;
  Json laws = estimator_law_rows(series, x, y);
  const AxisRange shown = {y.low / kOverhang, y.high * kOverhang};
  const std::string title = "Optimal " + scale_symbol(chapter) + " [" + scale_unit(chapter) + "]";
  Plot plot(kPageWidth, 430, "", {"Compute C [FLOPs]", x, true, Labels::power},
            {title, shown, true, Labels::si});
  add_zones(plot, zone_rows(fit, x));
  add_laws(plot, series, std::move(laws), band_rows(fit.scale_opt, x));
  add_optima(plot, "optima", std::move(optima), field("color", "line"), "circle");
  add_optima(plot, "forecasts", forecast_rows(fit), value(kBlack), "diamond");
  return Figure{"estimators",
                "Every estimator's optimum of each budget (90% bars), its law out to 100 times the "
                "largest budget, where a further budget's optimum lies with 90% by the headline "
                "law (grey) and by the forecast (diamonds), and the light.",
                "Optimal scale by every estimator against compute", kPageWidth, plot.json()};
}

}  // namespace isoflop
