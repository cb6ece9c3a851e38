// SPDX-License-Identifier: Apache-2.0
// Whole runs: what the host does meanwhile, several devices, and their memory.
#include <atomic>
#include <string>
#include <vector>

#include "cuda/trainer_run.h"
#include "emulated_device.h"
#include "support/temp_dir.h"
#include "train/memory_need.h"
#include "train/ranks/mesh.h"
#include "train/ranks/thread_communicator.h"

namespace isoflop {
namespace {

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

}  // namespace

TEST_CASE("from the third step on a step is one graph, and the host waits only for measures") {
  emulation::reset();
  RunSpec spec = test::toy_spec();
  spec.n_steps = 12;
  std::vector<emulation::Counters> at;
  TrainOptions options;
  options.on_step = [&](const StepMetrics&) {
    at.push_back(emulation::counters());
    return true;
  };
  (void)test::trace(spec, options);
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

TEST_CASE("data-parallel GPUs resume what one GPU began, to the bit") {
  emulation::reset();
  emulation::set_device_count(2);
  const RunSpec spec = test::short_spec();
  const test::Trace whole = test::trace(spec);
  const test::TempDir dir;
  (void)test::trace(spec, test::stop_after(4, dir.path()));
  TrainOptions rest;
  rest.n_threads = 2;
  rest.checkpoint_folder = dir.path();
  test::check_same(whole, test::trace(spec, rest, /*n_devices=*/2));
}

TEST_CASE("a run that the device has no room for is refused with what would fit") {
  emulation::reset();
  RunSpec spec = test::toy_spec();
  spec.shape.seq_len = 32;
  spec.shape.vocab_size = 2048;
  spec.batch_tokens = 16 * 32;
  spec.micro_batch_seqs = 16;
  spec.data_parallel = 1;
  spec.validation_tokens = 32;
  spec.n_steps = 2;
  spec.warmup_steps = 0;
  emulation::set_memory_size(std::int64_t{36} << 20);
  const test::Trace refused = test::trace(spec);
  CHECK(refused.result.outcome == RunOutcome::out_of_memory);
  CHECK_THAT(refused.result.message, contains("out of memory before the first step"));
  CHECK_THAT(refused.result.message, contains("/micro_batch_seqs "));
  const std::size_t at = refused.result.message.find("/micro_batch_seqs ");
  spec.micro_batch_seqs = std::stoll(refused.result.message.substr(at + 18));
  CHECK(spec.micro_batch_seqs < 16);
  CHECK(test::trace(spec).result.outcome == RunOutcome::completed);
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
    RunSpec spec = test::short_spec();
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
    CHECK(test::trace(spec, options, n_tensor * n_data).result.outcome == RunOutcome::completed);
    const auto peak = static_cast<double>(emulation::peak_allocated_bytes());
    // The work space of cuBLASLt, which is the same for all, must hide nothing.
    const double fixed = n_tensor * n_data * double{32 << 20};
    INFO("d_model " << d_model << ", " << n_tensor << " x " << n_data);
    CHECK(estimate - fixed == Approx(peak - fixed).epsilon(0.1));
  }
}

}  // namespace isoflop
