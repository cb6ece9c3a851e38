// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "isoflop/proposal.h"

namespace isoflop {
namespace {

Json schedule_json(const LrSchedule& schedule) {
  Json json = Json::object({{"kind", to_string(schedule.kind)}});
  if (schedule.kind == ScheduleKind::multi_step) {
    Json milestones = Json::array();
    for (const Milestone& milestone : schedule.milestones) {
      milestones.push_back(Json(Json::Array{milestone.token_fraction, milestone.lr_fraction}));
    }
    json.set("milestones", milestones);
  }
  return json;
}

Json shape_json(const ModelShape& shape) {
  return Json::object({{"n_layers", shape.n_layers},
                       {"d_model", shape.d_model},
                       {"n_heads", shape.n_heads},
                       {"n_kv_heads", shape.n_kv_heads},
                       {"d_head", shape.d_head},
                       {"d_ff", shape.d_ff},
                       {"vocab_size", shape.vocab_size},
                       {"seq_len", shape.seq_len}});
}

Json law_values_json(const Proposal& proposal) {
  return Json::object()
      .set_if("batch_tokens", proposal.law_batch_tokens)
      .set_if("peak_lr", proposal.law_peak_lr)
      .set_if("flops_per_token", proposal.law_flops_per_token)
      .set_if("tokens", proposal.law_tokens);
}

/// One object for both metrics: the law predicts one of them, and its interval is of that one.
Json predicted_json(const Proposal& proposal) {
  Json json = Json::object();
  const auto add = [&](const char* name, const std::optional<Prediction>& prediction) {
    if (!prediction) return;
    json.set(name, prediction->value).set("low", prediction->low).set("high", prediction->high);
  };
  add("loss", proposal.loss_nats);
  add("bits_per_byte", proposal.bits_per_byte);
  return json;
}

}  // namespace

std::string to_json(const Proposal& proposal) {
  const RunSpec& spec = proposal.spec;
  Json flops = Json::object();
  for (const FlopsConvention convention :
       {FlopsConvention::exact, FlopsConvention::deepseek_m, FlopsConvention::deepseek_m_actual}) {
    flops.set(std::string(to_string(convention)), flops_per_token(spec.shape, convention).value());
  }
  Json json = Json::object({{"schema", "isoflop.proposal/1"},
                            {"law", proposal.law_id},
                            {"compute_budget", proposal.compute_budget.value()},
                            {"compute", proposal.compute.value()},
                            {"batch_tokens", spec.batch_tokens},
                            {"batch_seqs", proposal.batch_seqs}});
  if (proposal.law_peak_lr) json.set("peak_lr", spec.peak_lr);
  json.set("law_values", law_values_json(proposal))
      .set("shape", shape_json(spec.shape))
      .set("flops_per_token", flops)
      .set("tokens", spec.tokens().value())
      .set("n_steps", spec.n_steps)
      .set("warmup_steps", spec.warmup_steps)
      .set("schedule", schedule_json(spec.schedule));
  if (proposal.loss_nats || proposal.bits_per_byte) json.set("predicted", predicted_json(proposal));
  if (proposal.gpu_hours) {
    json.set("cost",
             Json::object({{"gpu_hours", *proposal.gpu_hours}}).set_if("price", proposal.price));
  }
  json.set("extrapolation", proposal.extrapolation)
      .set("warnings", Json::array_of(proposal.warnings));
  return json.pretty();
}

}  // namespace isoflop
