// SPDX-License-Identifier: Apache-2.0
#include "apps/run_cli.h"
#include "base/json.h"
#include "base/text.h"
#include "support/catch.h"

using namespace isoflop;
using namespace isoflop::test;

namespace {

const char* const kExperiment = R"({
  "schema": "isoflop.experiment/1",
  "question": "What does sharing save?",
  "dataset": "santafe",
  "seq_len": 64,
  "budgets": [1e9, 2e9, 4e9],
  "shapes": { "per_budget": 3, "half_width": 2, "centre": [8e4, 0] },
  "peak_lr": 0.01,
  "batch_tokens": 256,
  "validation_tokens": 2048,
  "share_trunks": true
})";

}  // namespace

TEST_CASE("a plan with shared trunks says what they save, and the sweep is done with them") {
  const TempDir dir;
  dir.write("x.json", kExperiment);
  const CliResult plan = run_cli(dir, {"plan", "x.json"});
  INFO(plan.err);
  REQUIRE(plan.exit_code == 0);
  CHECK_THAT(plan.out, contains("3 runs leave at "));
  // Lengths in ratio 2: 0.657 of the compute.
  CHECK_THAT(plan.out, contains("9 runs, 2.1e+10 FLOPs, 1.37e+10 with shared trunks"));

  const CliResult sweep = run_cli(dir, {"sweep", "x.json", "--out", "s"});
  INFO(sweep.err);
  REQUIRE(sweep.exit_code == 0);
  CHECK_FALSE(std::filesystem::exists(dir.path() / "s/trunks"));
  for (const auto& run : std::filesystem::directory_iterator(dir.path() / "s/runs")) {
    const std::string file = (run.path() / "record.json").string();
    const Json record = parse_json(read_file(file), file);
    const std::int64_t n = JsonReader(record, file).at("steps_done").integer(1, 1 << 20);
    CHECK(split(read_file(run.path() / "metrics.jsonl"), '\n').size() ==
          static_cast<std::size_t>(n + 1));
  }
  const CliResult status = run_cli(dir, {"status", "s"});
  CHECK_THAT(status.out, contains("100.0 % of 1.37e+10 FLOPs"));
}

TEST_CASE("a cosine with shared trunks is refused where it is asked for") {
  const TempDir dir;
  std::string text = kExperiment;
  text.insert(text.rfind('}'), ", \"schedule\": \"cosine\"");
  dir.write("x.json", text);
  const CliResult result = run_cli(dir, {"plan", "x.json"});
  CHECK(result.exit_code == 2);
  CHECK_THAT(result.err, contains("x.json: /share_trunks: must be false with a cosine schedule"));
}
