// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "isoflop/train.h"
#include "support/catch.h"
#include "support/count_memory.h"
#include "support/toy_dataset.h"

namespace isoflop {
namespace {

RunSpec small_spec(std::int64_t d_model, std::int64_t n_layers, std::int64_t data_parallel) {
  RunSpec spec = test::toy_spec();
  spec.shape = {.n_layers = n_layers,
                .d_model = d_model,
                .n_heads = 2,
                .n_kv_heads = 2,
                .d_head = d_model / 2,
                .d_ff = 8 * d_model / 3,
                .vocab_size = 256,
                .seq_len = 64};
  spec.batch_tokens = 64 * 8;
  spec.micro_batch_seqs = 2;
  spec.data_parallel = data_parallel;
  spec.n_steps = 2;
  spec.warmup_steps = 1;
  spec.validation_tokens = 64;
  return spec;
}

}  // namespace

TEST_CASE("the memory estimate is within 10 % of what is allocated at the peak") {
  for (const std::int64_t d_model : {24, 96}) {
    for (const std::int64_t data_parallel : {1, 4}) {
      for (const int n_threads : {1, 2}) {
        const RunSpec spec = small_spec(d_model, 3, data_parallel);
        const test::ToyDataset dataset;
        TrainOptions options;
        options.n_threads = n_threads;
        const std::int64_t before = test::count_memory().live_bytes;
        test::reset_peak();
        (void)train(spec, dataset, options);
        const auto peak = static_cast<double>(test::count_memory().peak_bytes - before);
        INFO("d " << d_model << ", ranks " << data_parallel << ", threads " << n_threads);
        CHECK(static_cast<double>(estimate_memory_bytes(spec, n_threads)) ==
              Approx(peak).epsilon(0.1));
      }
    }
  }
}

TEST_CASE("a training step allocates nothing") {
  for (const int n_threads : {1, 2}) {
    RunSpec spec = small_spec(24, 2, 2);
    spec.n_steps = 8;
    std::vector<std::int64_t> counts;
    counts.reserve(8);
    TrainOptions options;
    options.n_threads = n_threads;
    options.on_step = [&](const StepMetrics&) {
      counts.push_back(test::count_memory().n_allocations);
      return true;
    };
    (void)train(spec, test::ToyDataset(), options);
    REQUIRE(counts.size() == 8);
    CHECK(counts[7] - counts[1] == 0);
  }
}

}  // namespace isoflop
