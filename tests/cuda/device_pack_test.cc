// SPDX-License-Identifier: Apache-2.0
// Runs side by side on one emulated device: threads of one process, with a backend and a stream
// each.
#include <string>
#include <vector>

#include "base/text.h"
#include "block.h"
#include "emulated_device.h"
#include "isoflop/error.h"
#include "run/run_pack.h"
#include "support/catch.h"
#include "support/temp_dir.h"
#include "support/toy_dataset.h"
#include "train/device/device.h"
#include "train/memory_need.h"
#include "train/ranks/mesh.h"
#include "train/ranks/solo_communicator.h"

namespace isoflop {
namespace {

constexpr std::int64_t kGibibyte = std::int64_t{1} << 30;  // what an emulated device has

/// A run of a few steps, that is another one for every `number`.
RunSpec small_spec(std::int64_t number) {
  RunSpec spec = test::toy_spec();
  spec.shape.n_layers = 1 + number % 2;
  spec.batch_tokens = 4 * spec.shape.seq_len;
  spec.data_parallel = 1;
  spec.n_steps = 3 + number;
  spec.warmup_steps = 1;
  spec.precision = number == 1 ? Precision::fp32 : Precision::bf16;
  spec.seed = static_cast<std::uint64_t>(number);
  spec.validation_tokens = 2 * spec.shape.seq_len;
  return spec;
}

std::vector<PackedRun> pack_of(const test::TempDir& dir, const std::vector<RunSpec>& specs) {
  std::vector<PackedRun> runs;
  for (const RunSpec& spec : specs) {
    runs.push_back({.spec = spec, .folder = dir.path() / run_id(spec)});
  }
  return runs;
}

std::vector<PackedEnd> train_together(const std::vector<PackedRun>& runs) {
  RunOneOptions options;
  options.device = "cuda:0";
  return run_pack(runs, test::ToyDataset(), options);
}

/// What a run comes to, of which a pack must not change a bit.
struct Outcome {
  RunOutcome outcome = RunOutcome::crashed;
  double validation_loss = 0, train_loss = 0;
  std::int64_t steps_done = 0;
  std::string metrics;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome outcome_of(const PackedRun& run, const RunRecord& record) {
  return {record.outcome, record.validation ? record.validation->loss_nats : 0,
          record.train_loss_nats.value_or(0), record.steps_done,
          test::read_file(run.folder / "metrics.jsonl")};
}

Outcome alone(const RunSpec& spec) {
  emulation::reset();
  const test::TempDir dir;
  const std::vector<PackedRun> runs = pack_of(dir, {spec});
  RunOneOptions options;
  options.folder = runs[0].folder;
  options.device = "cuda:0";
  return outcome_of(runs[0], run_one(spec, test::ToyDataset(), options));
}

bool has_record(const PackedRun& run) {
  return std::filesystem::exists(run.folder / "record.json");
}

TEST_CASE("runs of a pack equal the same runs alone, bit for bit") {
  std::vector<RunSpec> specs;
  std::vector<Outcome> expected;
  for (std::int64_t i = 0; i < 3; ++i) {
    specs.push_back(small_spec(i));
    expected.push_back(alone(specs.back()));
    CHECK(expected.back().outcome == RunOutcome::completed);
    CHECK(split(expected.back().metrics, '\n').size() ==
          static_cast<std::size_t>(specs.back().n_steps + 1));
  }
  CHECK(expected[0].metrics != expected[2].metrics);
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    CAPTURE(seed);
    emulation::reset();
    emulation::set_seed(seed);
    const test::TempDir dir;
    const std::vector<PackedRun> runs = pack_of(dir, specs);
    const std::vector<PackedEnd> ends = train_together(runs);
    for (std::size_t i = 0; i < runs.size(); ++i) {
      CAPTURE(i, ends[i].error);
      REQUIRE(ends[i].record);
      CHECK(outcome_of(runs[i], *ends[i].record) == expected[i]);
      CHECK(load_run_record(runs[i].folder / "record.json").run_id == run_id(specs[i]));
    }
    CHECK(emulation::allocated_bytes() == 0);
  }
}

TEST_CASE("a run that diverges, one without room and one at fault leave a good one alone") {
  const RunSpec good = small_spec(2);
  const Outcome expected = alone(good);
  RunSpec diverging = small_spec(0), large = small_spec(0), wrong = small_spec(0);
  diverging.peak_lr = 1e30;
  diverging.n_steps = 8;
  large.shape.vocab_size = 1 << 20;
  wrong.dataset_hash = "another";
  emulation::reset();
  emulation::set_memory_size(kGibibyte / 8);
  const test::TempDir dir;
  const std::vector<PackedRun> runs = pack_of(dir, {good, diverging, large, wrong});
  const std::vector<PackedEnd> ends = train_together(runs);
  REQUIRE(ends[0].record);
  CHECK(outcome_of(runs[0], *ends[0].record) == expected);
  REQUIRE(ends[1].record);
  CHECK(ends[1].record->outcome == RunOutcome::diverged);
  CHECK(has_record(runs[1]));
  REQUIRE(ends[2].record);
  CHECK(ends[2].record->outcome == RunOutcome::out_of_memory);
  CHECK_THAT(ends[2].record->message, contains("out of memory"));
  CHECK_FALSE(has_record(runs[2]));
  CHECK_FALSE(ends[3].record);
  CHECK_THAT(ends[3].error, contains("/dataset_hash: must be that of data set"));
  CHECK(emulation::allocated_bytes() == 0);
}

TEST_CASE("a device that fails ends the whole pack, and nothing of it is taken for a result") {
  emulation::reset();
  const test::TempDir dir;
  std::vector<RunSpec> specs;
  for (std::int64_t i = 0; i < 4; ++i) {
    specs.push_back(small_spec(i));
    specs.back().n_steps = 1000;  // more than are done until then
  }
  std::vector<PackedRun> runs = pack_of(dir, specs);
  runs[1].on_step = [](const StepMetrics& step) {
    if (step.step != 2) return;
    (void)emulation::enqueue_kernel({1}, {1}, 0, nullptr, [] {
      throw emulation::KernelError("illegal memory access");  // the device is of no use from now on
    });
  };
  std::int64_t n_failed = 0;
  const std::vector<PackedEnd> ends = train_together(runs);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    CHECK_FALSE(has_record(runs[i]));
    if (ends[i].record) {
      CHECK(ends[i].record->outcome == RunOutcome::interrupted);
    } else {
      CHECK_THAT(ends[i].error, contains("cudaErrorLaunchFailure"));
      ++n_failed;
    }
  }
  CHECK(n_failed >= 1);
}

/// One run by itself.
RunRecord train_one(const RunSpec& spec) {
  const test::TempDir dir;
  const std::vector<PackedRun> runs = pack_of(dir, {spec});
  const std::vector<PackedEnd> ends = train_together(runs);
  INFO(ends[0].error);
  REQUIRE(ends[0].record);
  CHECK(has_record(runs[0]) == is_final(ends[0].record->outcome));
  return *ends[0].record;
}

TEST_CASE("a run that its device has no room for is refused with the micro-batch that has") {
  emulation::reset();
  RunSpec spec = small_spec(0), fitting = spec;
  spec.n_steps = fitting.n_steps = 2;
  spec.batch_tokens = fitting.batch_tokens = 64 * spec.shape.seq_len;
  spec.micro_batch_seqs = 64;
  fitting.micro_batch_seqs = 16;
  {
    RunSpec next = fitting;
    next.micro_batch_seqs = 32;
    SoloCommunicator world;
    const Mesh mesh(world, 1);
    const auto backend = make_backend("cuda:0", 0);
    const std::int64_t room =
        (memory_needed(fitting, mesh, *backend) + memory_needed(next, mesh, *backend)) / 2;
    emulation::set_memory_size(kGibibyte - (backend->available_memory() - room));
  }
  const RunRecord refused = train_one(spec);
  CHECK(refused.outcome == RunOutcome::out_of_memory);
  CHECK_THAT(refused.message, contains("out of memory before the first step: the run takes ") &&
                                  contains("/micro_batch_seqs 16 would fit, 64 does not"));
  CHECK(train_one(fitting).outcome == RunOutcome::completed);
}

TEST_CASE("a device that is full when it comes to it ends a run, not the process") {
  emulation::reset();
  for (const int allocation : {1, 2, 5, 9, 20}) {
    emulation::fail_allocation(allocation);
    const RunRecord record = train_one(small_spec(0));
    CHECK(record.outcome == RunOutcome::out_of_memory);
    CHECK_THAT(record.message, contains("out of memory; the run takes about "));
    CHECK(emulation::allocated_bytes() == 0);
  }
  CHECK(train_one(small_spec(0)).outcome == RunOutcome::completed);
}

}  // namespace
}  // namespace isoflop
