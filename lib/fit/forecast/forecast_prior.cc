// SPDX-License-Identifier: Apache-2.0
#include "isoflop/forecast_prior.h"

#include "base/json.h"
#include "published_prior.h"

namespace isoflop {
namespace {

constexpr double kWidest = 10;

std::optional<Belief> read_belief(const JsonReader& json, std::string_view key, bool is_positive) {
  const std::optional<JsonReader> member = json.find(key);
  if (!member) return std::nullopt;
  const std::vector<JsonReader> pair = member->elements(2);
  return Belief{is_positive ? pair[0].positive() : pair[0].number(-kWidest, kWidest),
                pair[1].number(1e-3, kWidest)};
}

ForecastPrior read_prior(const JsonReader& json) {
  json.require_schema("isoflop.forecast_prior/1");
  json.allow_only({"schema", "id", "source", "size", "loss", "ageing"});
  ForecastPrior prior;
  prior.id = json.at("id").string();
  prior.source = json.at("source").string();
  if (const auto size = json.find("size")) {
    size->allow_only({"exponent", "scatter", "drift"});
    prior.exponent = read_belief(*size, "exponent", false);
    prior.size_scatter = read_belief(*size, "scatter", true);
    prior.size_drift = read_belief(*size, "drift", true);
  }
  if (const auto loss = json.find("loss")) {
    loss->allow_only({"rate", "scatter"});
    prior.loss_rate = read_belief(*loss, "rate", true);
    prior.loss_scatter = read_belief(*loss, "scatter", true);
  }
  prior.ageing = json.at("ageing").number(0, kWidest);
  return prior;
}

ForecastPrior read_published() {
  const std::string name = "fits/priors/published-sweeps.json";
  return read_prior(JsonReader(parse_json(kPublishedPrior, name), name));
}

}  // namespace

const ForecastPrior& published_prior() {
  static const ForecastPrior prior = read_published();
  return prior;
}

ForecastPrior no_prior() {
  return {.id = "none",
          .source = "",
          .size_drift = published_prior().size_drift,
          .ageing = published_prior().ageing};
}

ForecastPrior load_forecast_prior(const std::filesystem::path& file) {
  ForecastPrior prior = read_prior(read_json_file(file).reader());
  if (!prior.size_drift) prior.size_drift = published_prior().size_drift;
  return prior;
}

}  // namespace isoflop
