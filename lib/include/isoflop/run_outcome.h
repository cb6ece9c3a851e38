// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace isoflop {

/// How a run ended. All of these are data: only `completed` enters a fit, and `completed` and
/// `diverged` are final; the others are tried again.
enum class RunOutcome { completed, diverged, out_of_memory, interrupted, crashed };
[[nodiscard]] std::string_view to_string(RunOutcome);
[[nodiscard]] bool is_final(RunOutcome);

/// What a run measured on the validation tokens.
struct Evaluation {
  double loss_nats = 0;       // mean over predicted tokens
  double bits_per_byte = 0;   // bits of the predicted tokens that stand for text, over their bytes
  double standard_error = 0;  // of loss_nats, from the spread between sequences
  std::int64_t tokens = 0;    // predicted
  std::int64_t bytes = 0;     // that they stand for
};

}  // namespace isoflop
