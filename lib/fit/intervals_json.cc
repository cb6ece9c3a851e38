// SPDX-License-Identifier: Apache-2.0
#include "fit/json_parts.h"

namespace isoflop {
namespace {

Json pair(const Interval& interval) {
  return Json(Json::Array{Json(interval.low), Json(interval.high)});
}

Json forecast_json(const OptimumForecast& forecast) {
  return Json::object({{"ratio", forecast.ratio},
                       {"compute", forecast.compute},
                       {"scale_opt", forecast.scale_opt},
                       {"law", pair(forecast.law)},
                       {"next", pair(forecast.next)}});
}

}  // namespace

Json intervals_json(const SurfaceIntervals& intervals) {
  Json json = Json::object({{"alpha", pair(intervals.alpha)},
                            {"beta", pair(intervals.beta)},
                            {"a", pair(intervals.a)},
                            {"b", pair(intervals.b)},
                            {"noise", intervals.noise},
                            {"tau", intervals.tau},
                            {"n_budgets", intervals.n_budgets}});
  Json forecasts = Json::array();
  for (const OptimumForecast& forecast : intervals.forecasts) {
    forecasts.push_back(forecast_json(forecast));
  }
  return json.set("forecasts", forecasts);
}

}  // namespace isoflop
