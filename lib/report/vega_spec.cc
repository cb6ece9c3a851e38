// SPDX-License-Identifier: Apache-2.0
#include "report/vega_spec.h"

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

constexpr const char* kFont = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";

Json config() {
  return Json::object({{"axis", Json::object({{"labelFont", kFont},
                                              {"titleFont", kFont},
                                              {"labelFontSize", 12},
                                              {"titleFontSize", 12.5},
                                              {"titleFontWeight", 500},
                                              {"titlePadding", 10},
                                              {"labelColor", "#444"},
                                              {"titleColor", "#222"},
                                              {"grid", true},
                                              {"gridColor", "#ebebeb"},
                                              {"domainColor", "#999"},
                                              {"tickColor", "#999"},
                                              {"tickSize", 4},
                                              {"labelOverlap", "greedy"}})},
                       {"legend", Json::object({{"labelFont", kFont},
                                                {"titleFont", kFont},
                                                {"labelFontSize", 12},
                                                {"titleFontSize", 12.5},
                                                {"titleFontWeight", 500},
                                                {"labelColor", "#333"},
                                                {"labelLimit", 320}})},
                       {"title", Json::object({{"font", kFont},
                                               {"fontSize", 13},
                                               {"fontWeight", 600},
                                               {"color", "#222"},
                                               {"anchor", "start"},
                                               {"offset", 10}})},
                       {"text", Json::object({{"font", kFont}, {"fontSize", 12}})}});
}

Json scale_json(const char* name, const char* range, const AxisSpec& axis) {
  return Json::object({{"name", name},
                       {"type", axis.logarithmic ? "log" : "linear"},
                       {"domain", Json(Json::Array{axis.range.low, axis.range.high})},
                       {"range", range},
                       {"nice", false},
                       {"zero", false}});
}

std::string label_expression(Labels labels) {
  switch (labels) {
    case Labels::si:
      return "format(datum.value, '~s')";
    case Labels::power:
      return "replace(format(datum.value, '~e'), '+', '')";
    case Labels::plain:
      break;
  }
  return "format(datum.value, datum.value < 0.001 ? '~e' : datum.value < 1e5 ? '~r' : '~s')";
}

Json axis_json(const char* orient, const char* scale, const AxisSpec& axis) {
  Json json = Json::object({{"orient", orient}, {"scale", scale}, {"title", axis.title}});
  const std::vector<double> ticks =
      axis.ticks.empty() && axis.logarithmic ? log_ticks(axis.range) : axis.ticks;
  if (!ticks.empty()) json.set("values", Json::array_of(ticks));
  if (axis.logarithmic) {
    json.set(
        "encode",
        Json::object(
            {{"labels",
              Json::object({{"update",
                             Json::object({{"text", signal(label_expression(axis.labels))}})}})}}));
  } else {
    json.set("tickCount", 6);
  }
  return json;
}

}  // namespace

void AxisRange::include(double value) {
  if (empty()) {
    low = high = value;
  } else {
    low = std::min(low, value);
    high = std::max(high, value);
  }
}

AxisRange AxisRange::padded(double share) const {
  const double margin = high > low ? share * (high - low) : share * std::abs(high);
  return {low - margin, high + margin};
}

AxisRange AxisRange::log_padded(double share) const {
  const double factor = high > low ? std::pow(high / low, share) : 2;
  return {low / factor, high * factor};
}

Plot::Plot(int width, int height, const std::string& title, const AxisSpec& x, const AxisSpec& y)
    : data_(Json::array()),
      scales_(Json::array()),
      axes_(Json::array()),
      legends_(Json::array()),
      marks_(Json::array()) {
  frame_.set("width", width).set("height", height).set("padding", 5);
  frame_.set("autosize", Json::object({{"type", "fit"}, {"contains", "padding"}}));
  if (!title.empty()) frame_.set("title", title);
  frame_.set("config", config());
  scales_.push_back(scale_json("x", "width", x));
  scales_.push_back(scale_json("y", "height", y));
  axes_.push_back(axis_json("bottom", "x", x));
  axes_.push_back(axis_json("left", "y", y));
}

void Plot::add_data(const std::string& name, Json rows) {
  data_.push_back(Json::object({{"name", name}, {"values", std::move(rows)}}));
}

void Plot::add_scale(Json scale) { scales_.push_back(std::move(scale)); }
void Plot::add_legend(Json legend) { legends_.push_back(std::move(legend)); }
void Plot::add_mark(Json mark) { marks_.push_back(std::move(mark)); }

Json Plot::json() const {
  Json json = frame_;
  json.set("data", data_).set("scales", scales_).set("axes", axes_);
  if (!legends_.if_array()->empty()) json.set("legends", legends_);
  return json.set("marks", marks_);
}

Json field(const std::string& scale, const std::string& name) {
  return Json::object({{"scale", scale}, {"field", name}});
}

Json value(Json constant) { return Json::object({{"value", std::move(constant)}}); }

Json signal(const std::string& expression) { return Json::object({{"signal", expression}}); }

Json mark(const std::string& type, const std::string& data, Json encoding) {
  return Json::object({{"type", type},
                       {"interactive", type != "text"},
                       {"from", Json::object({{"data", data}})},
                       {"encode", Json::object({{"update", std::move(encoding)}})}});
}

Json faceted(const std::string& type, const std::string& data, const std::string& key,
             Json encoding) {
  const Json facet = Json::object({{"name", "series"}, {"data", data}, {"groupby", key}});
  return Json::object({{"type", "group"},
                       {"from", Json::object({{"facet", facet}})},
                       {"marks", Json(Json::Array{mark(type, "series", std::move(encoding))})}});
}

std::vector<double> log_ticks(const AxisRange& range) {
  const double decades = std::log10(range.high / range.low);
  std::vector<double> steps = {1};
  if (decades < 3.2) steps = {1, 3};
  if (decades < 1.6) steps = {1, 2, 5};
  if (decades < 0.7) steps = {1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9};
  const double stride = decades > 9 ? std::ceil(decades / 8) : 1;
  std::vector<double> ticks;
  for (double power = std::floor(std::log10(range.low)); power <= std::log10(range.high);
       power += stride) {
    for (const double step : steps) {
      const double tick = step * std::pow(10, power);
      if (tick >= range.low && tick <= range.high) ticks.push_back(tick);
    }
  }
  return ticks;
}

std::vector<double> log_grid(const AxisRange& range, int n) {
  std::vector<double> grid;
  grid.reserve(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) {
    grid.push_back(range.low * std::pow(range.high / range.low, i / (n - 1.0)));
  }
  return grid;
}

}  // namespace isoflop
