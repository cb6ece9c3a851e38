// SPDX-License-Identifier: Apache-2.0
#include "isoflop/run_outcome.h"

namespace isoflop {

std::string_view to_string(RunOutcome outcome) {
  constexpr std::string_view kNames[] = {"completed", "diverged", "out_of_memory", "interrupted",
                                         "crashed"};
  return kNames[static_cast<int>(outcome)];
}

bool is_final(RunOutcome outcome) {
  return outcome == RunOutcome::completed || outcome == RunOutcome::diverged;
}

}  // namespace isoflop
