// SPDX-License-Identifier: Apache-2.0
#include "plan/experiment_json.h"

#include "support/catch.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

constexpr char kGood[] = R"({
  "schema": "isoflop.experiment/1",
  "question": "Where is the compute-optimal size between 1e11 and 1e12 FLOPs?",
  "dataset": "gcide", "seq_len": 128, "prior": "deepseek-llm-2024",
  "budgets": [1e11, 3.2e11, 1e12],
  "shapes": {"per_budget": 7, "half_width": 4, "ladder_step": 1.4, "centre": [0.17, 0.52]},
  "grid": {"budgets": [1e11], "peak_lr": [0.002, 0.004], "batch_tokens": [512, 1024]},
  "peak_lr": "prior", "batch_tokens": 1024, "schedule": "multi_step", "seeds": [0, 1],
  "validation_tokens": 65536, "weight_decay": 0.1, "init_std": 0.02, "precision": "fp32"
})";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

Experiment load(const std::string& text) {
  const test::TempDir dir;
  return load_experiment(dir.write("x.json", text));
}

TEST_CASE("an experiment file is read as written") {
  const Experiment experiment = load(kGood);
  CHECK(experiment.dataset == "gcide");
  CHECK(experiment.isoflop->budgets == std::vector<double>{1e11, 3.2e11, 1e12});
  CHECK(experiment.isoflop->per_budget == 7);
  CHECK(experiment.isoflop->centre->exponent == 0.52);
  CHECK(experiment.grid->batch_tokens == std::vector<std::int64_t>{512, 1024});
  CHECK_FALSE(experiment.grid->centre);
  CHECK_FALSE(experiment.peak_lr);
  CHECK(experiment.batch_tokens == 1024);
  CHECK(experiment.seeds == std::vector<std::uint64_t>{0, 1});
  CHECK(experiment.base.init_std == 0.02);
  CHECK(experiment.base.schedule == LrSchedule());
}

TEST_CASE("what an experiment leaves out has the defaults of the header") {
  const Experiment experiment =
      load(R"({"schema": "isoflop.experiment/1", "dataset": "a", "budgets": [1e12]})");
  const Experiment defaults;
  CHECK(experiment.seq_len == defaults.seq_len);
  CHECK(experiment.isoflop->per_budget == IsoFlopDesign().per_budget);
  CHECK(experiment.seeds == defaults.seeds);
  CHECK(experiment.validation_tokens == defaults.validation_tokens);
  CHECK(experiment.base == defaults.base);
}

TEST_CASE(
    "shapes are of the uniform family, but of a file that says ladder_step of the mixed one") {
  const auto family = [](const std::string& shapes) {
    return load(R"({"schema": "isoflop.experiment/1", "dataset": "a", "budgets": [1e12],
                    "shapes": {)" +
                shapes + "}}")
        .family;
  };
  CHECK(family("") == ShapeFamily::uniform);
  CHECK(family(R"("ladder_step": 1.4)") == ShapeFamily::mixed);
  CHECK(family(R"("family": "mixed")") == ShapeFamily::mixed);
  CHECK(family(R"("family": "uniform")") == ShapeFamily::uniform);
}

TEST_CASE("an experiment that is saved reads back the same") {
  const test::TempDir dir;
  std::vector<std::string> texts = {
      kGood, R"({"schema": "isoflop.experiment/1", "dataset": "a", "budgets": [1e12]})",
      R"({"schema": "isoflop.experiment/1", "dataset": "a", "budgets": [1e12],
          "parametrisation": "complete_p", "base_d_model": 64, "base_n_layers": 2})",
      R"({"schema": "isoflop.experiment/1", "dataset": "a", "shapes": {"ladder_step": 2},
          "grid": {"budgets": [1e9], "peak_lr": [1e-3], "batch_tokens": [128], "centre": [1, 0.5]},
          "peak_lr": 0.003, "warmup_steps": 40, "micro_batch_seqs": 1, "share_trunks": true, "tied_embeddings": true,
          "schedule": {"kind": "wsd", "decay_fraction": 0.1, "decay_shape": "linear"}})",
      R"({"schema": "isoflop.experiment/1", "dataset": "a", "budgets": [1e21],
          "shapes": {"tensor_parallel": 8, "gqa_ratio": 4, "d_head": 64, "multiple_of": 512,
                     "pad_vocab_to": 256}})"};
  for (const std::string& text : texts) {
    const Experiment experiment = load(text);
    save_experiment(experiment, dir.path() / "saved.json");
    const Experiment back = load_experiment(dir.path() / "saved.json");
    CHECK(experiment_json(back).canonical() == experiment_json(experiment).canonical());
    CHECK(back.base == experiment.base);
    CHECK(back.family == experiment.family);
    CHECK(back.ladder_step == experiment.ladder_step);
    CHECK(back.rules == experiment.rules);
    CHECK(back.warmup_steps == experiment.warmup_steps);
    CHECK(back.share_trunks == experiment.share_trunks);
  }
}

TEST_CASE("a malformed experiment is refused with file, path, value and what is allowed") {
  struct Case {
    std::string from, to, message;
  };
  const std::vector<Case> cases = {
      {"experiment/1", "experiment/9", "/schema: must be \"isoflop.experiment/1\""},
      {"\"schema\": \"isoflop.experiment/1\",", "", "/schema: is missing"},
      {"\"dataset\": \"gcide\",", "", "/dataset: is missing"},
      {"gcide", "../gcide", "/dataset: must be 1 to 100 of A-Z a-z 0-9 . _ -, got \"../gcide\""},
      {"gcide", "a b", "/dataset: must be 1 to 100 of"},
      {"\"seeds\"", "\"sedes\"", "/sedes: unknown key; did you mean seeds?"},
      {"per_budget", "per_budjet", "/shapes/per_budjet: unknown key; did you mean per_budget?"},
      {"3.2e11", "-1e18", "/budgets/1: must be > 0, got -1e+18"},
      {"3.2e11", "0", "/budgets/1: must be > 0, got 0"},
      {"3.2e11", "1e11", "/budgets/1: must be different from those before, got 1e+11"},
      {"3.2e11", "1e31", "/budgets/1: must be at most 1e+30, got 1e+31"},
      {"3.2e11", "null", "/budgets/1: must be a number, got null"},
      {"3.2e11", "\"3e11\"", "/budgets/1: must be a number, got \"3e11\""},
      {"3.2e11", "NaN", "syntax error"},
      {"[1e11, 3.2e11, 1e12]", "[]", "/budgets: must be a list of at least one, got none"},
      {"[1e11, 3.2e11, 1e12]", "1e12", "/budgets: must be an array, got 1e+12"},
      {"\"per_budget\": 7", "\"per_budget\": 2", "/shapes/per_budget: must be from 3 to 99, got 2"},
      {"\"per_budget\": 7", "\"per_budget\": 7.5",
       "/shapes/per_budget: must be an integer, got 7.5"},
      {"\"half_width\": 4", "\"half_width\": 4, \"tensor_parallel\": 0",
       "/shapes/tensor_parallel: must be from 1 to 4096, got 0"},
      {"\"half_width\": 4", "\"half_width\": 4, \"tensor_parallel\": 8, \"n_kv_heads\": 3",
       "/shapes/n_kv_heads: must be a multiple or a divisor of tensor_parallel = 8, got 3"},
      {"\"half_width\": 4", "\"half_width\": 1",
       "/shapes/half_width: must be from 1.1 to 100, got 1"},
      {"\"ladder_step\": 1.4", "\"ladder_step\": 1.1",
       "/shapes/ladder_step: must be from 1.2 to 10, got 1.1"},
      {"\"ladder_step\": 1.4", "\"family\": \"even\"",
       "/shapes/family: must be uniform or mixed, got \"even\""},
      {"\"ladder_step\": 1.4", "\"family\": \"uniform\", \"ladder_step\": 1.4",
       "/shapes/ladder_step: has a meaning for family mixed only"},
      {"[0.17, 0.52]", "[0.17]", "/shapes/centre: must have 2 elements, got 1"},
      {"[0.17, 0.52]", "[-0.17, 0.52]", "/shapes/centre/0: must be > 0, got -0.17"},
      {"[0.17, 0.52]", "[0.17, 52]", "/shapes/centre/1: must be from 0 to 2, got 52"},
      {"\"budgets\": [1e11, 3.2e11, 1e12],", "",
       "/shapes/per_budget: has no meaning without /budgets"},
      {"0.004", "0.002", "/grid/peak_lr/1: must be different from those before, got 0.002"},
      {"0.004", "0", "/grid/peak_lr/1: must be > 0, got 0"},
      {"[512, 1024]", "[512, 1000]",
       "/grid/batch_tokens/1: must be a multiple of seq_len = 128, got 1000"},
      {"[512, 1024]", "[512, 0]", "/grid/batch_tokens/1: must be from 1 to"},
      {"[512, 1024]", "[]", "/grid/batch_tokens: must be a list of at least one"},
      {"{\"budgets\": [1e11]", "{\"bugdets\": [1e11]",
       "/grid/bugdets: unknown key; did you mean budgets?"},
      {"{\"budgets\": [1e11],", "{", "/grid/budgets: is missing"},
      {"\"peak_lr\": \"prior\"", "\"peak_lr\": \"auto\"",
       "/peak_lr: must be a number or \"prior\", got \"auto\""},
      {"\"peak_lr\": \"prior\"", "\"peak_lr\": -0.1", "/peak_lr: must be > 0, got -0.1"},
      {"\"batch_tokens\": 1024,", "\"batch_tokens\": 1000,",
       "/batch_tokens: must be a multiple of seq_len = 128, got 1000"},
      {"\"batch_tokens\": 1024,", "\"batch_tokens\": 1024, \"micro_batch_seqs\": 3,",
       "/batch_tokens: must be a multiple of seq_len * micro_batch_seqs * data_parallel = 384"},
      {"[0, 1]", "[0, -1]", "/seeds/1: must be an integer from 0 to"},
      {"[0, 1]", "[1, 1]", "/seeds/1: must be different from those before, got 1"},
      {"[0, 1]", "[]", "/seeds: must be a list of at least one"},
      {"65536", "100", "/validation_tokens: must be from 128 to"},
      {"\"weight_decay\": 0.1", "\"weight_decay\": -1",
       "/weight_decay: must be from 0 to 100, got -1"},
      {"\"init_std\": 0.02", "\"parametrisation\": \"mup\"",
       "/base_d_model: must be from 1 to 2^20"},
      {"\"init_std\": 0.02", "\"init_std\": 20", "/init_std: must be from 0 to 10, got 20"},
      {"\"fp32\"", "\"float32\"", "/precision: must be one of fp32, bf16, got \"float32\""},
      {"\"multi_step\"", "\"multistep\"", "did you mean multi_step?"},
      {"\"multi_step\"", "\"cosine\", \"share_trunks\": true",
       "/share_trunks: must be false with a cosine schedule"},
      {"\"seeds\": [0, 1]", "\"share_trunks\": 1", "/share_trunks: must be true or false, got 1"},
      {"\"seq_len\": 128", "\"seq_len\": 0", "/seq_len: must be from 1 to 1048576, got 0"},
      {"\"seq_len\": 128", "\"seq_len\": 1e20", "/seq_len: must be an integer, got 1e+20"},
      {"\"seeds\": [0, 1]", "\"warmup_steps\": -5", "/warmup_steps: must be from 0 to"},
      {"\n}", "", "unexpected end of input"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.to);
    const std::string message = ISOFLOP_ERROR_MESSAGE(load(replaced(kGood, c.from, c.to)));
    CHECK_THAT(message, Catch::Matchers::Contains(c.message));
    CHECK_THAT(message, Catch::Matchers::Contains("x.json: "));
  }
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(load(R"({"schema": "isoflop.experiment/1", "dataset": "a"})")),
             Catch::Matchers::Contains("x.json: /budgets: is missing, and there is no /grid"));
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(load_experiment("/nowhere/x.json")),
             Catch::Matchers::Contains("/nowhere/x.json: cannot be read"));
}

}  // namespace
}  // namespace isoflop
