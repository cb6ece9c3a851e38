// SPDX-License-Identifier: Apache-2.0
// What bf16 means here: weights, activations and their gradients are stored in bf16 and rounded
// once by the operation that makes them; weights' gradients, sums, norms, softmax, loss and the
// optimizer stay fp32.
#include <cmath>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/relative_difference.h"
#include "support/toy_dataset.h"
#include "train/device/bf16.h"
#include "train/ranks/mesh.h"
#include "train/ranks/solo_communicator.h"
#include "train/ranks/thread_communicator.h"
#include "train/replica.h"
#include "train/trainer.h"

namespace isoflop {
namespace {

RunSpec small_spec(std::int64_t n_layers) {
  RunSpec spec = test::toy_spec();
  spec.shape = {n_layers, 48, 4, 2, 12, 128, 61, 32, FfnKind::swiglu, false};
  spec.batch_tokens = 8 * 32;
  spec.data_parallel = 1;
  spec.micro_batch_seqs = 4;
  spec.init_std = 0.1;
  spec.weight_decay = 0;
  return spec;
}

struct Gradient {
  double loss = 0;
  std::vector<float> elements;
};

/// The gradient of the first batch in `precision`, at bf16 weights in either case, so that what
/// differs is the rounding of activations and of their gradients.
Gradient gradient_of(RunSpec spec, Precision precision, int n_tensor = 1) {
  spec.precision = precision;
  const test::ToyDataset dataset(spec.shape.vocab_size);
  Gradient gradient;
  gradient.elements.resize(static_cast<std::size_t>(ParameterLayout(spec.shape).size()));
  run_ranks(n_tensor, [&](Communicator& world) {
    Mesh mesh(world, n_tensor);
    const std::unique_ptr<Backend> backend = make_cpu_backend();
    Replica replica(spec, dataset, mesh, *backend);
    replica.optimizer().initialize();
    if (precision == Precision::fp32) {
      for (std::int64_t i = 0; i < replica.layout().size(); ++i) {
        float& weight = replica.weights().f32()[i];
        weight = lift_bf16(round_to_bf16(weight));
      }
    }
    replica.start_step(0);
    const double loss = replica.finish_step().loss;
    if (world.rank() == 0) gradient.loss = loss;
    for (const ElementRun& run : element_runs(replica.layout(), {0, replica.layout().size()})) {
      if (!run.owned) continue;
      std::copy_n(replica.gradients().arena(0).f32() + run.here.begin, run.here.size(),
                  gradient.elements.begin() + run.whole);
    }
  });
  return gradient;
}

/// A rounding to 8 bits is off by 2^-9 at most and by 2^-9 / sqrt(3) in the root mean square. Along
/// the way to a gradient all activations before it and all gradients behind it are rounded, some
/// ten tensors a layer each way, and their errors add up as independent ones do. Factor 2: softmax
/// and norms pass on differences of nearly equal numbers.
double tolerance(std::int64_t n_layers) {
  const double n_roundings = 20.0 * static_cast<double>(n_layers) + 4;
  return 2 * std::sqrt(n_roundings) * std::ldexp(1.0, -9) / std::sqrt(3.0);
}

}  // namespace

TEST_CASE("bf16 gradients are fp32 gradients but for the rounding of activations") {
  for (const std::int64_t n_layers : {1, 2, 4}) {
    const RunSpec spec = small_spec(n_layers);
    const ParameterLayout layout(spec.shape);
    const Gradient exact = gradient_of(spec, Precision::fp32);
    for (const int n_tensor : {1, 2}) {
      const Gradient rounded = gradient_of(spec, Precision::bf16, n_tensor);
      CHECK(rounded.loss == Approx(exact.loss).epsilon(1e-3));
      for (const Parameter& parameter : layout.parameters()) {
        const double error =
            test::relative_difference(exact.elements, rounded.elements, parameter.range());
        INFO(n_layers << " layers, " << n_tensor << " ranks, " << parameter.name << ": " << error);
        CHECK(error < tolerance(n_layers));
        CHECK(error > 1e-4);  // it was rounded
      }
    }
  }
}

TEST_CASE("gradients of many micro-batches add up in fp32") {
  // Each sequence of the data a micro-batch of its own: sums in bf16 would be off by 2^-9 of the
  // sum at every addition.
  RunSpec spec = small_spec(1);
  spec.batch_tokens = 64 * 32;
  spec.micro_batch_seqs = 64;
  const Gradient at_once = gradient_of(spec, Precision::bf16);
  spec.micro_batch_seqs = 1;
  const Gradient in_parts = gradient_of(spec, Precision::bf16);
  const ParameterLayout layout(spec.shape);
  for (const Parameter& parameter : layout.parameters()) {
    const double error =
        test::relative_difference(at_once.elements, in_parts.elements, parameter.range());
    INFO(parameter.name << ": " << error);
    CHECK(error < 2e-6);
  }
}

TEST_CASE("steps that are too small for bf16 add up in the master weights") {
  RunSpec spec = small_spec(1);
  spec.precision = Precision::bf16;
  spec.peak_lr = 2e-5;  // Adam's first steps are of this size; bf16 weights near 0.1 are 5e-4 apart
  spec.warmup_steps = 0;
  SoloCommunicator world;
  Mesh mesh(world, 1);
  const test::ToyDataset dataset(spec.shape.vocab_size);
  const std::unique_ptr<Backend> backend = make_cpu_backend();
  Replica replica(spec, dataset, mesh, *backend);
  replica.optimizer().initialize();
  const auto n = static_cast<std::size_t>(replica.layout().size());
  Snapshot before{{}, std::vector<float>(n), std::vector<float>(n), std::vector<float>(n)};
  Snapshot after = before;
  replica.optimizer().store(&before);
  for (std::int64_t step = 0; step < 5; ++step) {
    replica.start_step(step);
    (void)replica.finish_step();
  }
  replica.optimizer().store(&after);
  const auto* copy = static_cast<const std::uint16_t*>(replica.weights().data);
  int n_moved = 0, n_elements = 0, n_rounded = 0;
  for (const ElementRun& run : element_runs(replica.layout(), {0, replica.layout().size()})) {
    for (std::int64_t i = run.here.begin; i < run.here.end; ++i) {
      const auto at = static_cast<std::size_t>(i);
      ++n_elements;
      n_moved += after.weights[at] != before.weights[at] ? 1 : 0;
      n_rounded += copy[at] == round_to_bf16(after.weights[at]) ? 1 : 0;
    }
  }
  CHECK(n_rounded == n_elements);
  CHECK(n_moved > 0.95 * n_elements);
}

TEST_CASE("a bf16 run's loss stays within 1 % of the fp32 run's") {
  RunSpec spec = test::toy_spec();
  spec.n_steps = 300;
  spec.warmup_steps = 15;
  spec.peak_lr = 0.005;
  const auto curve = [&](Precision precision) {
    spec.precision = precision;
    std::vector<double> losses;
    TrainOptions options;
    options.n_threads = 2;
    options.on_step = [&](const StepMetrics& metrics) {
      losses.push_back(metrics.loss_nats);
      return true;
    };
    losses.push_back(train(spec, test::ToyDataset(), options).validation.loss_nats);
    return losses;
  };
  const std::vector<double> exact = curve(Precision::fp32), rounded = curve(Precision::bf16);
  REQUIRE(rounded.size() == exact.size());
  double worst = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    worst = std::max(worst, std::abs(rounded[i] / exact[i] - 1));
  }
  INFO("worst " << worst);
  CHECK(worst < 0.01);
  CHECK(worst > 0);
}

}  // namespace isoflop
