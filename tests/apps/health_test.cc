// SPDX-License-Identifier: Apache-2.0
// What a sweep saw of its runs' health is what its fit warns of, through the program.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "apps/run_cli.h"
#include "base/json.h"
#include "base/text.h"
#include "isoflop/point.h"
#include "isoflop/run_record.h"
#include "support/catch.h"

using namespace isoflop;
using namespace isoflop::test;

namespace {

using Words = std::vector<std::string>;

const char* const kExperiment = R"({
  "schema": "isoflop.experiment/1", "dataset": "text", "seq_len": 64, "budgets": [2e9, 4e9],
  "shapes": { "per_budget": 5, "half_width": 2, "centre": [8e4, 0] },
  "peak_lr": 0.01, "batch_tokens": 256, "validation_tokens": 2048})";

/// Documents of small letters in a rule that three in ten of them break; where `with_oddity`, one
/// has 200 characters of another kind in its middle, which one batch or two of a run will meet.
std::string make_text(bool with_oddity) {
  std::mt19937 random(1);
  std::string text;
  for (unsigned document = 0; document < 60; ++document) {
    if (document > 0) text += "\n<|endoftext|>\n";
    for (unsigned i = 0; i < 1000 + 17 * document; ++i) {
      const bool by_rule = random() % 10 < 7;
      text += static_cast<char>('a' + (by_rule ? 7 * i + document : random()) % 26);
    }
    if (!with_oddity || document != 50) continue;
    for (int i = 0; i < 200; ++i) text += static_cast<char>('0' + random() % 42);
  }
  return text;
}

void require_ok(const CliResult& result) {
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
}

void build_data(const TempDir& dir, bool with_oddity) {
  dir.write("text.txt", make_text(with_oddity));
  require_ok(run_cli(dir, {"data", "build", "--out", "data/text", "--document-separator",
                           "<|endoftext|>", "text.txt"}));
}

/// The experiment with these settings, in the folder `name`.
void sweep(const TempDir& dir, const std::string& name, const Words& settings) {
  dir.write("experiment.json", kExperiment);
  Words arguments = {"sweep", "experiment.json", "--out", name, "--data-root", "data"};
  for (const std::string& setting : settings) {
    arguments.insert(arguments.end(), {"--set", setting});
  }
  require_ok(run_cli(dir, arguments));
}

Words warnings_of_fit(const TempDir& dir, Words arguments) {
  arguments.insert(arguments.begin(), "fit");
  arguments.insert(arguments.end(), {"--json", "--bootstrap", "0"});
  const CliResult result = run_cli(dir, arguments);
  INFO(result.err);
  const Json json = parse_json(result.out, "stdout");
  Words words;
  for (const JsonReader& warning : JsonReader(json, "stdout").at("warnings").elements()) {
    words.push_back(warning.string());
  }
  return words;
}

bool any_has(const Words& warnings, const std::string& words) {
  return std::any_of(warnings.begin(), warnings.end(), [&](const std::string& warning) {
    return warning.find(words) != std::string::npos;
  });
}

const Words kOfHealth = {"loss spikes", "gradient clipped", "left the loss curve",
                         "The runs differ in"};

/// Of each run that has any, as its metrics.jsonl says.
std::vector<std::size_t> spikes_of_runs(const std::filesystem::path& runs) {
  std::vector<std::size_t> spikes;
  for (const auto& run : std::filesystem::directory_iterator(runs)) {
    const std::string metrics = read_file(run.path() / "metrics.jsonl");
    std::size_t n = 0;
    for (auto at = metrics.find("\"is_spike\":true"); at != std::string::npos;
         at = metrics.find("\"is_spike\":true", at + 1)) {
      ++n;
    }
    if (n > 0) spikes.push_back(n);
  }
  return spikes;
}

/// Changes one run's record, as if that run had been another.
void change_record(const TempDir& dir, const std::string& sweep, std::size_t i,
                   const std::function<void(RunRecord&)>& change) {
  const RunStore store(dir.path() / sweep / "runs");
  RunRecord record = store.all().at(i);
  change(record);
  save_run_record(record, store.run_folder(record.run_id) / "record.json");
}

}  // namespace

TEST_CASE("a fit warns of the spikes and clipped gradients that the sweep had") {
  const TempDir dir;
  build_data(dir, true);
  sweep(dir, "odd", {"/grad_clip=0.05", "/budgets=[4e9,8e9]"});
  const std::vector<std::size_t> spikes = spikes_of_runs(dir.path() / "odd/runs");
  REQUIRE(spikes.size() > 1);
  const std::string of_spikes = std::to_string(spikes.size()) + " runs had loss spikes, up to " +
                                std::to_string(*std::max_element(spikes.begin(), spikes.end()));
  for (const char* source : {"odd", "odd/points.csv"}) {
    const Words warnings = warnings_of_fit(dir, {source});
    CAPTURE(source, warnings);
    CHECK(any_has(warnings, of_spikes));
    CHECK(any_has(warnings,
                  "10 runs had the gradient clipped in more than half of the steps, up "
                  "to 100 %"));
    CHECK_FALSE(any_has(warnings, "left the loss curve"));
    CHECK_FALSE(any_has(warnings, "The runs differ in"));
  }
}

TEST_CASE("a fit of healthy runs warns of none, and of each that a record tells of another run") {
  const TempDir dir;
  build_data(dir, false);
  sweep(dir, "sound", {});
  CHECK(spikes_of_runs(dir.path() / "sound/runs").empty());
  const std::string points = read_file(dir.path() / "sound/points.csv");
  for (const Point& point : load_points_csv(dir.path() / "sound/points.csv").points) {
    CHECK(point.other.at("n_spikes") == "0");
    CHECK(parse_double(point.other.at("clip_fraction")).value() < 0.5);
    CHECK(point.other.at("collapse_outlier") == "0");
    CHECK(point.other.count("loss_se") == 1);
    for (const char* name : {"n_steps", "warmup_steps", "unique_tokens", "vocab_size", "precision",
                             "device", "code_version", "outcome"}) {
      CHECK(point.other.count(name) == 1);
    }
  }
  for (const char* source : {"sound", "sound/points.csv"}) {
    const Words warnings = warnings_of_fit(dir, {source});
    for (const std::string& words : kOfHealth) CHECK_FALSE(any_has(warnings, words));
  }
  // The file is rebuilt from the records: what was there before does not count.
  std::filesystem::remove(dir.path() / "sound/points.csv");
  require_ok(run_cli(dir, {"sweep", "sound", "--data-root", "data"}));
  CHECK(read_file(dir.path() / "sound/points.csv") == points);

  change_record(dir, "sound", 4, [](RunRecord& record) { record.device = "cuda (a GPU, sm_90)"; });
  change_record(dir, "sound", 5, [](RunRecord& record) { record.version = "0.0.1"; });
  change_record(dir, "sound", 6, [](RunRecord& record) {
    for (std::size_t part = 0; part < 10; ++part) record.loss_curve[part] *= 2;
  });
  require_ok(run_cli(dir, {"sweep", "sound", "--data-root", "data"}));
  sweep(dir, "bf16", {"/precision=bf16", "/budgets=[1e9]", "/shapes/per_budget=3"});
  for (const std::string suffix : {"", "/points.csv"}) {
    const Words warnings = warnings_of_fit(dir, {"sound" + suffix, "bf16" + suffix});
    CAPTURE(warnings);
    CHECK(any_has(warnings, "The runs differ in numeric precision (bf16, fp32)"));
    CHECK(any_has(warnings, "The runs differ in hardware (cpu ("));
    CHECK(any_has(warnings, ", cuda (a GPU, sm_90))"));
    CHECK(any_has(warnings, "The runs differ in code version (0.0.1"));
    CHECK(any_has(warnings, "1 run left the loss curve"));
    CHECK_FALSE(any_has(warnings, "loss spikes"));
  }
}
