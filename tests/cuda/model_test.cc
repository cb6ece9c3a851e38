// SPDX-License-Identifier: Apache-2.0
// Whole training steps on CUDA devices beside the CPU's, tensor by tensor.
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "cuda_backend.h"
#include "emulated_device.h"
#include "support/catch.h"
#include "support/mesh_run.h"
#include "support/relative_difference.h"

namespace isoflop {
namespace {

constexpr int kSteps = 3;

RunSpec spec_of(const ModelShape& shape) {
  RunSpec spec = test::toy_spec();
  spec.shape = shape;
  spec.batch_tokens = 4 * shape.seq_len;
  spec.micro_batch_seqs = 1;
  spec.data_parallel = 2;
  spec.init_std = 0.2;       // no gradient vanishes beside rounding
  spec.adam_epsilon = 1e-3;  // nor does Adam divide rounding by rounding
  spec.grad_clip = 0.5;      // clips
  spec.warmup_steps = 0;
  return spec;
}

struct NamedShape {
  const char* name;
  ModelShape shape;
};

/// Odd sizes, grouped queries, tied embeddings; heads that the tensor cores take and that they do
/// not.
std::vector<NamedShape> shapes() {
  const auto swiglu = FfnKind::swiglu;
  return {{"multi-head", ModelShape{2, 24, 4, 4, 6, 43, 17, 13, swiglu, false}},
          {"grouped queries", ModelShape{2, 32, 4, 2, 8, 56, 64, 24, swiglu, true}},
          {"heads of 32", ModelShape{1, 64, 2, 1, 32, 96, 33, 70, FfnKind::gelu, false}}};
}

test::Outcome run_on_cuda(const RunSpec& spec, int n_tensor = 1, int n_data = 1,
                          int n_devices = 1) {
  return test::run_mesh(spec, n_tensor, n_data, kSteps,
                        [&](int rank) { return make_cuda_backend_on(rank % n_devices); });
}
test::Outcome run_on_cpu(const RunSpec& spec) {
  return test::run_mesh(spec, 1, 1, kSteps, [](int) { return make_cpu_backend(); });
}

void check_close(const RunSpec& spec, const std::vector<float>& a, const std::vector<float>& b,
                 double tolerance, const std::string& what) {
  const ParameterLayout whole(spec.shape);
  for (const Parameter& parameter : whole.parameters()) {
    const double error = test::relative_difference(a, b, parameter.range());
    INFO(what << " of " << parameter.name << ": relative L2 difference " << error);
    CHECK(error <= tolerance);
  }
}

void check_close(const RunSpec& spec, const test::Outcome& a, const test::Outcome& b,
                 double tolerance) {
  CHECK(b.copies_agree);
  check_close(spec, a.gradient, b.gradient, tolerance, "gradient");
  check_close(spec, a.weights, b.weights, tolerance, "weights");
  check_close(spec, a.first_moment, b.first_moment, tolerance, "first moment");
  check_close(spec, a.second_moment, b.second_moment, 2 * tolerance, "second moment");
  for (int step = 0; step < kSteps; ++step) {
    const StepMeasures& x = a.measures[static_cast<std::size_t>(step)];
    const StepMeasures& y = b.measures[static_cast<std::size_t>(step)];
    INFO("step " << step);
    CHECK(y.loss == Approx(x.loss).epsilon(tolerance));
    CHECK(y.norms.gradient == Approx(x.norms.gradient).epsilon(tolerance));
    CHECK(y.norms.weights == Approx(x.norms.weights).epsilon(tolerance));
  }
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

void check_same_bits(const test::Outcome& a, const test::Outcome& b) {
  CHECK(b.copies_agree);
  CHECK(same_bits(a.gradient, b.gradient));
  CHECK(same_bits(a.weights, b.weights));
  CHECK(same_bits(a.first_moment, b.first_moment));
  CHECK(same_bits(a.second_moment, b.second_moment));
  for (std::size_t step = 0; step < kSteps; ++step) {
    CHECK(a.measures[step].loss == b.measures[step].loss);
    CHECK(a.measures[step].norms.gradient == b.measures[step].norms.gradient);
    CHECK(a.measures[step].small_batch_square == b.measures[step].small_batch_square);
  }
}

}  // namespace

TEST_CASE("fp32 steps on a device are the CPU's, tensor by tensor") {
  for (const auto& [name, shape] : shapes()) {
    INFO(name);
    emulation::reset();
    const RunSpec spec = spec_of(shape);
    // Sums of some thousand fp32 products in another order.
    const test::Outcome cpu = run_on_cpu(spec), cuda = run_on_cuda(spec);
    check_close(spec, cpu, cuda, 1e-4);
    const StepMeasures &x = cpu.measures[0], &y = cuda.measures[0];
    CHECK(y.norms.unshared_gradient == Approx(x.norms.unshared_gradient).epsilon(1e-4));
    CHECK(y.small_batch_square == Approx(x.small_batch_square).epsilon(2e-4));
  }
}

TEST_CASE("bf16 steps on a device are the CPU's, but for the rounding inside attention") {
  for (const auto& [name, shape] : shapes()) {
    INFO(name);
    emulation::reset();
    RunSpec spec = spec_of(shape);
    spec.precision = Precision::bf16;
    const test::Outcome cpu = run_on_cpu(spec), cuda = run_on_cuda(spec);
    check_close(spec, cpu.gradient, cuda.gradient, 2e-2, "gradient");
    check_close(spec, cpu.weights, cuda.weights, 2e-2, "weights");
    CHECK(cuda.measures[0].loss == Approx(cpu.measures[0].loss).epsilon(1e-3));
  }
}

TEST_CASE("whatever order a device works in, a run has the same bits") {
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    RunSpec spec = spec_of(shapes()[1].shape);
    spec.precision = precision;
    emulation::reset();
    const test::Outcome first = run_on_cuda(spec);
    for (const std::uint64_t seed : {1u, 2u, 3u}) {
      emulation::reset();
      emulation::set_seed(seed);
      check_same_bits(first, run_on_cuda(spec));
    }
  }
}

TEST_CASE("data-parallel GPUs change no bit; tensor-parallel ones the order of sums") {
  for (const auto& [name, shape] : shapes()) {
    if (shape.n_layers == 1) continue;  // long sequences take their time on the emulated device
    INFO(name);
    const RunSpec spec = spec_of(shape);
    emulation::reset();
    const test::Outcome one = run_on_cuda(spec);
    for (const std::uint64_t seed : {0u, 1u}) {
      emulation::reset();
      emulation::set_device_count(4);
      emulation::set_seed(seed);
      check_same_bits(one, run_on_cuda(spec, 1, 2, /*n_devices=*/2));
      check_close(spec, one, run_on_cuda(spec, 2, 1, /*n_devices=*/2), 1e-5);
      check_close(spec, one, run_on_cuda(spec, 2, 2, /*n_devices=*/4), 1e-5);
    }
  }
}

TEST_CASE("two ranks on one GPU do what one rank does") {
  const RunSpec spec = spec_of(shapes()[1].shape);
  emulation::reset();
  const test::Outcome one = run_on_cuda(spec);
  check_same_bits(one, run_on_cuda(spec, 1, 2));
  check_close(spec, one, run_on_cuda(spec, 2, 1), 1e-5);
}

}  // namespace isoflop
