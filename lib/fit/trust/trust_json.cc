// SPDX-License-Identifier: Apache-2.0
#include "fit/trust/trust_json.h"

namespace isoflop {
namespace {

Json pair_json(const Interval& interval) {
  return Json(Json::Array{Json(interval.low), Json(interval.high)});
}

Json errors_json(const PredictionErrors& errors) {
  return Json::object({{"scale_error", errors.scale},
                       {"tokens_error", errors.tokens},
                       {"loss_error", errors.loss}});
}

Json estimated_json(const Estimated& estimated) {
  Json json = Json::object({{"value", estimated.value}});
  if (estimated.interval) {
    json.set("low", estimated.interval->low).set("high", estimated.interval->high);
  }
  return json;
}

/// The one forecast of a quantity, and what every estimator says of it.
Json by_method_json(const Target& target, const Estimated& headline,
                    Estimated TargetEstimate::*quantity) {
  Json json = headline.value > 0 ? estimated_json(headline) : Json::object();
  for (const TargetEstimate& estimate : target.estimates) {
    if (!((estimate.*quantity).value > 0)) continue;
    json.set(estimate.method, estimated_json(estimate.*quantity));
  }
  return json;
}

void set_density(Json& json, std::span<const DensityPoint> density) {
  if (density.empty()) return;
  Json points = Json::array();
  for (const DensityPoint& point : density) {
    points.push_back(Json(Json::Array{Json(point.value), Json(point.density)}));
  }
  json.set("density", points);
}

Json miss_json(const MissCost& cost) {
  Json json = Json::object({{"size_ratio", cost.waste.size_ratio},
                            {"excess_loss", cost.waste.excess_loss},
                            {"wasted_share", cost.waste.wasted_share},
                            {"wasted_compute", cost.waste.wasted_compute}});
  return json.set_if("gpu_hours", cost.gpu_hours).set_if("price", cost.price);
}

Json seed_noise_json(const SeedNoise& noise) {
  return Json::object({{"s0", noise.s0},
                       {"s0_interval", pair_json(noise.s0_interval)},
                       {"s1", noise.s1},
                       {"mean", noise.mean},
                       {"n_cells", noise.n_cells},
                       {"dof", noise.dof}});
}

}  // namespace

Json holdout_json(const HoldoutScore& score) {
  Json json = Json::object({{"dropped", score.dropped},
                            {"compute", score.compute},
                            {"ratio", score.ratio},
                            {"method", score.method},
                            {"scale_error", score.scale_error},
                            {"tokens_error", score.tokens_error},
                            {"loss_error", score.loss_error},
                            {"judges_loss", score.judges_loss}});
  json.set_if("scale_ln_density", score.scale_density);
  return json.set_if("loss_ln_density", score.loss_density);
}

Json holdout_summary_json(std::span<const HoldoutSummary> summaries) {
  Json json = Json::object();
  for (const HoldoutSummary& summary : summaries) {
    json.set(summary.method,
             Json::object({{"n_scores", summary.n_scores},
                           {"largest_ratio", summary.largest_ratio},
                           {"worst", errors_json(summary.worst)},
                           {"median_per_decade", errors_json(summary.median_per_decade)},
                           {"is_poor", summary.is_poor()}}));
  }
  return json;
}

Json target_json(const Target& target) {
  Json scale = by_method_json(target, target.scale, &TargetEstimate::scale);
  Json loss = by_method_json(target, target.loss, &TargetEstimate::loss);
  set_density(scale, target.scale_density);
  set_density(loss, target.loss_density);
  Json json =
      Json::object({{"compute", target.compute},
                    {"ratio", target.ratio},
                    {"light", to_string(target.light)},
                    {"light_reasons", Json::array_of(target.light_reasons)},
                    {"scale", scale},
                    {"tokens", by_method_json(target, target.tokens, &TargetEstimate::tokens)},
                    {"loss", loss}});
  if (const auto& without = target.without_prior) {
    Json beside = Json::object(
        {{"scale", estimated_json(without->scale)}, {"tokens", estimated_json(without->tokens)}});
    if (without->loss.value > 0) beside.set("loss", estimated_json(without->loss));
    json.set("without_prior", beside);
  }
  json.set_if("disagreement", target.disagreement);
  if (target.overestimate) json.set("overestimate_penalty", miss_json(*target.overestimate));
  if (target.underestimate) json.set("underestimate_penalty", miss_json(*target.underestimate));
  if (target.flat.empty()) return json;
  Json flat = Json::array();
  for (const FlatRange& range : target.flat) {
    flat.push_back(
        Json::object({{"excess", range.excess}, {"low", range.low}, {"high", range.high}}));
  }
  return json.set("flat", flat);
}

Json forecast_json(const Fit& fit) {
  const ForecastPrior& prior = fit.options.prior;
  Json beliefs = Json::object({{"id", prior.id}, {"source", prior.source}});
  const auto set = [&](const char* key, const std::optional<Belief>& belief) {
    if (belief) beliefs.set(key, Json(Json::Array{Json(belief->centre), Json(belief->spread)}));
  };
  set("exponent", prior.exponent);
  set("size_scatter", prior.size_scatter);
  set("size_drift", prior.size_drift);
  set("loss_rate", prior.loss_rate);
  set("loss_scatter", prior.loss_scatter);
  beliefs.set("ageing", prior.ageing);
  Json json = Json::object(
      {{"prior", beliefs},
       {"surface_weight", Json::object({{"scale", fit.forecast_weights.scale_surface},
                                        {"loss", fit.forecast_weights.loss_surface}})}});
  if (fit.posterior_exponent) json.set("exponent", estimated_json(*fit.posterior_exponent));
  return json;
}

Json sample_size_json(const SampleSize& size) {
  Json json = Json::object({{"n_runs", size.n_runs},
                            {"n_independent", size.n_independent},
                            {"effective", size.effective},
                            {"run_noise", size.run_noise ? Json(*size.run_noise) : Json()}});
  if (!size.duplicates.empty()) json.set("duplicates", Json::array_of(size.duplicates));
  if (!size.repeated_runs.empty()) json.set("repeated_runs", Json::array_of(size.repeated_runs));
  if (size.seed_noise) json.set("seed_noise", seed_noise_json(*size.seed_noise));
  json.set_if("detectable_difference", size.detectable_difference);
  Json intervals = Json::array();
  for (const IntervalWorth& worth : size.intervals) {
    intervals.push_back(Json::object({{"of", worth.of},
                                      {"interval", pair_json(worth.interval)},
                                      {"noise_width", worth.noise_width},
                                      {"runs_needed", worth.runs_needed},
                                      {"runs_to_halve", worth.runs_to_halve}}));
  }
  return json.set("intervals", intervals);
}

Json odd_sizes_json(std::span<const OddSize> sizes) {
  Json json = Json::array();
  for (const OddSize& odd : sizes) {
    json.push_back(Json::object({{"scale", odd.scale},
                                 {"n_runs", odd.n_runs},
                                 {"median_residual", odd.median_residual},
                                 {"scatter", odd.scatter}}));
  }
  return json;
}

Json outliers_json(const Outliers& outliers) {
  Json runs = Json::array();
  for (const Outlier& run : outliers.runs) {
    Json json = Json::object({{"label", run.label},
                              {"scale", run.scale},
                              {"tokens", run.tokens},
                              {"metric", run.metric},
                              {"residual", run.residual}});
    if (outliers.scatter > 0) json.set("scatters", run.residual / outliers.scatter);
    runs.push_back(json);
  }
  return Json::object({{"runs", runs},
                       {"scatter", outliers.scatter},
                       {"limit", outliers.limit},
                       {"a", outliers.a}})
      .set_if("a_without", outliers.a_without);
}

}  // namespace isoflop
