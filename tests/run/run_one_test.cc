// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>

#include "base/build_info.h"
#include "base/text.h"
#include "isoflop/run.h"
#include "run/fake_train.h"
#include "support/catch.h"
#include "support/temp_dir.h"
#include "support/tiny_spec.h"

namespace isoflop {
namespace {

class NoData : public Dataset {
 public:
  NoData() { info_.hash = "fedcba9876543210"; }
  [[nodiscard]] const DatasetInfo& info() const override { return info_; }
  void train_sequence(std::uint64_t, std::int64_t, std::span<std::int32_t>) const override {}
  void validation_sequence(std::int64_t, std::span<std::int32_t>) const override {}
  [[nodiscard]] std::int64_t validation_sequences(std::int64_t) const override { return 0; }
  [[nodiscard]] std::span<const std::uint8_t> token_bytes() const override { return {}; }

 private:
  DatasetInfo info_;
};

struct Fixture {
  Fixture() {
    test::fake_training() = {.last_step = 500, .outcome = RunOutcome::completed};
    options.folder = dir.path() / "run";
  }
  test::TempDir dir;
  NoData data;
  RunOneOptions options;
  RunSpec spec = test::tiny_spec();
};

TEST_CASE("MFU is the model's FLOPs by the exact count over the peak it was given") {
  Fixture f;
  f.options.peak_flops_per_second = 1e11;
  const RunRecord record = run_one(f.spec, f.data, f.options);
  CHECK(*record.mfu ==
        Approx(64000.0 * static_cast<double>(exact_flops_per_token(f.spec.shape)) / 1e11));
  CHECK(*load_run_record(f.options.folder / "record.json").mfu == Approx(*record.mfu));
  f.options.peak_flops_per_second = 0;
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(run_one(f.spec, f.data, f.options)),
             contains("peak_flops_per_second: must be > 0, got 0"));
}

TEST_CASE("a completed run leaves spec, metrics and record, and no checkpoint") {
  Fixture f;
  std::filesystem::create_directories(f.options.folder / "checkpoint");
  const RunRecord record = run_one(f.spec, f.data, f.options);
  CHECK(record.outcome == RunOutcome::completed);
  CHECK(record.validation->loss_nats == 2.25);
  CHECK(record.wall_seconds == 3);
  CHECK(record.tokens_per_second == 500 * 256 / 2.0);
  CHECK(record.flops_per_second ==
        64000.0 * static_cast<double>(exact_flops_per_token(f.spec.shape)));
  CHECK_FALSE(record.mfu);  // nobody said what the peak is
  CHECK(record.version == build_info().version);
  CHECK(record.git_commit == build_info().git_commit);
  CHECK(load_run_spec(f.options.folder / "spec.json") == f.spec);
  CHECK(load_run_record(f.options.folder / "record.json").run_id == run_id(f.spec));
  CHECK_FALSE(std::filesystem::exists(f.options.folder / "checkpoint"));
  CHECK(split(test::read_file(f.options.folder / "metrics.jsonl"), '\n').size() == 501);

  CHECK(run_one(f.spec, f.data, f.options).run_id == record.run_id);
  CHECK(test::fake_training().calls == 1);
  f.spec.seed = 1;
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(run_one(f.spec, f.data, f.options)),
             Catch::Matchers::Contains("record.json: is of another run, "));
}

TEST_CASE("a run that is stopped leaves no record and goes on from its checkpoint") {
  Fixture f;
  std::int64_t steps = 0;
  f.options.on_step = [&](const StepMetrics&) { ++steps; };
  f.options.stop = [&] { return steps == 200; };
  CHECK(run_one(f.spec, f.data, f.options).outcome == RunOutcome::interrupted);
  CHECK_FALSE(std::filesystem::exists(f.options.folder / "record.json"));
  CHECK(run_one(f.spec, f.data, f.options).outcome == RunOutcome::completed);
  CHECK(steps == 500);
  CHECK(split(test::read_file(f.options.folder / "metrics.jsonl"), '\n').size() == 501);
}

TEST_CASE("a run keeps every other out of its folder, and of its trunk's") {
  Fixture f;
  f.options.trunk_folder = f.dir.path() / "trunk";
  RunOneOptions second = f.options, third = f.options;
  second.trunk_folder.clear();
  third.folder = f.dir.path() / "other";
  std::string told_second, told_third;
  f.options.on_step = [&](const StepMetrics& step) {
    if (step.step != 10) return;
    told_second = ISOFLOP_ERROR_MESSAGE(run_one(f.spec, f.data, second));
    told_third = ISOFLOP_ERROR_MESSAGE(run_one(f.spec, f.data, third));
  };
  CHECK(run_one(f.spec, f.data, f.options).outcome == RunOutcome::completed);
  CHECK_THAT(told_second, contains(f.options.folder.string() + ": process "));
  CHECK_THAT(told_third, contains("trunk: process ") && contains("is at work there"));
  CHECK(split(test::read_file(f.options.folder / "metrics.jsonl"), '\n').size() == 501);
}

TEST_CASE("a run does not take over the folder of another that has begun there") {
  Fixture f;
  f.options.stop = [] { return true; };
  REQUIRE(run_one(f.spec, f.data, f.options).outcome == RunOutcome::interrupted);
  const std::string metrics = test::read_file(f.options.folder / "metrics.jsonl");
  RunSpec other = f.spec;
  other.seed = 1;
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(run_one(other, f.data, f.options)),
             contains("spec.json: is of another run, " + run_id(f.spec)));
  CHECK(test::read_file(f.options.folder / "metrics.jsonl") == metrics);
  CHECK(load_run_spec(f.options.folder / "spec.json") == f.spec);
  f.options.stop = {};
  CHECK(run_one(f.spec, f.data, f.options).outcome == RunOutcome::completed);
}

TEST_CASE("a checkpoint left behind a record, by a kill between the two, goes next time") {
  Fixture f;
  REQUIRE(run_one(f.spec, f.data, f.options).outcome == RunOutcome::completed);
  std::filesystem::create_directories(f.options.folder / "checkpoint/step-000000100");
  REQUIRE(run_one(f.spec, f.data, f.options).outcome == RunOutcome::completed);
  CHECK_FALSE(std::filesystem::exists(f.options.folder / "checkpoint"));
  CHECK(test::fake_training().calls == 1);
}

void be_unhealthy(StepMetrics& step) {
  step.loss_nats = 3 + 1 / static_cast<double>(step.step);
  step.grad_norm = step.step <= 125 ? 1.5 : 1;  // only above grad_clip it is clipped
  step.is_spike = step.step % 100 == 99;
}

TEST_CASE(
    "a record counts spikes and clipped steps, and is the same byte for byte if interrupted") {
  Fixture f;
  test::fake_training().change = be_unhealthy;
  const RunRecord record = run_one(f.spec, f.data, f.options);
  CHECK(record.n_spikes == 5);
  CHECK(record.clip_fraction == 0.25);
  REQUIRE(record.loss_curve.size() == 20);
  CHECK(record.loss_curve.back() == Approx(3 + 1 / 488.0).margin(1e-6));
  CHECK(record.run_id == run_id(f.spec));
  const std::string expected = test::read_file(f.options.folder / "record.json");
  CHECK(load_run_record(f.options.folder / "record.json").loss_curve == record.loss_curve);

  f.options.folder = f.dir.path() / "interrupted";
  std::int64_t steps = 0;
  f.options.on_step = [&](const StepMetrics&) { ++steps; };
  f.options.stop = [&] { return steps == 99 || steps == 300; };
  CHECK(run_one(f.spec, f.data, f.options).outcome == RunOutcome::interrupted);
  CHECK(run_one(f.spec, f.data, f.options).outcome == RunOutcome::interrupted);
  // Killed behind its checkpoint, in the middle of a line.
  const std::filesystem::path metrics = f.options.folder / "metrics.jsonl";
  f.dir.write("interrupted/metrics.jsonl",
              test::read_file(metrics) + "{\"step\":301,\"tokens\":1,\"is_spike\":true}\n{\"st");
  CHECK(run_one(f.spec, f.data, f.options).outcome == RunOutcome::completed);
  CHECK(test::read_file(f.options.folder / "record.json") == expected);
}

TEST_CASE("a diverged run is recorded, one that ran out of memory is not") {
  Fixture f;
  test::fake_training().outcome = RunOutcome::out_of_memory;
  CHECK(run_one(f.spec, f.data, f.options).outcome == RunOutcome::out_of_memory);
  CHECK_FALSE(std::filesystem::exists(f.options.folder / "record.json"));
  test::fake_training().outcome = RunOutcome::diverged;
  CHECK(run_one(f.spec, f.data, f.options).outcome == RunOutcome::diverged);
  const RunRecord record = load_run_record(f.options.folder / "record.json");
  CHECK_FALSE(record.validation);
  CHECK_FALSE(record.train_loss_nats);
}

TEST_CASE("an empty data set hash is filled from the data") {
  Fixture f;
  f.spec.dataset_hash = "";
  const RunRecord record = run_one(f.spec, f.data, f.options);
  CHECK(record.spec.dataset_hash == "fedcba9876543210");
  CHECK(record.run_id == run_id(record.spec));
}

}  // namespace
}  // namespace isoflop
