// SPDX-License-Identifier: Apache-2.0
#include "fit/estimate/value_json.h"
#include "fit/forms/forms_json.h"
#include "fit/hyper/hyper_json.h"
#include "fit/interval/intervals_json.h"
#include "fit/metric/second_stage_json.h"
#include "fit/surface/surface_json.h"
#include "fit/trust/trust_json.h"
#include "fit/valley/valley_json.h"
#include "isoflop/fit.h"

namespace isoflop {
namespace {

Json allocation_json(const Fit& fit) {
  Json json = Json::object();
  if (fit.scale_opt.usable()) {
    json.set("scale", power_law_json(fit.scale_opt)).set("tokens", power_law_json(fit.tokens_opt));
    json.set("tau", fit.scale_opt.tau);
    if (fit.trunk_noise) {
      json.set("trunk_noise", Json::object({{"share", fit.trunk_noise->share},
                                            {"n_trunks", fit.trunk_noise->n_trunks}}));
    }
    if (fit.scale_opt_uncorrected) {
      json.set("scale_uncorrected", power_law_json(*fit.scale_opt_uncorrected));
    }
  }
  json.set("n_valleys", fit.scale_opt.n_points);
  if (fit.allocation_bootstrap) {
    json.set("bootstrap", allocation_bootstrap_json(*fit.allocation_bootstrap));
  }
  return json;
}

Json frontier_json(const FrontierLaw& law) {
  Json json = Json::object({{"irreducible", law.irreducible},
                            {"coefficient", law.coefficient},
                            {"exponent", law.exponent}});
  return json.set_if("relative_error", law.relative_error);
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
  if (!fit.pooled.empty()) json.set("posterior", Json::array_of(fit.pooled));
  if (!fit.narrow_budgets.empty()) json.set("narrow_budgets", Json::array_of(fit.narrow_budgets));
  Json valleys = Json::array();
  for (const Valley& valley : fit.valleys) valleys.push_back(valley_json(valley));
  json.set("valleys", valleys).set("allocation", allocation_json(fit));
  if (fit.law_checks) json.set("law_checks", law_checks_json(*fit.law_checks));
  json.set("estimators", estimators_json(fit.estimators));
  json.set("disagreement", disagreement_json(fit.disagreement));
  if (fit.envelope) json.set("envelope", envelope_json(*fit.envelope));
  json.set_if("seed_noise", fit.seed_noise);
  if (fit.frontier) json.set("frontier", frontier_json(*fit.frontier));
  if (fit.parametric) {
    Json surface = surface_json(*fit.parametric);
    surface.set("intervals", parameter_intervals_json(*fit.parametric, fit.surface_intervals));
    surface.set("intervals_from", fit.surface_intervals ? "model" : "resamples");
    if (fit.surface_intervals) surface.set("calibrated", intervals_json(*fit.surface_intervals));
    json.set("parametric", surface);
  }
  if (fit.repetition) json.set("repetition", repetition_json(*fit.repetition));
  if (!fit.forms.empty()) json.set("forms", forms_json(fit.forms));
  if (fit.form_choice) json.set("form_choice", form_choice_json(*fit.form_choice));
  if (fit.lack_of_fit) json.set("lack_of_fit", lack_of_fit_json(*fit.lack_of_fit));
  if (fit.hyper) json.set("hyper", hyper_json(*fit.hyper));
  if (fit.weight_decay) json.set("weight_decay", weight_decay_json(*fit.weight_decay));
  if (fit.given_settings) json.set("given_settings", given_settings_json(*fit.given_settings));
  if (fit.conventions) json.set("conventions", conventions_json(*fit.conventions));
  Json mistuning = Json::array();
  for (const Mistuning& bound : fit.mistuning) mistuning.push_back(mistuning_json(bound));
  json.set("mistuning", mistuning);
  Json holdout = Json::array();
  for (const HoldoutScore& score : fit.holdout) holdout.push_back(holdout_json(score));
  json.set("holdout", holdout);
  json.set("holdout_summary", holdout_summary_json(fit.holdout_summary));
  json.set("forecast", forecast_json(fit));
  Json targets = Json::array();
  for (const Target& target : fit.targets) targets.push_back(target_json(target));
  json.set("targets", targets).set("sample_size", sample_size_json(fit.sample_size));
  if (!fit.odd_sizes.empty()) json.set("odd_sizes", odd_sizes_json(fit.odd_sizes));
  if (fit.outliers) json.set("outliers", outliers_json(*fit.outliers));
  if (!fit.second_stages.empty()) json.set("second_stage", second_stage_json(fit.second_stages));
  json.set("warnings", Json::array_of(fit.warnings));
  return json.pretty();
}

}  // namespace isoflop
