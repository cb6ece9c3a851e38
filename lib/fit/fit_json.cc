// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "base/json.h"
#include "isoflop/fit.h"

namespace isoflop {
namespace {

Json valley_json(const Valley& valley) {
  Json json = Json::object({{"budget", valley.budget},
                            {"compute", valley.compute},
                            {"n_points", valley.n_points},
                            {"n_fitted", valley.n_fitted},
                            {"bracketed", valley.bracketed},
                            {"status", to_string(valley.status)},
                            {"curvature", valley.curvature}});
  if (!(valley.scale_opt > 0)) return json;
  json.set("scale_opt", valley.scale_opt)
      .set("tokens_opt", valley.tokens_opt)
      .set("loss_opt", valley.loss_opt)
      .set("ln_scale_se", valley.ln_scale_se)
      .set("loss_se", valley.loss_se)
      .set("residual_rms", valley.residual_rms)
      .set("predicted_bias", valley.predicted_bias);
  return json;
}

Json power_law_json(const PowerLawFit& fit) {
  Json json = Json::object({{"coefficient", fit.law.coefficient}, {"exponent", fit.law.exponent}});
  if (fit.usable()) {
    json.set("low", fit.exponent.low).set("high", fit.exponent.high);
    json.set("coefficient_low", fit.coefficient.low).set("coefficient_high", fit.coefficient.high);
  }
  if (fit.exponent_assumed) json.set("exponent_assumed", true);
  json.set("residual_sd", fit.residual_sd).set("status", to_string(fit.status));
  return json;
}

Json allocation_json(const Fit& fit) {
  Json json = Json::object();
  if (fit.scale_opt.usable()) {
    json.set("scale", power_law_json(fit.scale_opt)).set("tokens", power_law_json(fit.tokens_opt));
    json.set("tau", fit.scale_opt.tau);
  }
  json.set("n_valleys", fit.scale_opt.n_points);
  return json;
}

Json parametric_json(const ParametricFit& fit) {
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

Json cell_json(const HyperCell& cell) {
  return Json::object({{"budget", cell.budget},
                       {"compute", cell.compute},
                       {"params", cell.params},
                       {"tokens", cell.tokens},
                       {"best", cell.best_metric},
                       {"batch_tokens", cell.batch_tokens},
                       {"peak_lr", cell.peak_lr},
                       {"n_runs", cell.n_runs},
                       {"n_near_optimal", cell.n_near_optimal},
                       {"batch_at_edge", cell.batch_at_edge},
                       {"peak_lr_at_edge", cell.peak_lr_at_edge}});
}

Json hyper_json(const HyperFit& fit) {
  Json json = Json::object({{"band", fit.band},
                            {"batch_tokens", power_law_json(fit.batch_tokens)},
                            {"peak_lr", power_law_json(fit.peak_lr)}});
  if (fit.peak_lr_nd) {
    json.set("peak_lr_nd", Json::object({{"coefficient", fit.peak_lr_nd->coefficient},
                                         {"exponent_params", fit.peak_lr_nd->exponent_params},
                                         {"exponent_tokens", fit.peak_lr_nd->exponent_tokens},
                                         {"residual_sd", fit.peak_lr_nd_residual_sd}}));
  }
  if (fit.batch_tokens_d) {
    json.set("batch_tokens_d",
             Json::object({{"coefficient", fit.batch_tokens_d->coefficient},
                           {"exponent_tokens", fit.batch_tokens_d->exponent_tokens},
                           {"residual_sd", fit.batch_tokens_d_residual_sd}}));
  }
  json.set_if("noise", fit.noise);
  json.set("n_cells", fit.n_cells).set("n_near_optimal", fit.n_near_optimal);
  Json cells = Json::array();
  for (const HyperCell& cell : fit.cells) cells.push_back(cell_json(cell));
  return json.set("cells", cells);
}

Json frontier_json(const FrontierLaw& law) {
  Json json = Json::object({{"irreducible", law.irreducible},
                            {"coefficient", law.coefficient},
                            {"exponent", law.exponent}});
  return json.set_if("relative_error", law.relative_error);
}

Json holdout_json(const HoldoutScore& score) {
  return Json::object({{"dropped", score.dropped},
                       {"ratio", score.ratio},
                       {"method", score.method},
                       {"scale_error", score.scale_error},
                       {"loss_error", score.loss_error}});
}

}  // namespace

std::string to_json(const Fit& fit) {
  const bool bits = fit.frame.metric == Metric::bits_per_byte;
  Json json = Json::object({{"schema", "isoflop.fit/1"},
                            {"dataset", fit.frame.dataset},
                            {"n_points", fit.n_points},
                            {"scale", to_string(fit.scale)},
                            {"metric", bits ? "bits_per_byte" : "loss"},
                            {"compute_from", fit.compute_from},
                            {"compute_to", fit.compute_to}});
  Json valleys = Json::array();
  for (const Valley& valley : fit.valleys) valleys.push_back(valley_json(valley));
  json.set("valleys", valleys).set("allocation", allocation_json(fit));
  if (fit.frontier) json.set("frontier", frontier_json(*fit.frontier));
  if (fit.parametric) json.set("parametric", parametric_json(*fit.parametric));
  if (fit.hyper) json.set("hyper", hyper_json(*fit.hyper));
  Json holdout = Json::array();
  for (const HoldoutScore& score : fit.holdout) holdout.push_back(holdout_json(score));
  json.set("holdout", holdout).set("warnings", Json::array_of(fit.warnings));
  return json.pretty();
}

}  // namespace isoflop
