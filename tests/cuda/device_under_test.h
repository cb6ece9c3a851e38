// SPDX-License-Identifier: Apache-2.0
// What the tests of the backend run on. emulated_device_under_test.cc and real_device_under_test.cc
// define it, and each is linked into a program of its own.
#pragma once

#include <cstdint>

namespace isoflop::test {

/// Device 0 with nothing enqueued and no error.
void fresh_device();

/// Lets work, blocks and threads run in an order drawn from `seed` from now on. A real device draws
/// its own, another one every time.
void set_order(std::uint64_t seed);

}  // namespace isoflop::test
