// SPDX-License-Identifier: Apache-2.0
// Runs the tests where there is a GPU; exits with 77, which CTest shows as skipped, where there is
// none. Tests are listed on any machine.
#include <cstdio>
#include <cstring>

#include "cuda_backend.h"
#include "support/catch_session.h"

namespace {

constexpr int kSkipped = 77;

bool only_lists(int n_arguments, const char* const* arguments) {
  for (int i = 1; i < n_arguments; ++i)
    if (std::strncmp(arguments[i], "--list", 6) == 0) return true;
  return false;
}

}  // namespace

int main(int argc, char* argv[]) {
  if (!only_lists(argc, argv) && isoflop::count_cuda_devices() == 0) {
    std::puts("skipped: no GPU");
    return kSkipped;
  }
  return isoflop::test::run_session(argc, argv);
}
