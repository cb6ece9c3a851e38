// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "isoflop/proposal.h"
#include "law/evidence_json.h"
#include "record/run_spec_json.h"

namespace isoflop {
namespace {

Json law_values_json(const Proposal& proposal) {
  Json json = Json::object();
  json.set_if("batch_tokens", proposal.law_batch_tokens);
  json.set_if("peak_lr", proposal.law_peak_lr);
  json.set_if("flops_per_token", proposal.law_flops_per_token);
  json.set_if("forecast_flops_per_token", proposal.forecast_flops_per_token);
  return json.set_if("tokens", proposal.law_tokens);
}

Json flops_json(const ModelShape& shape) {
  Json json = Json::object();
  for (const FlopsConvention convention : kAllFlopsConventions) {
    json.set(std::string(to_string(convention)), flops_per_token(shape, convention).value());
  }
  return json;
}

void set_prediction(Json& json, const Proposal& proposal) {
  const auto& prediction = proposal.bits_per_byte ? proposal.bits_per_byte : proposal.loss_nats;
  if (!prediction) return;
  json.set("predicted",
           Json::object({{proposal.bits_per_byte ? "bits_per_byte" : "loss", prediction->value},
                         {"low", prediction->low},
                         {"high", prediction->high}}));
}

Json reliability_json(const Reliability& reliability) {
  Json json = Json::object({{"light", to_string(reliability.light)},
                            {"color", color_of(reliability.light)},
                            {"reason", reliability.reason}});
  if (const auto& holdout = reliability.holdout)
    json.set("holdout", holdout_evidence_json(*holdout));
  if (const auto& m = reliability.flops_per_token) json.set("flops_per_token", ends_json(*m));
  if (const auto& d = reliability.tokens) json.set("tokens", ends_json(*d));
  return json.set_if("worst_waste", reliability.worst_waste);
}

void set_cost(Json& json, const Proposal& proposal) {
  if (!proposal.gpu_hours) return;
  Json cost = Json::object({{"gpu_hours", *proposal.gpu_hours}});
  cost.set_if("wall_hours", proposal.wall_hours).set_if("price", proposal.price);
  cost.set("convention", to_string(FlopsConvention::exact));
  cost.set("compute", proposal.exact_compute->value());
  cost.set("gpus", proposal.n_gpus).set_if("mfu", proposal.mfu);
  cost.set("mfu_assumed", proposal.mfu_assumed);
  json.set("cost", cost);
}

/// The optimizer's values, where there are steps to take.
Json recipe_values_json(const RunSpec& spec) {
  Json json = Json::object({{"weight_decay", spec.weight_decay},
                            {"adam_beta1", spec.adam_beta1},
                            {"adam_beta2", spec.adam_beta2},
                            {"adam_epsilon", spec.adam_epsilon},
                            {"grad_clip", spec.grad_clip},
                            {"init_std", spec.init_std},
                            {"schedule", schedule_json(spec.schedule)}});
  set_parametrisation(json, spec);
  return json;
}

Json provenance_json(const Proposal& proposal) {
  Json json = Json::object();
  for (const Provenance& provenance : proposal.provenance) {
    json.set(provenance.part, provenance.from);
  }
  return json;
}

Json weight_decay_json(const WeightDecayAdvice& advice) {
  Json json = Json::object({{"weight_decay", advice.value}, {"timescale", advice.timescale}});
  if (advice.proposed_timescale > 0) json.set("proposed_timescale", advice.proposed_timescale);
  return json.set("tokens_per_param", advice.tokens_per_param).set("in_range", advice.in_range);
}

Json power_lines_json(const WeightDecayAdvice& advice) {
  return weight_decay_json(advice).set("source",
                                       "Power Lines, arXiv:2505.13738: 111M to 3.3B parameters");
}

Json params_json(const ModelShape& shape) {
  const ParamCounts counts = count_params(shape);
  return Json::object({{"non_embedding", counts.non_embedding()}, {"total", counts.total()}});
}

Json lifetime_json(const LifetimeSplit& split) {
  return Json::object({{"size", split.size},
                       {"tokens", split.tokens},
                       {"training_compute", split.training_compute},
                       {"inference_compute", split.inference_compute},
                       {"total_compute", split.total_compute()}});
}

Json inference_aware_json(const InferenceAware& aware, LossLaw::Scale scale) {
  Json json = Json::object({{"inference_tokens", aware.inference_tokens},
                            {"scale", to_string(scale)},
                            {"loss", aware.loss}});
  return json.set("best", lifetime_json(aware.best))
      .set("compute_optimal", lifetime_json(aware.compute_optimal));
}

}  // namespace

std::string to_json(const Proposal& proposal) {
  const RunSpec& spec = proposal.spec;
  Json json = Json::object({{"schema", "isoflop.proposal/1"},
                            {"law", proposal.law_id},
                            {"compute_budget", proposal.compute_budget.value()}});
  if (spec.batch_tokens > 0) {
    json.set("batch_tokens", spec.batch_tokens).set("batch_seqs", proposal.batch_seqs);
  }
  if (spec.peak_lr > 0) json.set("peak_lr", spec.peak_lr);
  json.set("law_values", law_values_json(proposal));
  json.set("shape", shape_json(spec.shape)).set("flops_per_token", flops_json(spec.shape));
  json.set("convention", to_string(proposal.convention)).set("params", params_json(spec.shape));
  json.set("tokens", proposal.tokens.value()).set("compute", proposal.compute.value());
  if (spec.n_steps > 0) {
    json.set("n_steps", spec.n_steps).set("warmup_steps", spec.warmup_steps);
    json.set("schedule", schedule_json(spec.schedule));
    json.set("recipe", recipe_values_json(spec));
  }
  json.set("from", provenance_json(proposal));
  if (proposal.power_lines) json.set("power_lines", power_lines_json(*proposal.power_lines));
  if (const auto& advice = proposal.law_weight_decay) {
    json.set("weight_decay_law", weight_decay_json(*advice).set("law", advice->law_id));
  }
  if (!proposal.dataset.empty()) json.set("dataset", proposal.dataset);
  json.set_if("epochs", proposal.epochs);
  json.set_if("effective_tokens", proposal.effective_tokens);
  set_prediction(json, proposal);
  if (proposal.reliability) json.set("reliability", reliability_json(*proposal.reliability));
  if (proposal.inference_aware) {
    json.set("inference_aware",
             inference_aware_json(*proposal.inference_aware, proposal.inference_scale));
  }
  set_cost(json, proposal);
  json.set("extrapolation", proposal.extrapolation);
  json.set("missing", Json::array_of(proposal.missing));
  json.set("warnings", Json::array_of(proposal.warnings));
  json.set("remarks", Json::array_of(proposal.remarks));
  return json.pretty();
}

}  // namespace isoflop
