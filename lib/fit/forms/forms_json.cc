// SPDX-License-Identifier: Apache-2.0
#include "fit/forms/forms_json.h"

#include "fit/estimate/value_json.h"

namespace isoflop {
namespace {

Json by_name(const std::vector<std::string>& names, const std::vector<double>& values) {
  Json json = Json::object();
  for (std::size_t i = 0; i < values.size(); ++i) json.set(names[i], finite_or_null(values[i]));
  return json;
}

Json intervals_by_name(const std::vector<std::string>& names,
                       const std::vector<Interval>& intervals) {
  Json json = Json::object();
  for (std::size_t i = 0; i < intervals.size(); ++i) {
    const Interval& interval = intervals[i];
    json.set(names[i], Json::object({{"low", finite_or_null(interval.low)},
                                     {"high", finite_or_null(interval.high)}}));
  }
  return json;
}

Json target_json(const FormTarget& target) {
  Json json = Json::object({{"compute", target.compute},
                            {"scale_opt", finite_or_null(target.scale_opt)},
                            {"tokens_opt", finite_or_null(target.tokens_opt)},
                            {"loss", finite_or_null(target.loss)},
                            {"scale_exponent", target.scale_exponent},
                            {"tokens_exponent", target.tokens_exponent}});
  json.set_if("n_experts", target.n_experts).set_if("granularity", target.granularity);
  if (!target.batch_tokens) return json;
  return json.set("batch_tokens", *target.batch_tokens)
      .set("batch_tokens_near_optimal",
           interval_json({.low = *target.batch_tokens / 2, .high = *target.batch_tokens * 2}));
}

Json form_json(const FormFit& form) {
  Json json =
      Json::object({{"name", form.name}, {"formula", form.formula}, {"source", form.source}});
  if (!form.not_fitted.empty()) return json.set("not_fitted", form.not_fitted);
  Json objective = Json::object({{"kind", to_string(form.objective)}});
  if (form.objective != ObjectiveKind::mse) objective.set("delta", form.delta);
  json.set("n_points", form.n_points)
      .set("parameters", by_name(form.parameters, form.values))
      .set("standard_errors", by_name(form.parameters, form.standard_errors))
      .set("intervals", intervals_by_name(form.parameters, form.intervals))
      .set("at_bound", Json::array_of(form.at_bound))
      .set("objective", objective.set("value", form.objective_value))
      .set("condition_number", finite_or_null(form.condition_number))
      .set("n_starts", form.n_starts)
      .set("n_starts_agreeing", form.n_starts_agreeing)
      .set_if("aicc", form.aicc);
  if (form.holdout_error) {
    json.set("holdout",
             Json::object({{"n_points", form.n_holdout}, {"rms_error", *form.holdout_error}}));
  }
  if (form.target) json.set("target", target_json(*form.target));
  return json.set("status", to_string(form.status));
}

}  // namespace

Json forms_json(const std::vector<FormFit>& forms) {
  Json json = Json::array();
  for (const FormFit& form : forms) json.push_back(form_json(form));
  return json;
}

Json repetition_json(const Repetition& repetition) {
  return Json::object({{"n_repeated", repetition.n_repeated},
                       {"is_used", repetition.is_used},
                       {"aicc_gain", finite_or_null(repetition.aicc_gain)},
                       {"form", form_json(repetition.form)},
                       {"damage_is_used", repetition.damage_is_used},
                       {"damage_aicc_gain", finite_or_null(repetition.damage_aicc_gain)},
                       {"damage", form_json(repetition.damage)}});
}

Json form_choice_json(const FormChoice& choice) {
  return Json::object({{"name", choice.name},
                       {"rms_error", choice.error},
                       {"rms_error_chinchilla", choice.chinchilla_error},
                       {"n_points", choice.n_holdout},
                       {"is_used", choice.is_used},
                       {"reason", choice.reason}});
}

Json lack_of_fit_json(const LackOfFit& test) {
  return Json::object({{"form", test.form},
                       {"f", test.f},
                       {"p", test.p},
                       {"dof_form", test.dof_form},
                       {"dof_residual", test.dof_residual}});
}

}  // namespace isoflop
