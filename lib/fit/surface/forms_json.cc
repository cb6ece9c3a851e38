// SPDX-License-Identifier: Apache-2.0
#include "fit/estimate/value_json.h"
#include "fit/surface/surface_json.h"

namespace isoflop {
namespace {

Json by_name(const std::vector<std::string>& names, const std::vector<double>& values) {
  Json json = Json::object();
  for (std::size_t i = 0; i < values.size(); ++i) json.set(names[i], finite_or_null(values[i]));
  return json;
}

Json target_json(const FormTarget& target) {
  return Json::object({{"compute", target.compute},
                       {"scale_opt", finite_or_null(target.scale_opt)},
                       {"tokens_opt", finite_or_null(target.tokens_opt)},
                       {"loss", finite_or_null(target.loss)},
                       {"scale_exponent", target.scale_exponent},
                       {"tokens_exponent", target.tokens_exponent}});
}

Json form_json(const FormFit& form) {
  Json json =
      Json::object({{"name", form.name}, {"formula", form.formula}, {"source", form.source}});
  if (!form.not_fitted.empty()) return json.set("not_fitted", form.not_fitted);
  Json objective = Json::object({{"kind", to_string(form.objective)}});
  if (form.objective != ObjectiveKind::mse) objective.set("delta", form.delta);
  json.set("parameters", by_name(form.parameters, form.values))
      .set("standard_errors", by_name(form.parameters, form.standard_errors))
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
                       {"form", form_json(repetition.form)}});
}

Json lack_of_fit_json(const LackOfFit& test) {
  return Json::object({{"form", test.form},
                       {"f", test.f},
                       {"p", test.p},
                       {"dof_form", test.dof_form},
                       {"dof_residual", test.dof_residual}});
}

}  // namespace isoflop
