// SPDX-License-Identifier: Apache-2.0
#include "fit/interval/intervals_json.h"

#include "fit/estimate/value_json.h"

namespace isoflop {

namespace {

Json forecast_json(const OptimumForecast& forecast) {
  return Json::object({{"ratio", forecast.ratio},
                       {"compute", forecast.compute},
                       {"scale_opt", finite_or_null(forecast.scale_opt)},
                       {"law", interval_json(forecast.law)},
                       {"next", interval_json(forecast.next)},
                       {"loss_opt", finite_or_null(forecast.loss_opt)},
                       {"loss", interval_json(forecast.loss)}});
}

}  // namespace

Json parameter_intervals_json(const ParametricFit& fit,
                              const std::optional<SurfaceIntervals>& calibrated) {
  const bool resampled = fit.n_bootstrap > fit.n_bootstrap_failed;
  Json json = Json::object();
  const auto add = [&](const char* name, const Interval& of_resamples, const Interval* interval) {
    if (interval == nullptr && !resampled) return;
    json.set(name, interval_json(interval == nullptr ? of_resamples : *interval));
  };
  const SurfaceIntervals* const known = calibrated ? &*calibrated : nullptr;
  add("E", fit.E, known != nullptr ? &known->E : nullptr);
  add("A", fit.A, known != nullptr ? &known->A : nullptr);
  add("B", fit.B, known != nullptr ? &known->B : nullptr);
  add("alpha", fit.alpha, known != nullptr ? &known->alpha : nullptr);
  add("beta", fit.beta, known != nullptr ? &known->beta : nullptr);
  add("a", fit.a, known != nullptr ? &known->a : nullptr);
  add("b", fit.b, known != nullptr ? &known->b : nullptr);
  return json;
}

Json intervals_json(const SurfaceIntervals& intervals) {
  Json json = Json::object({{"E", interval_json(intervals.E)}});
  json.set("A", interval_json(intervals.A)).set("B", interval_json(intervals.B));
  json.set("alpha", interval_json(intervals.alpha)).set("beta", interval_json(intervals.beta));
  json.set("a", interval_json(intervals.a)).set("b", interval_json(intervals.b));
  json.set("noise", intervals.noise).set("tau", intervals.tau);
  json.set("n_budgets", intervals.n_budgets);
  json.set("dependence", to_string(intervals.dependence)).set("n_units", intervals.n_units);
  Json forecasts = Json::array();
  for (const OptimumForecast& forecast : intervals.forecasts) {
    forecasts.push_back(forecast_json(forecast));
  }
  return json.set("forecasts", forecasts);
}

}  // namespace isoflop
