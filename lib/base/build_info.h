// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace isoflop {

/// What produced a result.
struct BuildInfo {
  std::string version;     // of isoflop
  std::string git_commit;  // 12 digits, "+" where the tree had changes; empty outside a checkout
  std::string compiler;
};
[[nodiscard]] BuildInfo build_info();

}  // namespace isoflop
