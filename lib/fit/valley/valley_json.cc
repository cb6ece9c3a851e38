// SPDX-License-Identifier: Apache-2.0
#include "fit/valley/valley_json.h"

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

Json allocation_bootstrap_json(const AllocationBootstrap& bootstrap) {
  const auto exponent = [](const Interval& interval) {
    return Json::object({{"low", interval.low}, {"high", interval.high}});
  };
  return Json::object({{"scale", exponent(bootstrap.scale_exponent)},
                       {"tokens", exponent(bootstrap.tokens_exponent)},
                       {"by_trunk", bootstrap.by_trunk},
                       {"n_resamples", bootstrap.n_resamples},
                       {"n_failed", bootstrap.n_failed}});
}

}  // namespace isoflop
