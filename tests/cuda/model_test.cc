// SPDX-License-Identifier: Apache-2.0
// Whole training steps on a CUDA device beside the CPU's, tensor by tensor.
#include "cuda/device_under_test.h"
#include "cuda/figure.h"
#include "cuda/model_run.h"

namespace isoflop {

TEST_CASE("fp32 steps on a device are the CPU's, tensor by tensor") {
  double worst = 0;
  for (const auto& [name, shape] : test::model_shapes()) {
    INFO(name);
    test::fresh_device();
    const RunSpec spec = test::model_spec(shape);
    // Sums of some thousand fp32 products in another order.
    const test::Outcome cpu = test::run_on_cpu(spec), cuda = test::run_on_cuda(spec);
    test::check_close(spec, cpu, cuda, 1e-4);
    const StepMeasures &x = cpu.measures[0], &y = cuda.measures[0];
    CHECK(y.norms.unshared_gradient == Approx(x.norms.unshared_gradient).epsilon(1e-4));
    CHECK(y.small_batch_square == Approx(x.small_batch_square).epsilon(2e-4));
    worst = std::max(worst, test::worst_gradient(spec, cpu, cuda));
  }
  test::print_figure("worst_gradient_tensor_fp32", worst);
}

TEST_CASE("bf16 steps on a device are the CPU's, but for the rounding inside attention") {
  double worst = 0;
  for (const auto& [name, shape] : test::model_shapes()) {
    INFO(name);
    test::fresh_device();
    RunSpec spec = test::model_spec(shape);
    spec.precision = Precision::bf16;
    const test::Outcome cpu = test::run_on_cpu(spec), cuda = test::run_on_cuda(spec);
    test::check_close(spec, cpu.gradient, cuda.gradient, 2e-2, "gradient");
    test::check_close(spec, cpu.weights, cuda.weights, 2e-2, "weights");
    CHECK(cuda.measures[0].loss == Approx(cpu.measures[0].loss).epsilon(1e-3));
    worst = std::max(worst, test::worst_gradient(spec, cpu, cuda));
  }
  test::print_figure("worst_gradient_tensor_bf16", worst);
}

TEST_CASE("whatever order a device works in, a run has the same bits") {
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    RunSpec spec = test::model_spec(test::model_shapes()[1].shape);
    spec.precision = precision;
    test::fresh_device();
    const test::Outcome first = test::run_on_cuda(spec);
    for (const std::uint64_t seed : {1u, 2u, 3u}) {
      test::fresh_device();
      test::set_order(seed);
      test::check_same_bits(first, test::run_on_cuda(spec));
    }
  }
}

TEST_CASE("two ranks on one GPU do what one rank does") {
  const RunSpec spec = test::model_spec(test::model_shapes()[1].shape);
  test::fresh_device();
  const test::Outcome one = test::run_on_cuda(spec);
  test::check_same_bits(one, test::run_on_cuda(spec, 1, 2));
  test::check_close(spec, one, test::run_on_cuda(spec, 2, 1), 1e-5);
}

}  // namespace isoflop
