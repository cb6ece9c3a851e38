// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "isoflop/plan.h"
#include "plan/planning.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

Plan grid_plan() {
  Experiment experiment = test::small_experiment();
  experiment.grid = GridDesign{.budgets = {1e12}, .peak_lr = {0.003}, .batch_tokens = {1024}};
  return make_plan(experiment, test::deepseek_law(), test::byte_dataset());
}

TEST_CASE("a plan reads back equal") {
  const test::TempDir dir;
  const Plan plan = grid_plan();
  save_plan(plan, dir.path() / "plan.json");
  const Plan back = load_plan(dir.path() / "plan.json");
  REQUIRE(back.runs.size() == plan.runs.size());
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    CHECK(back.runs[i].run_id == plan.runs[i].run_id);
    CHECK(back.runs[i].spec == plan.runs[i].spec);
    CHECK(back.runs[i].kind == plan.runs[i].kind);
    CHECK(back.runs[i].budget == plan.runs[i].budget);
    CHECK(back.runs[i].compute == plan.runs[i].compute);
    CHECK(back.runs[i].cost == plan.runs[i].cost);
    CHECK(back.runs[i].epochs == plan.runs[i].epochs);
  }
  CHECK(back.warnings == plan.warnings);
  CHECK(back.prior == "deepseek-llm-2024");
  CHECK(back.dataset.tokenizer == "bytes");
  CHECK(back.dataset.train_tokens == 4e7);
  save_plan(back, dir.path() / "again.json");
  CHECK(test::read_file(dir.path() / "again.json") == test::read_file(dir.path() / "plan.json"));
}

TEST_CASE("a source without end stays without end") {
  const test::TempDir dir;
  Plan plan = grid_plan();
  plan.dataset.train_tokens = std::numeric_limits<double>::infinity();
  save_plan(plan, dir.path() / "plan.json");
  CHECK(load_plan(dir.path() / "plan.json").dataset.train_tokens == plan.dataset.train_tokens);
}

TEST_CASE("a plan that was edited by hand is refused with its path") {
  const test::TempDir dir;
  save_plan(grid_plan(), dir.path() / "plan.json");
  const std::string good = test::read_file(dir.path() / "plan.json");
  const auto message = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    REQUIRE(text.find(from) != std::string::npos);
    text.replace(text.find(from), from.size(), to);
    return ISOFLOP_ERROR_MESSAGE(load_plan(dir.write("bad.json", text)));
  };
  using Catch::Matchers::Contains;
  CHECK_THAT(message("\"seed\": 0", "\"seed\": 1"),
             Contains("bad.json: /runs/0/run_id: must be the hash of the spec"));
  CHECK_THAT(message("\"kind\": \"isoflop\"", "\"kind\": \"isoflops\""),
             Contains("/runs/0/kind: must be one of isoflop, grid, single"));
  CHECK_THAT(message("\"d_model\": ", "\"d_model\": -"),
             Contains("/runs/0/spec/shape/d_model: must be"));
  CHECK_THAT(message("3.2e+11", "-1"), Contains("/experiment/budgets/0: must be > 0, got -1"));
  CHECK_THAT(message("\"tokenizer\"", "\"tokeniser\""),
             Contains("/dataset/tokeniser: unknown key; did you mean tokenizer?"));
  CHECK_THAT(message("plan/1", "plan/2"), Contains("/schema: must be \"isoflop.plan/1\""));
}

}  // namespace
}  // namespace isoflop
