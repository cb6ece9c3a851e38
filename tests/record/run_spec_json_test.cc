// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "isoflop/run_record.h"
#include "support/catch.h"
#include "support/temp_dir.h"
#include "support/tiny_spec.h"

namespace isoflop {
namespace {

constexpr char kMinimal[] =
    R"({"schema": "isoflop.run_spec/1", "dataset": "tiny", "batch_tokens": 256, "n_steps": 1000,
        "peak_lr": 4e-3, "shape": {"n_layers": 2, "d_model": 48, "n_heads": 2, "vocab_size": 256,
        "seq_len": 64}})";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::vector<RunSpec> various_specs() {
  std::vector<RunSpec> specs(4, test::tiny_spec());
  specs[1].schedule = {.kind = ScheduleKind::cosine, .final_lr_fraction = 0.05};
  specs[1].shape.n_kv_heads = 1;
  specs[1].shape.tied_embeddings = true;
  specs[2].schedule = {.kind = ScheduleKind::wsd,
                       .decay_fraction = 0.1,
                       .decay_shape = DecayShape::linear,
                       .final_lr_fraction = 0};
  specs[2].precision = Precision::bf16;
  specs[2].seed = (std::uint64_t{1} << 63) - 1;
  specs[3].schedule.kind = ScheduleKind::constant;
  specs[3].shape.ffn = FfnKind::gelu;
  specs[3].peak_lr = 0.1 + 0.2;  // 17 digits
  specs.push_back(test::tiny_spec());
  specs[4].parametrisation = Parametrisation::complete_p;
  specs[4].base_d_model = 64;
  specs[4].base_n_layers = 3;
  return specs;
}

TEST_CASE("a spec reads back equal, from canonical text and from a file") {
  const test::TempDir dir;
  for (const RunSpec& spec : various_specs()) {
    CHECK(run_spec_from_json(to_json(spec), "spec.json") == spec);
    save_run_spec(spec, dir.path() / "spec.json");
    CHECK(load_run_spec(dir.path() / "spec.json") == spec);
  }
}

TEST_CASE("run ids are pinned: they name folders that outlive a release") {
  const std::vector<RunSpec> specs = various_specs();
  CHECK(run_id(specs[0]) == "2bbf5b1bbcca722a");
  CHECK(run_id(specs[1]) == "1dfd93219933924a");
  CHECK(run_id(specs[2]) == "0c696795d1ef8385");
}

TEST_CASE("the standard parametrisation has no part in a spec's text, others have") {
  RunSpec spec = test::tiny_spec();
  CHECK(to_json(spec).find("parametrisation") == std::string::npos);
  CHECK(to_json(spec).find("base_") == std::string::npos);
  const std::string written = replaced(kMinimal, "4e-3", "1, \"parametrisation\": \"standard\"");
  CHECK(run_spec_from_json(written, "spec.json") ==
        run_spec_from_json(replaced(kMinimal, "4e-3", "1"), "spec.json"));
  const RunSpec scaled = run_spec_from_json(
      replaced(kMinimal, "4e-3",
               "1, \"parametrisation\": \"mup\", \"base_d_model\": 64, \"base_n_layers\": 2"),
      "spec.json");
  CHECK(scaled.parametrisation == Parametrisation::mup);
  CHECK(scaled.base_d_model == 64);
  CHECK(scaled.base_n_layers == 2);
}

TEST_CASE("specs share an id exactly if they train alike") {
  const RunSpec spec = test::tiny_spec();
  RunSpec other = spec;
  other.schedule.decay_fraction = 0.5;  // no part of multi_step
  CHECK(run_id(other) == run_id(spec));
  other = spec;
  other.weight_decay = 0.0;
  RunSpec negative_zero = spec;
  negative_zero.weight_decay = -0.0;
  CHECK(run_id(negative_zero) == run_id(other));
  for (const auto& change : std::vector<void (*)(RunSpec&)>{
           [](RunSpec& s) { s.seed = 1; }, [](RunSpec& s) { s.peak_lr *= 1 + 1e-15; },
           [](RunSpec& s) { s.schedule.milestones[0].lr_fraction = 0.3; },
           [](RunSpec& s) { s.dataset_hash = "other"; }, [](RunSpec& s) { s.shape.d_ff = 96; },
           [](RunSpec& s) { s.validation_tokens = 64; }, [](RunSpec& s) { s.n_steps = 501; },
           [](RunSpec& s) {
             s.parametrisation = Parametrisation::mup;
             s.base_d_model = s.base_n_layers = 32;
           }}) {
    other = spec;
    change(other);
    CHECK(run_id(other) != run_id(spec));
  }
}

TEST_CASE("a short spec gets the documented defaults") {
  const RunSpec spec = run_spec_from_json(kMinimal, "spec.json");
  CHECK(spec.shape.n_kv_heads == 2);
  CHECK(spec.shape.d_head == 24);
  CHECK(spec.shape.d_ff == 128);
  CHECK(spec.warmup_steps == 50);
  CHECK(spec.schedule == LrSchedule());
  CHECK(spec.weight_decay == 0.1);
  const std::string named = replaced(kMinimal, "4e-3", "4e-3, \"schedule\": \"wsd\"");
  CHECK(run_spec_from_json(named, "spec.json").schedule.kind == ScheduleKind::wsd);
}

TEST_CASE("a malformed spec is refused with file, path, value and what is allowed") {
  struct Case {
    std::string from, to, message;
  };
  const std::vector<Case> cases = {
      {"run_spec/1", "run_spec/2", "s.json: /schema: must be \"isoflop.run_spec/1\""},
      {"\"dataset\": \"tiny\",", "", "s.json: /dataset: is missing"},
      {"\"dataset\"", "\"datasett\"", "s.json: /datasett: unknown key; did you mean dataset?"},
      {"tiny", "../etc", "s.json: /dataset: must be 1 to 100 of A-Z a-z 0-9 . _ -, got \"../etc\""},
      {"\"tiny\"", "7", "s.json: /dataset: must be a string, got 7"},
      {"256,", "256.5,", "s.json: /batch_tokens: must be an integer, got 256.5"},
      {"256,", "100,", "s.json: /batch_tokens: must be a multiple of seq_len"},
      {"256,", "-256,", "s.json: /batch_tokens: must be from 1 to"},
      {"256,", "\"256\",", "s.json: /batch_tokens: must be a number, got \"256\""},
      {"256,", "1e300,", "s.json: /batch_tokens: must be an integer, got 1e+300"},
      {"1000", "0", "s.json: /n_steps: must be from 1 to"},
      {"1000", "null", "s.json: /n_steps: must be a number, got null"},
      {"4e-3", "0", "s.json: /peak_lr: must be > 0, got 0"},
      {"4e-3", "-1e-3", "s.json: /peak_lr: must be > 0, got -0.001"},
      {"4e-3", "1e999", "s.json: /peak_lr: line 2, column 24: number overflow"},
      {"4e-3", "NaN", "s.json: /peak_lr: line 2, column 20: syntax error"},
      {"4e-3", "1, \"seed\": -1", "s.json: /seed: must be an integer from 0 to"},
      {"4e-3", "1, \"seed\": 1, \"seed\": 2", "the key \"seed\" appears twice"},
      {"4e-3", "1, \"warmup_steps\": 1001", "s.json: /warmup_steps: must be from 0 to 1000"},
      {"4e-3", "1, \"weight_decay\": -0.1", "s.json: /weight_decay: must be from 0 to 100"},
      {"4e-3", "1, \"precision\": \"fp16\"", "/precision: must be one of fp32, bf16, got \"fp16\""},
      {"4e-3", "1, \"parametrisation\": \"sp\"",
       "/parametrisation: must be one of standard, mup, complete_p, got \"sp\""},
      {"4e-3", "1, \"parametrisation\": \"mup\"", "s.json: /base_d_model: must be from 1 to 2^20"},
      {"4e-3", "1, \"base_d_model\": 64", "s.json: /base_d_model: must be absent for the standard"},
      {"4e-3", "1, \"schedule\": \"cosin\"", "/schedule: must be one of multi_step, cosine"},
      {"4e-3", "1, \"schedule\": {\"kind\": \"cosine\", \"milestones\": []}",
       "s.json: /schedule/milestones: unknown key"},
      {"4e-3", "1, \"schedule\": {\"kind\": \"multi_step\", \"milestones\": [[0.9, 1], [0.8, 1]]}",
       "s.json: /schedule/milestones/1/0: must be > the one before, got 0.8"},
      {"4e-3", "1, \"schedule\": {\"kind\": \"multi_step\", \"milestones\": [[0.9]]}",
       "s.json: /schedule/milestones/0: must have 2 elements, got 1"},
      {"4e-3", "1, \"schedule\": {\"kind\": \"wsd\", \"decay_fraction\": 1.5}",
       "s.json: /schedule/decay_fraction: must be from 0 to 1, got 1.5"},
      {"\"n_layers\": 2, ", "", "s.json: /shape/n_layers: is missing"},
      {"\"n_layers\": 2", "\"n_layers\": 0", "s.json: /shape/n_layers: must be from 1 to 100000"},
      {"\"n_layers\": 2", "\"n_layers\": 2.5", "/shape/n_layers: must be an integer, got 2.5"},
      {"\"n_layers\"", "\"n_layer\"", "/shape/n_layer: unknown key; did you mean n_layers?"},
      {"48", "1e9", "s.json: /shape/d_model: must be an integer from 1 to 1048576, got 1e+09"},
      {"\"n_heads\": 2", "\"n_heads\": 5",
       "s.json: /shape/n_heads: must divide d_model = 48 where d_head is not given, got 5"},
      {"\"n_heads\": 2", "\"n_heads\": 2, \"n_kv_heads\": 3", "s.json: /shape/n_kv_heads: must be"},
      {"\"n_heads\": 2", "\"n_heads\": 2, \"d_head\": 7", "s.json: /shape/d_head: must be even"},
      {"\"vocab_size\": 256", "\"vocab_size\": 1", "s.json: /shape/vocab_size: must be from 2"},
      {"\"n_heads\": 2", "\"n_heads\": 2, \"tied_embeddings\": 1",
       "s.json: /shape/tied_embeddings: must be true or false, got 1"},
      {"\"n_heads\": 2", "\"n_heads\": 2, \"ffn\": \"relu\"",
       "s.json: /shape/ffn: must be one of swiglu, gelu, got \"relu\""},
      {"{\"n_layers\": 2", "[2], \"x\": {\"n_layers\": 2", "s.json: /x: unknown key"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.to);
    const std::string text = replaced(kMinimal, c.from, c.to);
    CHECK_THAT(ISOFLOP_ERROR_MESSAGE(run_spec_from_json(text, "s.json")),
               Catch::Matchers::Contains(c.message));
  }
}

}  // namespace
}  // namespace isoflop
