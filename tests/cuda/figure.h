// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <string>

namespace isoflop::test {

/// A measured number that cuda/check puts into its report.
inline void print_figure(const std::string& name, double value) {
  std::printf("figure %s %.3g\n", name.c_str(), value);
  std::fflush(stdout);
}

}  // namespace isoflop::test
