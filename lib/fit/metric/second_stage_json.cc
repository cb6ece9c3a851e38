// SPDX-License-Identifier: Apache-2.0
#include "fit/metric/second_stage_json.h"

#include "fit/estimate/value_json.h"

namespace isoflop {
namespace {

Json pair_of(const Interval& interval) {
  return Json(Json::Array{Json(interval.low), Json(interval.high)});
}

Json stage_intervals_json(const SecondStage& stage) {
  Json json = Json::object();
  const auto set = [&](const char* name, const std::optional<Interval>& interval) {
    if (interval) json.set(name, pair_of(*interval));
  };
  set("floor", stage.floor);
  set("ceiling", stage.ceiling);
  set("k", stage.k);
  set("loss_mid", stage.loss_mid);
  return json;
}

Json stage_holdout_json(const SecondStageHoldout& holdout) {
  return Json::object({{"n_points", holdout.n_points},
                       {"ratio", holdout.ratio},
                       {"rms_error", holdout.rms_error},
                       {"worst_error", holdout.worst_error},
                       {"residual_sd", holdout.residual_sd},
                       {"is_poor", holdout.is_poor}});
}

Json stage_target_json(const SecondStageTarget& target) {
  Json json =
      Json::object({{"compute", target.compute}, {"loss", target.loss}, {"metric", target.metric}});
  if (target.interval) json.set("low", target.interval->low).set("high", target.interval->high);
  return json.set("beyond", target.beyond);
}

Json stage_json(const SecondStage& stage) {
  Json json = Json::object({{"column", stage.column},
                            {"status", to_string(stage.status)},
                            {"n_points", stage.n_points},
                            {"n_units", stage.n_units}});
  if (!stage.not_fitted.empty()) return json.set("not_fitted", stage.not_fitted);
  json.set("slope_p", stage.slope_p);
  if (!stage.usable()) return json;
  json.set("floor", stage.curve.floor)
      .set("ceiling", stage.curve.ceiling)
      .set("k", stage.curve.k)
      .set("loss_mid", stage.curve.loss_mid)
      .set("residual_sd", stage.residual_sd)
      .set("intervals", stage_intervals_json(stage))
      .set("n_bootstrap", stage.n_bootstrap)
      .set("n_bootstrap_failed", stage.n_bootstrap_failed)
      .set("bounds", pair_of(stage.bounds))
      .set("ceiling_profile", pair_of(stage.ceiling_profile))
      .set("ceiling_identified", stage.ceiling_identified)
      .set("losses", pair_of(stage.losses));
  if (stage.holdout) json.set("holdout", stage_holdout_json(*stage.holdout));
  Json targets = Json::array();
  for (const SecondStageTarget& target : stage.at_targets) {
    targets.push_back(stage_target_json(target));
  }
  return json.set("at_targets", targets);
}

}  // namespace

Json second_stage_json(std::span<const SecondStage> stages) {
  Json json = Json::array();
  for (const SecondStage& stage : stages) json.push_back(stage_json(stage));
  return json;
}

}  // namespace isoflop
