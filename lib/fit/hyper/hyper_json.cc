// SPDX-License-Identifier: Apache-2.0
#include "fit/hyper/hyper_json.h"

#include "fit/estimate/value_json.h"

namespace isoflop {
namespace {

constexpr Interval kNone = {};

void set_interval(Json& json, const char* name, const Interval& interval) {
  if (interval.low == kNone.low && interval.high == kNone.high) return;
  json.set(name, interval_json(interval));
}

Json surface_json(const LocalOptimum& surface) {
  Json json = Json::object({{"status", to_string(surface.status)}, {"n_fitted", surface.n_fitted}});
  if (!(surface.batch_tokens > 0)) return json;
  return json.set("batch_tokens", surface.batch_tokens)
      .set("peak_lr", surface.peak_lr)
      .set("metric", surface.metric)
      .set("ln_batch_se", surface.ln_batch_se)
      .set("ln_peak_lr_se", surface.ln_peak_lr_se)
      .set("batch_curvature", surface.batch_curvature)
      .set("peak_lr_curvature", surface.peak_lr_curvature)
      .set("cross_curvature", surface.cross_curvature)
      .set("batch_at_edge", surface.batch_at_edge)
      .set("peak_lr_at_edge", surface.peak_lr_at_edge);
}

void set_holdout(Json& json, const std::optional<CellHoldout>& holdout) {
  if (!holdout) return;
  json.set("holdout", Json::object({{"compute", holdout->compute},
                                    {"ratio", holdout->ratio},
                                    {"ln_error", holdout->ln_error}}));
}

Json form_json(const HyperFormFit& fit, bool with_params) {
  Json json = Json::object({{"coefficient", fit.form.coefficient}});
  if (with_params) json.set("exponent_params", fit.form.exponent_params);
  json.set("exponent_tokens", fit.form.exponent_tokens).set("residual_sd", fit.residual_sd);
  Json intervals = Json::object({});
  set_interval(intervals, "coefficient", fit.coefficient);
  if (with_params) set_interval(intervals, "exponent_params", fit.exponent_params);
  set_interval(intervals, "exponent_tokens", fit.exponent_tokens);
  json.set("intervals", intervals);
  set_holdout(json, fit.holdout);
  return json;
}

Json rate_at_batch_json(const RateAtBatchFit& fit) {
  Json json = Json::object({{"coefficient", fit.law.coefficient}});
  Json intervals = Json::object({});
  set_interval(intervals, "coefficient", fit.coefficient);
  if (fit.has_params) {
    json.set("exponent_params", fit.law.exponent_params);
    set_interval(intervals, "exponent_params", fit.exponent_params);
  }
  if (fit.has_tokens) {
    json.set("exponent_tokens", fit.law.exponent_tokens);
    set_interval(intervals, "exponent_tokens", fit.exponent_tokens);
  }
  json.set("exponent_batch", fit.law.exponent_batch);
  set_interval(intervals, "exponent_batch", fit.exponent_batch);
  json.set("residual_sd", fit.residual_sd)
      .set("intervals", intervals)
      .set("n_cells", fit.n_cells)
      .set("n_values", fit.n_values);
  set_holdout(json, fit.holdout);
  return json;
}

Json decay_slice_json(const DecaySlice& slice) {
  Json json = Json::object({{"budget", slice.budget},
                            {"params", slice.params},
                            {"tokens", slice.tokens},
                            {"batch_tokens", slice.batch_tokens},
                            {"peak_lr", slice.peak_lr},
                            {"status", to_string(slice.status)},
                            {"best_weight_decay", slice.best_weight_decay},
                            {"n_runs", slice.n_runs},
                            {"n_fitted", slice.n_fitted}});
  if (!slice.usable()) return json;
  return json.set("timescale", slice.timescale)
      .set("ln_timescale_se", slice.ln_timescale_se)
      .set("weight_decay", slice.weight_decay);
}

Json estimate_json(const HyperEstimate& estimate) {
  Json json = Json::object({{"n_cells", estimate.n_cells}, {"n_values", estimate.n_values}});
  if (estimate.band > 0) json.set("band", estimate.band);
  if (estimate.batch_tokens.usable()) {
    json.set("batch_tokens", power_law_json(estimate.batch_tokens));
  }
  if (estimate.peak_lr.usable()) json.set("peak_lr", power_law_json(estimate.peak_lr));
  if (estimate.peak_lr_nd) json.set("peak_lr_nd", form_json(*estimate.peak_lr_nd, true));
  if (estimate.batch_tokens_d) {
    json.set("batch_tokens_d", form_json(*estimate.batch_tokens_d, false));
  }
  if (estimate.batch_tokens_nd) {
    json.set("batch_tokens_nd", form_json(*estimate.batch_tokens_nd, true));
  }
  return json;
}

Json excess_json(const ExcessLoss& excess) {
  Json json = Json::object({{"law", excess.law},
                            {"form", excess.form},
                            {"own", excess.own},
                            {"mean", excess.mean},
                            {"median", excess.median},
                            {"max", excess.max},
                            {"n_cells", excess.n_cells},
                            {"n_by_surface", excess.n_by_surface},
                            {"n_outside_grid", excess.n_outside_grid}});
  Json cells = Json::array();
  for (const ExcessLoss::Cell& cell : excess.cells) {
    cells.push_back(Json::object({{"budget", cell.budget},
                                  {"params", cell.params},
                                  {"tokens", cell.tokens},
                                  {"batch_tokens", cell.batch_tokens},
                                  {"peak_lr", cell.peak_lr},
                                  {"excess", cell.excess},
                                  {"source", cell.by_surface ? "surface" : "nearest_run"},
                                  {"outside_grid", cell.outside_grid}}));
  }
  return json.set("cells", cells);
}

Json cell_json(const HyperCell& cell) {
  Json json = Json::object({{"budget", cell.budget},
                            {"compute", cell.compute},
                            {"params", cell.params},
                            {"tokens", cell.tokens},
                            {"best", cell.best_metric},
                            {"batch_tokens", cell.batch_tokens},
                            {"peak_lr", cell.peak_lr},
                            {"n_runs", cell.n_runs},
                            {"n_near_optimal", cell.n_near_optimal},
                            {"batch_at_edge", cell.batch_at_edge},
                            {"peak_lr_at_edge", cell.peak_lr_at_edge},
                            {"best_batch_tokens", cell.best_batch_tokens},
                            {"best_peak_lr", cell.best_peak_lr},
                            {"n_diverged", cell.n_diverged},
                            {"surface", surface_json(cell.surface)}});
  return json.set_if("critical_batch_tokens", cell.critical_batch_tokens);
}

}  // namespace

Json given_settings_json(const GivenSettings& given) {
  Json json = Json::object({{"n_runs", given.n_runs}});
  if (given.batch_tokens_nd) json.set("batch_tokens_nd", form_json(*given.batch_tokens_nd, true));
  if (given.peak_lr_nd) json.set("peak_lr_nd", form_json(*given.peak_lr_nd, true));
  return json;
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
  if (fit.batch_tokens_nd) json.set("batch_tokens_nd", form_json(*fit.batch_tokens_nd, true));
  if (fit.peak_lr_at_batch) {
    json.set("peak_lr_at_batch", rate_at_batch_json(*fit.peak_lr_at_batch));
  }
  json.set_if("noise", fit.noise);
  json.set("n_cells", fit.n_cells).set("n_near_optimal", fit.n_near_optimal);
  Json cells = Json::array();
  for (const HyperCell& cell : fit.cells) cells.push_back(cell_json(cell));
  json.set("cells", cells);
  Json estimators = Json::object({});
  for (const HyperEstimate& estimate : fit.estimates) {
    estimators.set(std::string(to_string(estimate.estimator)), estimate_json(estimate));
  }
  Json bands = Json::array();
  for (const HyperEstimate& estimate : fit.band_sensitivity) {
    bands.push_back(estimate_json(estimate));
  }
  Json excess = Json::array();
  for (const ExcessLoss& law : fit.excess_loss) excess.push_back(excess_json(law));
  return json.set("estimators", estimators)
      .set("band_sensitivity", bands)
      .set("excess_loss", excess);
}

Json weight_decay_json(const WeightDecayFit& fit) {
  Json json = Json::object({{"n_cells", fit.n_cells}});
  if (fit.timescale.law.coefficient > 0) json.set("timescale", power_law_json(fit.timescale));
  set_holdout(json, fit.holdout);
  Json slices = Json::array();
  for (const DecaySlice& slice : fit.slices) slices.push_back(decay_slice_json(slice));
  return json.set("slices", slices);
}

Json mistuning_json(const Mistuning& mistuning) {
  Json json = Json::object({{"budget", mistuning.budget}, {"source", to_string(mistuning.source)}});
  if (mistuning.source == Mistuning::Source::none) return json;
  json.set("bound_ln_scale", mistuning.bound_ln_scale)
      .set("shift_ln_scale", mistuning.shift_ln_scale);
  if (mistuning.source == Mistuning::Source::probes) {
    json.set("n_probed_sizes", mistuning.n_probed_sizes);
  }
  return json;
}

}  // namespace isoflop
