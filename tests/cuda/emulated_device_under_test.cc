// SPDX-License-Identifier: Apache-2.0
#include "device_under_test.h"
#include "emulated_device.h"
#include "emulated_nccl.h"

namespace isoflop::test {

void fresh_device() {
  emulation::reset();
  emulation::reset_nccl();
}
void set_order(std::uint64_t seed) { emulation::set_seed(seed); }

}  // namespace isoflop::test
