// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "fit/json_parts.h"

namespace isoflop {

Json valley_json(const Valley& valley) {
  Json json = Json::object({{"budget", valley.budget},
                            {"compute", valley.compute},
                            {"n_points", valley.n_points},
                            {"n_fitted", valley.n_fitted},
                            {"bracketed", valley.bracketed},
                            {"status", to_string(valley.status)},
                            {"curvature", valley.curvature},
                            {"compute_spread", valley.compute_spread}});
  if (!(valley.scale_opt > 0)) return json;
  json.set("scale_opt", valley.scale_opt)
      .set("tokens_opt", valley.tokens_opt)
      .set("loss_opt", valley.loss_opt)
      .set("ln_scale_se", valley.ln_scale_se)
      .set("loss_se", valley.loss_se)
      .set("residual_rms", valley.residual_rms)
      .set("relative_curvature", valley.relative_curvature())
      .set("best_cell_distance", valley.best_cell_distance())
      .set("predicted_bias", valley.predicted_bias);
  return json.set_if("closed_form_bias", valley.closed_form_bias);
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
