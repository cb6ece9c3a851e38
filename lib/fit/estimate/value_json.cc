// SPDX-License-Identifier: Apache-2.0
#include "fit/estimate/value_json.h"

#include <cmath>

namespace isoflop {

Json finite_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json interval_json(const Interval& interval) {
  return Json(Json::Array{finite_or_null(interval.low), finite_or_null(interval.high)});
}

Json power_law_json(const PowerLawFit& fit) {
  Json json = Json::object({{"coefficient", fit.law.coefficient}, {"exponent", fit.law.exponent}});
  if (fit.usable()) {
    json.set("low", fit.exponent.low).set("high", fit.exponent.high);
    // Of an exponent that is all but open it leaves the range of a double.
    if (std::isfinite(fit.coefficient.high)) {
      json.set("coefficient_low", fit.coefficient.low);
      json.set("coefficient_high", fit.coefficient.high);
    }
  }
  if (fit.exponent_assumed) json.set("exponent_assumed", true);
  json.set("residual_sd", fit.residual_sd).set("status", to_string(fit.status));
  return json;
}

}  // namespace isoflop
