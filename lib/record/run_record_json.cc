// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <string>

#include "base/json.h"
#include "isoflop/error.h"
#include "isoflop/run_record.h"
#include "record/run_spec_json.h"

namespace isoflop {
namespace {

constexpr char kRunRecordSchema[] = "isoflop.run_record/1";
constexpr double kHuge = std::numeric_limits<double>::max();
constexpr std::int64_t kMaxCount = std::numeric_limits<std::int64_t>::max();

Json evaluation_json(const Evaluation& evaluation) {
  return Json::object({{"loss_nats", evaluation.loss_nats},
                       {"bits_per_byte", evaluation.bits_per_byte},
                       {"standard_error", evaluation.standard_error},
                       {"tokens", evaluation.tokens},
                       {"bytes", evaluation.bytes}});
}

Evaluation read_evaluation(const JsonReader& reader) {
  reader.allow_only({"loss_nats", "bits_per_byte", "standard_error", "tokens", "bytes"});
  Evaluation evaluation;
  evaluation.loss_nats = reader.at("loss_nats").number(0, kHuge);
  evaluation.bits_per_byte = reader.at("bits_per_byte").number(0, kHuge);
  evaluation.standard_error = reader.at("standard_error").number(0, kHuge);
  evaluation.tokens = reader.at("tokens").integer(0, kMaxCount);
  evaluation.bytes = reader.at("bytes").integer(0, kMaxCount);
  return evaluation;
}

RunOutcome read_outcome(const JsonReader& reader) {
  return static_cast<RunOutcome>(
      reader.one_of({"completed", "diverged", "out_of_memory", "interrupted", "crashed"}));
}

double read_non_negative(const JsonReader& reader) { return reader.number(0, kHuge); }
std::string read_string(const JsonReader& reader) { return reader.string(); }

// A measurement that is not finite was not made; JSON could not hold it either.
void set_if_finite(Json& json, const char* key, const std::optional<double>& value) {
  if (value && std::isfinite(*value)) json.set(key, *value);
}

void read_health(const JsonReader& reader, RunRecord& record) {
  read_if(reader, "n_spikes", record.n_spikes,
          [&](const JsonReader& member) { return member.integer(0, record.steps_done); });
  read_if(reader, "clip_fraction", record.clip_fraction,
          [](const JsonReader& member) { return member.number(0, 1); });
  const auto curve = reader.find("loss_curve");
  if (!curve) return;
  for (const JsonReader& loss : curve->elements()) record.loss_curve.push_back(loss.positive());
  if (static_cast<std::int64_t>(record.loss_curve.size()) > kLossCurveParts) {
    curve->fail("must have at most " + std::to_string(kLossCurveParts) + " elements, got " +
                std::to_string(record.loss_curve.size()));
  }
}

void read_provenance(const JsonReader& reader, RunRecord& record) {
  read_if(reader, "wall_seconds", record.wall_seconds, read_non_negative);
  read_if(reader, "tokens_per_second", record.tokens_per_second, read_non_negative);
  read_if(reader, "flops_per_second", record.flops_per_second, read_non_negative);
  read_if(reader, "mfu", record.mfu, read_non_negative);
  read_if(reader, "device", record.device, read_string);
  read_if(reader, "version", record.version, read_string);
  read_if(reader, "git_commit", record.git_commit, read_string);
  read_if(reader, "peak_memory_bytes", record.peak_memory_bytes,
          [](const JsonReader& member) { return member.integer(0, kMaxCount); });
}

void check_identity(const JsonReader& reader, const RunRecord& record) {
  if (const std::string id = run_id(record.spec); record.run_id != id) {
    reader.at("run_id").fail("must be the hash of /spec, " + id + ", got \"" + record.run_id +
                             "\"");
  }
  if (record.outcome == RunOutcome::completed && !record.validation) {
    reader.fail("a completed run must have /validation");
  }
}

}  // namespace

void save_run_record(const RunRecord& record, const std::filesystem::path& file) {
  const bool measured = record.validation && std::isfinite(record.validation->loss_nats) &&
                        std::isfinite(record.validation->bits_per_byte);
  if (record.outcome == RunOutcome::completed && !measured) {
    throw Error(ErrorCode::invalid_argument,
                file.string() + ": a completed run must have a finite validation loss");
  }
  Json json = Json::object({{"schema", kRunRecordSchema}, {"run_id", record.run_id}});
  json.set("outcome", to_string(record.outcome));
  if (!record.message.empty()) json.set("message", record.message);
  if (measured) json.set("validation", evaluation_json(*record.validation));
  set_if_finite(json, "train_loss_nats", record.train_loss_nats);
  json.set("steps_done", record.steps_done);
  json.set_if("n_spikes", record.n_spikes);
  set_if_finite(json, "clip_fraction", record.clip_fraction);
  if (!record.loss_curve.empty()) json.set("loss_curve", Json::array_of(record.loss_curve));
  json.set("spec", run_spec_json(record.spec));
  set_if_finite(json, "wall_seconds", record.wall_seconds);
  set_if_finite(json, "tokens_per_second", record.tokens_per_second);
  set_if_finite(json, "flops_per_second", record.flops_per_second);
  set_if_finite(json, "mfu", record.mfu);
  json.set("device", record.device);
  json.set("version", record.version);
  json.set("git_commit", record.git_commit);
  json.set("peak_memory_bytes", record.peak_memory_bytes);
  write_json_file(json, file);
}

RunRecord load_run_record(const std::filesystem::path& file) {
  const JsonFile json = read_json_file(file);
  const JsonReader reader = json.reader();
  reader.require_schema(kRunRecordSchema);
  reader.allow_only({"schema", "run_id", "outcome", "message", "validation", "train_loss_nats",
                     "steps_done", "n_spikes", "clip_fraction", "loss_curve", "spec",
                     "wall_seconds", "tokens_per_second", "flops_per_second", "mfu", "device",
                     "version", "git_commit", "peak_memory_bytes"});
  RunRecord record;
  record.run_id = reader.at("run_id").string();
  record.outcome = read_outcome(reader.at("outcome"));
  read_if(reader, "message", record.message, read_string);
  read_if(reader, "validation", record.validation, read_evaluation);
  read_if(reader, "train_loss_nats", record.train_loss_nats, read_non_negative);
  record.spec = read_run_spec(reader.at("spec"));
  record.steps_done = reader.at("steps_done").integer(0, record.spec.n_steps);
  read_health(reader, record);
  read_provenance(reader, record);
  check_identity(reader, record);
  return record;
}

}  // namespace isoflop
