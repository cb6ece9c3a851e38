// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "isoflop/proposal.h"
#include "record/run_spec_json.h"

namespace isoflop {
namespace {

Json law_values_json(const Proposal& proposal) {
  Json json = Json::object();
  json.set_if("batch_tokens", proposal.law_batch_tokens);
  json.set_if("peak_lr", proposal.law_peak_lr);
  json.set_if("flops_per_token", proposal.law_flops_per_token);
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

void set_cost(Json& json, const Proposal& proposal) {
  if (!proposal.gpu_hours) return;
  Json cost = Json::object({{"gpu_hours", *proposal.gpu_hours}});
  cost.set_if("wall_hours", proposal.wall_hours).set_if("price", proposal.price);
  json.set("cost", cost);
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
  json.set("tokens", proposal.tokens.value()).set("compute", proposal.compute.value());
  if (spec.n_steps > 0) {
    json.set("n_steps", spec.n_steps).set("warmup_steps", spec.warmup_steps);
    json.set("schedule", schedule_json(spec.schedule));
  }
  json.set_if("effective_tokens", proposal.effective_tokens);
  set_prediction(json, proposal);
  if (proposal.inference_aware) {
    json.set("inference_aware",
             inference_aware_json(*proposal.inference_aware, proposal.inference_scale));
  }
  set_cost(json, proposal);
  json.set("extrapolation", proposal.extrapolation);
  json.set("missing", Json::array_of(proposal.missing));
  json.set("warnings", Json::array_of(proposal.warnings));
  return json.pretty();
}

}  // namespace isoflop
