// SPDX-License-Identifier: Apache-2.0
#include "fit/estimate/value_json.h"
#include "fit/valley/valley_json.h"

namespace isoflop {
namespace {

Json estimate_json(const ValleyEstimate& valley) {
  Json json = Json::object({{"budget", valley.budget},
                            {"compute", valley.compute},
                            {"status", to_string(valley.status)}});
  if (valley.edge_share > 0) json.set("edge_share", valley.edge_share);
  if (!(valley.scale_opt > 0)) return json;
  json.set("scale_opt", valley.scale_opt)
      .set("tokens_opt", valley.tokens_opt)
      .set("loss_opt", valley.loss_opt)
      .set("ln_scale_se", valley.ln_scale_se)
      .set("loss_se", valley.loss_se);
  return json;
}

}  // namespace

Json estimators_json(std::span<const ValleyEstimator> estimators) {
  Json json = Json::object();
  for (const ValleyEstimator& estimator : estimators) {
    Json entry = Json::object();
    if (estimator.scale_opt.usable()) {
      entry.set("scale", power_law_json(estimator.scale_opt))
          .set("tokens", power_law_json(estimator.tokens_opt))
          .set("tau", estimator.scale_opt.tau);
    }
    Json valleys = Json::array();
    for (const ValleyEstimate& valley : estimator.valleys) valleys.push_back(estimate_json(valley));
    entry.set("valleys", valleys);
    json.set(std::string(to_string(estimator.method)), entry);
  }
  return json;
}

Json disagreement_json(std::span<const EstimatorDisagreement> disagreement) {
  Json json = Json::array();
  for (const EstimatorDisagreement& entry : disagreement) {
    json.push_back(Json::object({{"compute", entry.compute},
                                 {"extrapolation", entry.extrapolation},
                                 {"largest_ln_ratio", entry.largest_ln_ratio},
                                 {"n_estimators", entry.n_estimators}}));
  }
  return json;
}

Json law_checks_json(const LawChecks& checks) {
  Json json = Json::object(
      {{"exponent_sum", checks.exponent_sum}, {"effective_budgets", checks.effective_budgets}});
  if (checks.leave_one_out) {
    json.set("leave_one_out", interval_json(*checks.leave_one_out))
        .set("leave_one_out_compute", checks.leave_one_out_compute);
  }
  return json.set_if("curvature", checks.curvature)
      .set_if("curvature_p", checks.curvature_p)
      .set_if("centre_drift", checks.centre_drift)
      .set_if("drift_bias", checks.drift_bias);
}

Json envelope_json(const EnvelopeFit& fit) {
  Json json = Json::object({{"status", to_string(fit.status)},
                            {"n_runs", fit.n_runs},
                            {"n_scales", fit.n_scales},
                            {"n_winning_scales", fit.n_winning_scales},
                            {"n_kept", static_cast<std::int64_t>(fit.points.size())},
                            {"n_at_edge_model", fit.n_at_edge_model},
                            {"n_at_curve_end", fit.n_at_curve_end},
                            {"n_bootstrap", fit.n_bootstrap},
                            {"n_bootstrap_failed", fit.n_bootstrap_failed}});
  if (!fit.points.empty()) {
    json.set("compute_from", fit.points.front().compute);
    json.set("compute_to", fit.points.back().compute);
  }
  if (!fit.usable()) return json;
  return json.set("scale", power_law_json(fit.scale_opt))
      .set("tokens", power_law_json(fit.tokens_opt));
}

}  // namespace isoflop
