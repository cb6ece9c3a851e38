// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "isoflop/model_shape.h"

namespace isoflop {

/// A shape that may be run, for judging what else a spec says.
[[nodiscard]] inline ModelShape smallest_shape(std::int64_t seq_len) {
  return {.n_layers = 1,
          .d_model = 16,
          .n_heads = 1,
          .n_kv_heads = 1,
          .d_head = 16,
          .d_ff = 48,
          .vocab_size = 256,
          .seq_len = seq_len};
}

}  // namespace isoflop
