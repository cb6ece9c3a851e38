// SPDX-License-Identifier: Apache-2.0
#include "fit/json_parts.h"

namespace isoflop {
namespace {

Json allocation_json(const Fit& fit) {
  Json json = Json::object();
  if (fit.scale_opt.usable()) {
    json.set("scale", power_law_json(fit.scale_opt)).set("tokens", power_law_json(fit.tokens_opt));
    json.set("tau", fit.scale_opt.tau);
    if (fit.scale_opt_uncorrected) {
      json.set("scale_uncorrected", power_law_json(*fit.scale_opt_uncorrected));
    }
  }
  json.set("n_valleys", fit.scale_opt.n_points);
  return json;
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
  if (fit.parametric) {
    Json surface = surface_json(*fit.parametric);
    if (fit.surface_intervals) surface.set("calibrated", intervals_json(*fit.surface_intervals));
    json.set("parametric", surface);
  }
  if (fit.hyper) json.set("hyper", hyper_json(*fit.hyper));
  Json holdout = Json::array();
  for (const HoldoutScore& score : fit.holdout) holdout.push_back(holdout_json(score));
  json.set("holdout", holdout).set("warnings", Json::array_of(fit.warnings));
  return json.pretty();
}

}  // namespace isoflop
