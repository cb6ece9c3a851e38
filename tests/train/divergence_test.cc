// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/faulty_backend.h"
#include "support/toy_dataset.h"
#include "train/network/parameters.h"
#include "train/trainer.h"

namespace isoflop {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
const std::vector<float> kFaults = {std::nanf(""), kInfinity, -kInfinity};

RunSpec spec_of(Precision precision, FfnKind ffn) {
  RunSpec spec = test::toy_spec();
  spec.shape.ffn = ffn;
  spec.shape.n_kv_heads = 2;
  spec.precision = precision;
  spec.data_parallel = 2;
  return spec;
}

using Bytes = std::vector<std::byte>;
Bytes bytes_of(Tensor tensor) {
  const auto* first = static_cast<const std::byte*>(tensor.data);
  return {first, first + tensor.size() * size_of(tensor.dtype)};
}

/// How a run ended in which something broke in step number `step`, and what it did to the weights.
struct Ending {
  TrainResult result;
  bool weights_untouched = false;
  std::string broken;  // the operation
  std::int64_t n_operations = 0;
};

constexpr std::int64_t kStep = 2;  // 0-based

struct Layout {
  int n_tensor, n_threads;
};

/// Breaks operation number `at` of rank `rank` in the run.
Ending break_operation(const RunSpec& spec, Layout layout, int rank, std::int64_t at, float value,
                       std::uint64_t seed) {
  Ending ending;
  TrainOptions options;
  options.n_threads = layout.n_threads;
  options.tensor_parallel = layout.n_tensor;
  test::FaultyBackend* faulty = nullptr;
  std::mutex mutex;
  Bytes before;
  std::int64_t first_operation = 0;
  const auto observe = [&](std::int64_t steps_done, Tensor weights) {
    if (steps_done == kStep && before.empty()) {
      before = bytes_of(weights);
    } else if (steps_done >= kStep) {
      ending.weights_untouched = steps_done == kStep && before == bytes_of(weights);
    }
  };
  const auto backend = [&](const std::string&, int of_rank) -> std::unique_ptr<Backend> {
    if (of_rank != rank) return make_cpu_backend();
    auto made = std::make_unique<test::FaultyBackend>(make_cpu_backend(), at, value, seed);
    const std::lock_guard lock(mutex);
    faulty = made.get();
    return made;
  };
  options.on_step = [&](const StepMetrics& metrics) {
    if (metrics.step == kStep && rank == 0) first_operation = faulty->n_operations();
    ending.n_operations = faulty->n_operations();
    ending.broken = faulty->broken();
    return metrics.step <= kStep;
  };
  ending.result = train_observed(spec, test::ToyDataset(), options, observe, backend);
  ending.n_operations -= first_operation;
  return ending;
}

/// Operations of one step, counted on rank 0.
std::int64_t operations_per_step(const RunSpec& spec, Layout layout) {
  return break_operation(spec, layout, 0, -1, 0, 0).n_operations;
}

}  // namespace

TEST_CASE(
    "NaN or infinity in any operation's output ends the run in that step, weights untouched") {
  std::map<std::string, int> broken;
  int n_trials = 0, n_detected = 0;
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    for (const FfnKind ffn : {FfnKind::swiglu, FfnKind::gelu}) {
      for (const Layout layout : {Layout{1, 1}, Layout{1, 2}, Layout{2, 1}}) {
        const RunSpec spec = spec_of(precision, ffn);
        const std::int64_t n = operations_per_step(spec, layout);
        REQUIRE(n > 50);
        const Rng rng(17, static_cast<std::uint64_t>(n_trials));
        for (std::uint64_t trial = 0; trial < 40; ++trial) {
          const auto at = kStep * n + static_cast<std::int64_t>(
                                          rng.below(static_cast<std::uint64_t>(n), 2 * trial));
          const float value = kFaults[rng.below(kFaults.size(), 2 * trial + 1)];
          const Ending ending = break_operation(spec, layout, 0, at, value, trial);
          INFO(to_string(precision)
               << ", " << layout.n_tensor << " x " << layout.n_threads << ", operation "
               << at - kStep * n << " of " << n << ", " << value << ": " << ending.result.message);
          const bool detected = ending.result.outcome == RunOutcome::diverged &&
                                ending.result.steps_done == kStep && ending.weights_untouched;
          CHECK(detected);
          CHECK_THAT(ending.result.message, contains("diverged at step 3: loss "));
          ++n_trials;
          n_detected += detected ? 1 : 0;
        }
      }
    }
  }
  CHECK(n_detected == n_trials);
}

TEST_CASE("NaN or infinity in any weight ends the run in that step, used by the batch or not") {
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    RunSpec spec = spec_of(precision, FfnKind::swiglu);
    spec.shape.vocab_size = 64;  // of which the data use 16
    const ParameterLayout layout(spec.shape);
    std::uint64_t trial = 0;
    for (const Parameter& parameter : layout.parameters()) {
      for (const float value : kFaults) {
        const auto size = static_cast<std::uint64_t>(parameter.range().size());
        const std::int64_t at =
            parameter.offset + static_cast<std::int64_t>(Rng(3).below(size, trial++));
        Bytes poisoned, at_end;
        const auto poison = [&](std::int64_t steps_done, Tensor weights) {
          if (steps_done == kStep && poisoned.empty()) {
            Tensor element = weights.slice(at, 1);
            make_cpu_backend()->cast({const_cast<float*>(&value), DType::f32, 1, 1}, element);
            poisoned = bytes_of(weights);
          } else {
            at_end = bytes_of(weights);
          }
        };
        const TrainResult result = train_observed(spec, test::ToyDataset(), {}, poison);
        INFO(to_string(precision) << ": " << parameter.name << ", " << value);
        CHECK(result.outcome == RunOutcome::diverged);
        CHECK(result.steps_done == kStep);
        CHECK((poisoned == at_end));
      }
    }
  }
}

}  // namespace isoflop
