// SPDX-License-Identifier: Apache-2.0
#include "law/hyper_law_json.h"

#include "base/text.h"
#include "law/power_law_json.h"

namespace isoflop {
namespace {

HyperLaw read_hyper(const JsonReader& json) {
  json.allow_only({"batch_tokens", "peak_lr", "fitted_to"});
  return {.batch_tokens = read_power_law(json.at("batch_tokens")),
          .peak_lr = read_power_law(json.at("peak_lr")),
          .fitted_to = read_flops(json, "fitted_to")};
}

Json hyper_json(const HyperLaw& law) {
  Json json = Json::object({{"batch_tokens", power_law_json(law.batch_tokens)},
                            {"peak_lr", power_law_json(law.peak_lr)}});
  set_flops(json, "fitted_to", law.fitted_to);
  return json;
}

HyperLawNd::Form read_form(const JsonReader& json) {
  json.allow_only({"coefficient", "exponent_params", "exponent_tokens"});
  return {.coefficient = json.at("coefficient").positive(),
          .exponent_params = read_exponent(json.at("exponent_params")),
          .exponent_tokens = read_exponent(json.at("exponent_tokens"))};
}

Json form_json(const HyperLawNd::Form& form) {
  return Json::object({{"coefficient", form.coefficient},
                       {"exponent_params", form.exponent_params},
                       {"exponent_tokens", form.exponent_tokens}});
}

HyperLawNd read_hyper_nd(const JsonReader& json) {
  json.allow_only({"batch_tokens", "peak_lr"});
  return {.batch_tokens = read_form(json.at("batch_tokens")),
          .peak_lr = read_form(json.at("peak_lr"))};
}

RateAtBatchLaw read_rate_at_batch(const JsonReader& json) {
  json.allow_only({"coefficient", "exponent_params", "exponent_tokens", "exponent_batch"});
  return {.coefficient = json.at("coefficient").positive(),
          .exponent_params = read_exponent(json.at("exponent_params")),
          .exponent_tokens = read_exponent(json.at("exponent_tokens")),
          .exponent_batch = read_exponent(json.at("exponent_batch"))};
}

Json rate_at_batch_json(const RateAtBatchLaw& law) {
  return Json::object({{"coefficient", law.coefficient},
                       {"exponent_params", law.exponent_params},
                       {"exponent_tokens", law.exponent_tokens},
                       {"exponent_batch", law.exponent_batch}});
}

WeightDecayLaw read_weight_decay(const JsonReader& json) {
  json.allow_only({"timescale"});
  return {.timescale = read_power_law(json.at("timescale"))};
}

struct NamedRange {
  const char* name;
  std::optional<Interval> TunedOn::*range;
};
constexpr NamedRange kRanges[] = {{"params", &TunedOn::params},
                                  {"tokens", &TunedOn::tokens},
                                  {"batch_tokens", &TunedOn::batch_tokens},
                                  {"tokens_per_param", &TunedOn::tokens_per_param},
                                  {"weight_decay", &TunedOn::weight_decay}};

Interval read_range(const JsonReader& json) {
  const std::vector<JsonReader> ends = json.elements(2);
  const Interval range{ends[0].positive(), ends[1].positive()};
  if (range.low > range.high) {
    json.fail("must be [from, to] with from <= to, got [" + exact_text(range.low) + ", " +
              exact_text(range.high) + "]");
  }
  return range;
}

TunedOn read_tuned_on(const JsonReader& json) {
  json.allow_only({"params", "tokens", "batch_tokens", "tokens_per_param", "weight_decay"});
  TunedOn tuned_on;
  for (const NamedRange& named : kRanges) {
    if (const auto range = json.find(named.name)) tuned_on.*named.range = read_range(*range);
  }
  return tuned_on;
}

Json tuned_on_json(const TunedOn& tuned_on) {
  Json json = Json::object();
  for (const NamedRange& named : kRanges) {
    const std::optional<Interval>& range = tuned_on.*named.range;
    if (range) json.set(named.name, Json(Json::Array{Json(range->low), Json(range->high)}));
  }
  return json;
}

}  // namespace

void read_hyper_laws(const JsonReader& json, Law& law) {
  if (const auto part = json.find("hyper")) law.hyper = read_hyper(*part);
  if (const auto part = json.find("hyper_nd")) law.hyper_nd = read_hyper_nd(*part);
  if (const auto part = json.find("peak_lr_at_batch")) {
    law.peak_lr_at_batch = read_rate_at_batch(*part);
  }
  if (const auto part = json.find("weight_decay")) law.weight_decay = read_weight_decay(*part);
  if (const auto part = json.find("tuned_on")) law.tuned_on = read_tuned_on(*part);
}

void set_hyper_laws(Json& json, const Law& law) {
  if (law.hyper) json.set("hyper", hyper_json(*law.hyper));
  if (law.hyper_nd) {
    json.set("hyper_nd", Json::object({{"batch_tokens", form_json(law.hyper_nd->batch_tokens)},
                                       {"peak_lr", form_json(law.hyper_nd->peak_lr)}}));
  }
  if (law.peak_lr_at_batch) json.set("peak_lr_at_batch", rate_at_batch_json(*law.peak_lr_at_batch));
  if (law.weight_decay) {
    json.set("weight_decay",
             Json::object({{"timescale", power_law_json(law.weight_decay->timescale)}}));
  }
  if (!law.tuned_on.empty()) json.set("tuned_on", tuned_on_json(law.tuned_on));
}

}  // namespace isoflop
