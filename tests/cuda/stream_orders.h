// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <vector>

#include "cuda_error.h"
#include "emulated_device.h"

namespace isoflop::test {

/// Appends `number` to `seen` when the stream comes to it.
inline void note(cudaStream_t stream, std::vector<int>& seen, int number) {
  ISOFLOP_CUDA(emulation::enqueue(stream, [&seen, number] {
    seen.push_back(number);
    return emulation::Progress::done;
  }));
}

/// All orders in which `enqueue`d work is done under some seeds.
inline std::set<std::vector<int>> orders(const std::function<void(std::vector<int>&)>& enqueue) {
  std::set<std::vector<int>> all;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    emulation::reset();
    emulation::set_seed(seed);
    std::vector<int> seen;
    enqueue(seen);
    ISOFLOP_CUDA(cudaDeviceSynchronize());
    all.insert(seen);
  }
  return all;
}

}  // namespace isoflop::test
