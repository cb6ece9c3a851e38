// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "fit/json_parts.h"

namespace isoflop {

Json surface_json(const ParametricFit& fit) {
  Json json = Json::object({{"E", fit.law.irreducible},
                            {"A", fit.law.a},
                            {"B", fit.law.b},
                            {"alpha", fit.law.alpha},
                            {"beta", fit.law.beta},
                            {"a", fit.a_exponent},
                            {"b", fit.b_exponent}});
  Json objective = Json::object({{"kind", to_string(fit.objective)}});
  if (fit.objective != ObjectiveKind::mse) objective.set("delta", fit.delta);
  json.set("objective", objective.set("value", fit.objective_value));
  json.set("at_bound", Json::array_of(fit.at_bound));
  json.set("n_starts", fit.n_starts).set("n_starts_agreeing", fit.n_starts_agreeing);
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
      intervals.set(name, Json(Json::Array{Json(interval->low), Json(interval->high)}));
    }
    for (const auto& [name, error] : fit.standard_errors) errors.set(name, error);
  }
  json.set("intervals", intervals).set("standard_errors", errors);
  json.set("n_bootstrap", fit.n_bootstrap).set("n_bootstrap_failed", fit.n_bootstrap_failed);
  return json.set("status", to_string(fit.status));
}

}  // namespace isoflop
