// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <set>

#include "base/atomic_file.h"
#include "base/hash.h"
#include "base/json.h"
#include "isoflop/plan.h"
#include "isoflop/run_record.h"
#include "law/law_json.h"
#include "plan/experiment_json.h"
#include "plan/trunks.h"
#include "record/run_spec_json.h"

namespace isoflop {
namespace {

constexpr char kPlanSchema[] = "isoflop.plan/1";
constexpr std::int64_t kMaxCount = std::numeric_limits<std::int64_t>::max();

Json dataset_json(const DatasetSummary& dataset) {
  Json json = Json::object({{"name", dataset.name},
                            {"hash", dataset.hash},
                            {"tokenizer", dataset.tokenizer},
                            {"vocab_size", dataset.vocab_size}});
  if (std::isfinite(dataset.train_tokens)) json.set("train_tokens", dataset.train_tokens);
  json.set("validation_tokens", dataset.validation_tokens);
  return json;
}

DatasetSummary read_dataset(const JsonReader& reader) {
  reader.allow_only(
      {"name", "hash", "tokenizer", "vocab_size", "train_tokens", "validation_tokens"});
  DatasetSummary dataset;
  dataset.name = reader.at("name").string();
  dataset.hash = reader.at("hash").string();
  dataset.tokenizer = reader.at("tokenizer").string();
  dataset.vocab_size = reader.at("vocab_size").integer(2, kMaxCount);
  dataset.train_tokens = std::numeric_limits<double>::infinity();
  read_if(reader, "train_tokens", dataset.train_tokens,
          [](const JsonReader& member) { return member.positive(); });
  dataset.validation_tokens = reader.at("validation_tokens").integer(0, kMaxCount);
  return dataset;
}

std::string hash_of(const Law& law) { return hash_hex(law_json(law).canonical()); }

std::optional<Law> read_prior(const JsonReader& plan) {
  const std::optional<JsonReader> member = plan.find("prior_law");
  if (!member) return std::nullopt;
  Law law = read_law(*member);
  if (plan.at("prior_hash").string() != hash_of(law)) {
    plan.at("prior_hash")
        .fail("is not that of prior_law, which was changed after the plan was made");
  }
  return law;
}

Json trunk_json(const Trunk& trunk, const Plan& plan) {
  std::vector<std::string> ids;
  for (const std::size_t i : trunk.runs) ids.push_back(plan.runs[i].run_id);
  return Json::object({{"trunk_id", trunk.trunk_id}, {"run_ids", Json::array_of(ids)}});
}

Json run_json(const PlannedRun& run) {
  return Json::object({{"run_id", run.run_id},
                       {"kind", to_string(run.kind)},
                       {"budget", run.budget},
                       {"compute", run.compute},
                       {"cost", run.cost},
                       {"epochs", run.epochs},
                       {"first_step", run.first_step},
                       {"spec", run_spec_json(run.spec)}});
}

PlannedRun read_run(const JsonReader& reader) {
  reader.allow_only(
      {"run_id", "kind", "budget", "compute", "cost", "epochs", "first_step", "spec"});
  PlannedRun run;
  run.run_id = reader.at("run_id").string();
  run.kind = static_cast<CellKind>(reader.at("kind").one_of({"isoflop", "grid", "single"}));
  run.budget = reader.at("budget").positive();
  run.compute = reader.at("compute").positive();
  run.cost = reader.at("cost").positive();
  run.epochs = reader.at("epochs").number(0, std::numeric_limits<double>::max());
  run.spec = read_run_spec(reader.at("spec"));
  if (const std::string id = run_id(run.spec); id != run.run_id) {
    reader.at("run_id").fail("must be the hash of the spec, " + id + ", got \"" + run.run_id +
                             "\"");
  }
  return run;
}

std::vector<PlannedRun> read_runs(const JsonReader& reader) {
  std::vector<PlannedRun> runs;
  std::set<std::string> known;
  for (const JsonReader& element : reader.elements()) {
    runs.push_back(read_run(element));
    if (!known.insert(runs.back().run_id).second) {
      element.at("run_id").fail("appears twice: \"" + runs.back().run_id + "\"");
    }
  }
  return runs;
}

}  // namespace

std::string_view to_string(CellKind kind) {
  constexpr std::string_view kNames[] = {"isoflop", "grid", "single"};
  return kNames[static_cast<int>(kind)];
}

std::string to_json(const Plan& plan) {
  Json runs = Json::array();
  for (const PlannedRun& run : plan.runs) runs.push_back(run_json(run));
  Json json =
      Json::object({{"schema", kPlanSchema}, {"experiment", experiment_json(plan.experiment)}});
  json.set("dataset", dataset_json(plan.dataset));
  json.set("prior", plan.prior);
  if (plan.prior_law) {
    json.set("prior_hash", hash_of(*plan.prior_law)).set("prior_law", law_json(*plan.prior_law));
  }
  json.set("total_compute", plan.total_compute().value());
  json.set("trained_compute", plan.trained_compute().value());
  json.set("warnings", Json::array_of(plan.warnings));
  Json trunks = Json::array();
  for (const Trunk& trunk : shared_trunks(plan.runs)) trunks.push_back(trunk_json(trunk, plan));
  json.set("trunks", trunks);
  json.set("runs", runs);
  return json.pretty();
}

void save_plan(const Plan& plan, const std::filesystem::path& file) {
  write_file_atomically(file, to_json(plan));
}

Plan load_plan(const std::filesystem::path& file) {
  const JsonFile json = read_json_file(file);
  const JsonReader reader = json.reader();
  reader.require_schema(kPlanSchema);
  // What follows from the runs is there for other programs, and not read.
  reader.allow_only({"schema", "experiment", "dataset", "prior", "prior_hash", "prior_law",
                     "total_compute", "trained_compute", "warnings", "trunks", "runs"});
  Plan plan;
  plan.experiment = read_experiment(reader.at("experiment"));
  plan.dataset = read_dataset(reader.at("dataset"));
  plan.prior = reader.at("prior").string();
  plan.prior_law = read_prior(reader);
  for (const JsonReader& warning : reader.at("warnings").elements()) {
    plan.warnings.push_back(warning.string());
  }
  plan.runs = read_runs(reader.at("runs"));
  set_first_steps(plan.runs);
  return plan;
}

}  // namespace isoflop
