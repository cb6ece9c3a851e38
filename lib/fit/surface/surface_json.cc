// SPDX-License-Identifier: Apache-2.0
#include "fit/surface/surface_json.h"

#include <array>
#include <cmath>

#include "fit/estimate/value_json.h"

namespace isoflop {
namespace {

Json law_json(const LossLaw& law) {
  return Json::object({{"E", law.irreducible},
                       {"A", finite_or_null(law.a)},
                       {"B", finite_or_null(law.b)},
                       {"alpha", law.alpha},
                       {"beta", law.beta}});
}

Json basins_json(const std::vector<SurfaceBasin>& basins) {
  Json::Array rows;
  for (const SurfaceBasin& basin : basins) {
    rows.push_back(
        law_json(basin.law).set("objective", basin.objective).set("n_starts", basin.n_starts));
  }
  return Json(rows);
}

Json sensitivity_json(const std::vector<DeltaOptimum>& optima) {
  Json::Array rows;
  for (const DeltaOptimum& optimum : optima) {
    Json row = law_json(optimum.law).set("a", optimum.a_exponent);
    // JSON has no infinity: null is squares.
    if (std::isfinite(optimum.delta)) {
      row.set("delta", optimum.delta);
    } else {
      row.set("delta", Json());
    }
    rows.push_back(row);
  }
  return Json(rows);
}

void add_diagnostics(const SurfaceDiagnostics& diagnostics, Json& json) {
  Json::Array rows;
  for (const auto& row : diagnostics.correlation) rows.push_back(Json::array_of(row));
  json.set("gradient_norm", diagnostics.gradient_norm)
      .set("condition_number", finite_or_null(diagnostics.condition_number))
      .set("correlation", Json(rows));
  json.set("profile", Json::object({{"E", interval_json(diagnostics.profile_E.interval)},
                                    {"a", interval_json(diagnostics.profile_a.interval)}}));
  json.set("identified", Json::object({{"E", diagnostics.profile_E.identified},
                                       {"a", diagnostics.profile_a.identified}}));
  json.set("objective_sensitivity", sensitivity_json(diagnostics.objective_sensitivity));
  json.set("n_distinct_sizes", diagnostics.n_distinct_sizes)
      .set("n_distinct_tokens", diagnostics.n_distinct_tokens)
      .set("tokens_range", diagnostics.tokens_range);
}

}  // namespace

Json surface_json(const ParametricFit& fit) {
  Json json = Json::object({{"E", fit.law.irreducible},
                            {"A", finite_or_null(fit.law.a)},
                            {"B", finite_or_null(fit.law.b)},
                            {"alpha", fit.law.alpha},
                            {"beta", fit.law.beta},
                            {"a", fit.a_exponent},
                            {"b", fit.b_exponent}});
  Json objective = Json::object({{"kind", to_string(fit.objective)}});
  if (fit.objective != ObjectiveKind::mse) objective.set("delta", fit.delta);
  json.set("objective", objective.set("value", fit.objective_value));
  json.set("at_bound", Json::array_of(fit.at_bound));
  json.set("n_points", fit.n_points)
      .set("n_starts", fit.n_starts)
      .set("n_starts_agreeing", fit.n_starts_agreeing);
  Json intervals = Json::object();
  Json errors = Json::object();
  if (!fit.standard_errors.empty()) {
    const std::array<std::pair<const char*, const Interval*>, 7> named = {{{"E", &fit.E},
                                                                           {"A", &fit.A},
                                                                           {"B", &fit.B},
                                                                           {"alpha", &fit.alpha},
                                                                           {"beta", &fit.beta},
                                                                           {"a", &fit.a},
                                                                           {"b", &fit.b}}};
    for (const auto& [name, interval] : named) {
      intervals.set(name, interval_json(*interval));
    }
    for (const auto& [name, error] : fit.standard_errors) errors.set(name, finite_or_null(error));
  }
  json.set("bootstrap_intervals", intervals).set("standard_errors", errors);
  json.set("n_bootstrap", fit.n_bootstrap).set("n_bootstrap_failed", fit.n_bootstrap_failed);
  json.set("basins", basins_json(fit.basins));
  if (fit.diagnostics) add_diagnostics(*fit.diagnostics, json);
  return json.set("status", to_string(fit.status));
}

}  // namespace isoflop
