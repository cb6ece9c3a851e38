// SPDX-License-Identifier: Apache-2.0
#include "isoflop/forecast.h"

#include "base/atomic_file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "isoflop/error.h"
#include "plan/beyond_chance.h"
#include "record/run_spec_json.h"

namespace isoflop {
namespace {

constexpr char kForecastSchema[] = "isoflop.forecast/1";

Json content_json(const Forecast& forecast) {
  Json json = Json::object({{"schema", kForecastSchema},
                            {"law", forecast.law_id},
                            {"law_hash", forecast.law_hash},
                            {"run_id", forecast.run_id},
                            {"metric", to_string(forecast.metric)},
                            {"predicted", forecast.predicted.value},
                            {"low", forecast.predicted.low},
                            {"high", forecast.predicted.high},
                            {"extrapolation", forecast.extrapolation},
                            {"spec", run_spec_json(forecast.spec)}});
  json.set_if("unique_tokens", forecast.unique_tokens);
  if (!forecast.law_dataset.empty()) json.set("law_dataset", forecast.law_dataset);
  return json;
}

/// A spec without dataset_hash is of no run that was done: runs know what they were trained on.
bool is_same_but_for_hash(const Forecast& forecast, const RunRecord& record) {
  if (!forecast.spec.dataset_hash.empty() || record.spec.dataset_hash.empty()) return false;
  RunSpec spec = record.spec;
  spec.dataset_hash.clear();
  return run_id(spec) == forecast.run_id;
}

}  // namespace

Forecast make_forecast(const Law& law, const RunSpec& spec, std::optional<double> unique_tokens) {
  validate(spec);
  const std::optional<Prediction> predicted =
      predict(law, spec.shape, spec.tokens(), unique_tokens);
  if (!predicted) {
    throw Error(ErrorCode::invalid_argument, "law " + law.id + " predicts no loss");
  }
  if (const auto nonsense = beyond_chance(law, spec.shape, predicted->value)) {
    throw Error(ErrorCode::frame_mismatch, *nonsense);
  }
  Forecast forecast;
  forecast.law_id = law.id;
  forecast.law_dataset = law.frame.dataset;
  forecast.law_hash = hash_hex(to_json(law));
  forecast.run_id = run_id(spec);
  forecast.spec = spec;
  forecast.unique_tokens = unique_tokens;
  forecast.metric = law.frame.metric;
  forecast.predicted = *predicted;
  forecast.extrapolation = extrapolation(
      law, flops_per_token(spec.shape, with_real_matrices(law.frame.convention)) * spec.tokens());
  return forecast;
}

std::optional<std::string> mixed_data_warning(const Forecast& forecast) {
  const std::string& dataset = forecast.spec.dataset;
  if (forecast.law_dataset.empty() || forecast.law_dataset == dataset) return std::nullopt;
  return "law " + forecast.law_id + " is of data set " + forecast.law_dataset + ", the run of " +
         dataset + ": the error says as much about the data as about the law";
}

ForecastScore score(const Forecast& forecast, const RunRecord& record) {
  const bool by_name = is_same_but_for_hash(forecast, record);
  if (record.run_id != forecast.run_id && !by_name) {
    throw Error(ErrorCode::invalid_argument, "the forecast is of run " + forecast.run_id +
                                                 ", the record of run " + record.run_id);
  }
  if (!record.validation) {
    throw Error(ErrorCode::invalid_argument, "run " + record.run_id + " ended as " +
                                                 std::string(to_string(record.outcome)) +
                                                 ": there is no loss to score");
  }
  ForecastScore result{.by_name = by_name};
  result.measured = forecast.metric == Metric::bits_per_byte ? record.validation->bits_per_byte
                                                             : record.validation->loss_nats;
  result.error = forecast.predicted.value / result.measured - 1;
  result.inside =
      result.measured >= forecast.predicted.low && result.measured <= forecast.predicted.high;
  return result;
}

Forecast load_forecast(const std::filesystem::path& file) {
  const JsonFile json = read_json_file(file);
  const JsonReader reader = json.reader();
  reader.require_schema(kForecastSchema);
  reader.allow_only({"schema", "law", "law_hash", "law_dataset", "run_id", "metric", "predicted",
                     "low", "high", "extrapolation", "unique_tokens", "spec", "hash"});
  Forecast forecast;
  forecast.law_id = reader.at("law").string();
  forecast.law_hash = reader.at("law_hash").string();
  if (const auto dataset = reader.find("law_dataset")) forecast.law_dataset = dataset->string();
  forecast.run_id = reader.at("run_id").string();
  forecast.metric = reader.at("metric").one_of({"loss_nats", "bits_per_byte"}) == 0
                        ? Metric::loss_nats
                        : Metric::bits_per_byte;
  forecast.predicted = {reader.at("predicted").number(), reader.at("low").number(),
                        reader.at("high").number()};
  forecast.extrapolation = reader.at("extrapolation").positive();
  if (const auto unique = reader.find("unique_tokens")) forecast.unique_tokens = unique->positive();
  forecast.spec = read_run_spec(reader.at("spec"));
  if (reader.at("hash").string() != hash_hex(content_json(forecast).canonical())) {
    reader.at("hash").fail(
        "does not match the content: this forecast was changed after it was made");
  }
  return forecast;
}

void save_forecast(const Forecast& forecast, const std::filesystem::path& file) {
  Json json = content_json(forecast);
  json.set("hash", hash_hex(json.canonical()));
  if (create_file_atomically(file, json.pretty())) return;
  if (read_json_file(file).document.canonical() != json.canonical()) {
    throw Error(ErrorCode::invalid_argument,
                file.string() + ": holds another forecast; forecasts are not replaced");
  }
}

}  // namespace isoflop
