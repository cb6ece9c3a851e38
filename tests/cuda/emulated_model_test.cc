// SPDX-License-Identifier: Apache-2.0
// Training steps of ranks on several devices.
#include "cuda/model_run.h"
#include "emulated_device.h"

namespace isoflop {

TEST_CASE("data-parallel GPUs change no bit; tensor-parallel ones the order of sums") {
  for (const auto& [name, shape] : test::model_shapes()) {
    if (shape.n_layers == 1) continue;  // long sequences take their time on the emulated device
    INFO(name);
    const RunSpec spec = test::model_spec(shape);
    emulation::reset();
    const test::Outcome one = test::run_on_cuda(spec);
    for (const std::uint64_t seed : {1u}) {
      emulation::reset();
      emulation::set_device_count(4);
      emulation::set_seed(seed);
      test::check_same_bits(one, test::run_on_cuda(spec, 1, 2, /*n_devices=*/2));
      test::check_close(spec, one, test::run_on_cuda(spec, 2, 1, /*n_devices=*/2), 1e-5);
      test::check_close(spec, one, test::run_on_cuda(spec, 2, 2, /*n_devices=*/4), 1e-5);
    }
  }
}

}  // namespace isoflop
