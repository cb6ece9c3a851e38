// SPDX-License-Identifier: Apache-2.0
// Short runs on CUDA devices, with all that they tell.
#pragma once

#include <filesystem>
#include <vector>

#include "cuda_backend.h"
#include "support/catch.h"
#include "support/toy_dataset.h"
#include "train/trainer.h"

namespace isoflop::test {

/// An emulated step takes a tenth of a second.
inline RunSpec short_spec() {
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

inline Trace trace(const RunSpec& spec, TrainOptions options = {}, int n_devices = 1) {
  Trace traced;
  const auto inner = options.on_step;
  options.device = "cuda";
  options.on_step = [&](const StepMetrics& metrics) {
    traced.steps.push_back(metrics);
    return !inner || inner(metrics);
  };
  traced.result = train_observed(
      spec, ToyDataset(spec.shape.vocab_size), options, [](std::int64_t, Tensor) {},
      [&](const std::string&, int rank) { return make_cuda_backend_on(rank % n_devices); });
  return traced;
}

inline TrainOptions stop_after(std::int64_t step, const std::filesystem::path& folder) {
  TrainOptions options;
  options.checkpoint_folder = folder;
  options.on_step = [step](const StepMetrics& metrics) { return metrics.step < step; };
  return options;
}

inline void check_same(const Trace& a, const Trace& b) {
  CHECK(a.result.outcome == b.result.outcome);
  CHECK(a.result.steps_done == b.result.steps_done);
  CHECK(a.result.train_loss_nats == b.result.train_loss_nats);
  CHECK(a.result.validation.loss_nats == b.result.validation.loss_nats);
  CHECK(a.result.validation.bits_per_byte == b.result.validation.bits_per_byte);
}

inline void check_same_steps(const std::vector<StepMetrics>& a, const std::vector<StepMetrics>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    CHECK(a[i].step == b[i].step);
    CHECK(a[i].loss_nats == b[i].loss_nats);
    CHECK(a[i].grad_norm == b[i].grad_norm);
    CHECK(a[i].weight_norm == b[i].weight_norm);
    CHECK(a[i].noise_scale_tokens == b[i].noise_scale_tokens);
  }
}

}  // namespace isoflop::test
