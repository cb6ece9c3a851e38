// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "isoflop/run_spec.h"

namespace isoflop::test {

/// A spec that passes validate(): 2 layers of width 32 on bytes.
inline RunSpec tiny_spec() {
  RunSpec spec;
  spec.shape = {.n_layers = 2,
                .d_model = 32,
                .n_heads = 2,
                .n_kv_heads = 2,
                .d_head = 16,
                .d_ff = 88,
                .vocab_size = 256,
                .seq_len = 64};
  spec.dataset = "tiny";
  spec.dataset_hash = "0123456789abcdef";
  spec.batch_tokens = 256;
  spec.n_steps = 500;
  spec.warmup_steps = 25;
  spec.peak_lr = 0.004;
  spec.validation_tokens = 4096;
  return spec;
}

}  // namespace isoflop::test
