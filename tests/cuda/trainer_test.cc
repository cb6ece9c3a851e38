// SPDX-License-Identifier: Apache-2.0
// Whole runs on CUDA devices: pipelined steps, checkpoints, endings.
#include "train/trainer.h"

#include <atomic>
#include <string>
#include <vector>

#include "cuda_backend.h"
#include "emulated_device.h"
#include "support/catch.h"
#include "support/temp_dir.h"
#include "support/toy_dataset.h"
#include "train/memory_need.h"
#include "train/mesh.h"
#include "train/thread_communicator.h"

namespace isoflop {
namespace {

using test::toy_spec;

/// An emulated step takes a tenth of a second.
RunSpec short_spec() {
  RunSpec spec = toy_spec();
  spec.batch_tokens = 4 * 16;
  spec.data_parallel = 2;
  spec.n_steps = 7;
  spec.warmup_steps = 2;
  return spec;
}

struct Trace {
  TrainResult result;
  std::vector<StepMetrics> steps;
};

Trace trace(const RunSpec& spec, TrainOptions options = {}, int n_devices = 1) {
  Trace traced;
  const auto inner = options.on_step;
  options.device = "cuda";
  options.on_step = [&](const StepMetrics& metrics) {
    traced.steps.push_back(metrics);
    return !inner || inner(metrics);
  };
  traced.result = train_observed(
      spec, test::ToyDataset(spec.shape.vocab_size), options, [](std::int64_t, Tensor) {},
      [&](const std::string&, int rank) { return make_cuda_backend_on(rank % n_devices); });
  return traced;
}

TrainOptions stop_after(std::int64_t step, const std::filesystem::path& folder) {
  TrainOptions options;
  options.checkpoint_folder = folder;
  options.on_step = [step](const StepMetrics& metrics) { return metrics.step < step; };
  return options;
}

void check_same(const Trace& a, const Trace& b) {
  CHECK(a.result.outcome == b.result.outcome);
  CHECK(a.result.steps_done == b.result.steps_done);
  CHECK(a.result.train_loss_nats == b.result.train_loss_nats);
  CHECK(a.result.validation.loss_nats == b.result.validation.loss_nats);
  CHECK(a.result.validation.bits_per_byte == b.result.validation.bits_per_byte);
}

void check_same_steps(const std::vector<StepMetrics>& a, const std::vector<StepMetrics>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    CHECK(a[i].step == b[i].step);
    CHECK(a[i].loss_nats == b[i].loss_nats);
    CHECK(a[i].grad_norm == b[i].grad_norm);
    CHECK(a[i].weight_norm == b[i].weight_norm);
    CHECK(a[i].noise_scale_tokens == b[i].noise_scale_tokens);
  }
}

}  // namespace

TEST_CASE("a run on a device goes as on the CPU") {
  emulation::reset();
  const RunSpec spec = toy_spec();
  const Trace cuda = trace(spec);
  const TrainResult cpu = train(spec, test::ToyDataset());
  CHECK(cuda.result.outcome == RunOutcome::completed);
  CHECK(cuda.result.steps_done == spec.n_steps);
  CHECK(cuda.result.message.empty());
  CHECK(cuda.result.validation.loss_nats == Approx(cpu.validation.loss_nats).epsilon(1e-4));
  CHECK(cuda.result.train_loss_nats == Approx(cpu.train_loss_nats).epsilon(1e-4));
  CHECK(cuda.result.validation.bytes == cpu.validation.bytes);
  REQUIRE(cuda.steps.size() == static_cast<std::size_t>(spec.n_steps));
  for (std::size_t i = 0; i < cuda.steps.size(); ++i)
    CHECK(cuda.steps[i].step == static_cast<std::int64_t>(i) + 1);
}

TEST_CASE("from the third step on a step is one graph, and the host waits for one thing only") {
  emulation::reset();
  RunSpec spec = toy_spec();
  spec.n_steps = 12;
  std::vector<emulation::Counters> at;
  TrainOptions options;
  options.on_step = [&](const StepMetrics&) {
    at.push_back(emulation::counters());
    return true;
  };
  (void)trace(spec, options);
  for (std::size_t i = 4; i + 2 < at.size(); ++i) {
    INFO("step " << i);
    CHECK(at[i].graph_launches - at[i - 1].graph_launches == 1);
    CHECK(at[i].kernel_launches == at[i - 1].kernel_launches);
    CHECK(at[i].matrix_products == at[i - 1].matrix_products);
    CHECK(at[i].allocations == at[i - 1].allocations);
    // For its measures, for the room of the next step's number and of its tokens.
    CHECK(at[i].host_synchronisations - at[i - 1].host_synchronisations <= 3);
  }
}

TEST_CASE("a run on a device that is interrupted and resumed equals one that was not") {
  emulation::reset();
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    RunSpec spec = short_spec();
    spec.precision = precision;
    const Trace whole = trace(spec);
    for (const std::int64_t stop : {1, 5, 6}) {
      const test::TempDir dir;
      Trace first = trace(spec, stop_after(stop, dir.path()));
      CHECK(first.result.outcome == RunOutcome::interrupted);
      CHECK(first.result.steps_done >= stop);
      CHECK(first.result.steps_done <= stop + 1);  // what was on its way is finished
      CHECK(static_cast<std::int64_t>(first.steps.size()) == first.result.steps_done);
      TrainOptions rest;
      rest.checkpoint_folder = dir.path();
      const Trace second = trace(spec, rest);
      CHECK(second.result.first_step == first.result.steps_done);
      CHECK(second.result.message.empty());
      check_same(whole, second);
      first.steps.insert(first.steps.end(), second.steps.begin(), second.steps.end());
      check_same_steps(whole.steps, first.steps);
    }
  }
}

TEST_CASE("a run whose numbers are no longer finite ends in that step, on a device as well") {
  emulation::reset();
  RunSpec spec = toy_spec();
  spec.peak_lr = 1e30;
  spec.warmup_steps = 0;
  const Trace cuda = trace(spec);
  const TrainResult cpu = train(spec, test::ToyDataset());
  CHECK(cuda.result.outcome == RunOutcome::diverged);
  CHECK(cuda.result.steps_done == cpu.steps_done);
  CHECK_THAT(cuda.result.message, contains("diverged at step "));
}

TEST_CASE("data-parallel GPUs resume what one GPU began, to the bit") {
  emulation::reset();
  emulation::set_device_count(2);
  const RunSpec spec = short_spec();
  const Trace whole = trace(spec);
  const test::TempDir dir;
  (void)trace(spec, stop_after(4, dir.path()));
  TrainOptions rest;
  rest.n_threads = 2;
  rest.checkpoint_folder = dir.path();
  check_same(whole, trace(spec, rest, /*n_devices=*/2));
}

TEST_CASE("a run that the device has no room for is refused with what would fit") {
  emulation::reset();
  RunSpec spec = toy_spec();
  spec.shape.seq_len = 256;
  spec.batch_tokens = 16 * 256;
  spec.micro_batch_seqs = 16;
  spec.data_parallel = 1;
  spec.validation_tokens = 256;
  spec.n_steps = 2;
  spec.warmup_steps = 0;
  emulation::set_memory_size(std::int64_t{41} << 20);
  const Trace refused = trace(spec);
  CHECK(refused.result.outcome == RunOutcome::out_of_memory);
  CHECK_THAT(refused.result.message, contains("out of memory before the first step"));
  CHECK_THAT(refused.result.message, contains("/micro_batch_seqs "));
  const std::size_t at = refused.result.message.find("/micro_batch_seqs ");
  spec.micro_batch_seqs = std::stoll(refused.result.message.substr(at + 18));
  CHECK(spec.micro_batch_seqs < 16);
  CHECK(trace(spec).result.outcome == RunOutcome::completed);
}

/// What the ranks say they need, added up.
double memory_needed_by_all(const RunSpec& spec, int n_tensor, int n_data) {
  std::atomic<std::int64_t> total{0};
  run_ranks(n_tensor * n_data, [&](Communicator& host) {
    CudaBackend backend(host.rank());
    const std::unique_ptr<Communicator> connected = backend.connect(host);
    const Mesh mesh(connected ? *connected : host, n_tensor);
    total += memory_needed(spec, mesh, backend);
  });
  return static_cast<double>(total);
}

TEST_CASE("the memory estimate is within 10 % of what is allocated at the peak, on a device") {
  struct Case {
    Precision precision;
    std::int64_t d_model;
    int n_tensor, n_data;
  };
  for (const auto& [precision, d_model, n_tensor, n_data] :
       {Case{Precision::fp32, 32, 1, 1}, Case{Precision::bf16, 96, 1, 1},
        Case{Precision::bf16, 32, 1, 2}, Case{Precision::fp32, 32, 2, 1}}) {
    RunSpec spec = short_spec();
    spec.precision = precision;
    spec.shape = {.n_layers = 3,
                  .d_model = d_model,
                  .n_heads = 2,
                  .n_kv_heads = 2,
                  .d_head = d_model / 2,
                  .d_ff = 2 * d_model,
                  .vocab_size = 256,
                  .seq_len = 64};
    spec.batch_tokens = 64 * 4;
    spec.micro_batch_seqs = 2;
    spec.data_parallel = n_data;
    spec.n_steps = 3;
    spec.validation_tokens = 64;
    emulation::reset();
    emulation::set_device_count(n_tensor * n_data);
    const double estimate = memory_needed_by_all(spec, n_tensor, n_data);
    emulation::reset();
    emulation::set_device_count(n_tensor * n_data);
    TrainOptions options;
    options.tensor_parallel = n_tensor;
    options.n_threads = n_data;
    CHECK(trace(spec, options, n_tensor * n_data).result.outcome == RunOutcome::completed);
    const auto peak = static_cast<double>(emulation::peak_allocated_bytes());
    // The work space of cuBLASLt, which is the same for all, must hide nothing.
    const double fixed = n_tensor * n_data * double{32 << 20};
    INFO("d_model " << d_model << ", " << n_tensor << " x " << n_data);
    CHECK(estimate - fixed == Approx(peak - fixed).epsilon(0.1));
  }
}

}  // namespace isoflop
