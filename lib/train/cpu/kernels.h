// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "train/cpu/cpu_blas.h"

namespace isoflop {

/// Attention of `n_seqs` sequences, as Backend describes it, over plain pointers.
struct AttentionArgs {
  std::int64_t n_seqs = 0, seq_len = 0, n_heads = 0, n_kv_heads = 0, d_head = 0;
  const float* qkv = nullptr;    // [R, (H + 2K) S]
  float* out = nullptr;          // [R, H S]
  float* log_sum_exp = nullptr;  // [R, H]
  const float* dout = nullptr;   // [R, H S]
  float* dqkv = nullptr;         // [R, (H + 2K) S]
  float* scratch = nullptr;      // attention_scratch() floats, 64-byte aligned
};

struct AdamWArgs {
  float learning_rate, beta1, beta2, epsilon, weight_decay, bias_correction1, bias_correction2,
      grad_scale;
};

/// The operations of the CPU backend for one instruction set. Shapes as in Backend; n is always a
/// number of elements. The table has only plain functions, because its entries are compiled for
/// machines that the one running may not be.
struct CpuKernels {
  const char* isa;

  // A product of any shape in registers and L1; `scratch` holds product_scratch(p) floats.
  void (*product)(const Product& p, float* scratch);
  std::int64_t (*product_scratch)(const Product& p);

  // Both return the FLOPs of the query-key pairs they processed.
  std::int64_t (*attention_forward)(const AttentionArgs& args);
  std::int64_t (*attention_backward)(const AttentionArgs& args);
  std::int64_t (*attention_scratch)(const AttentionArgs& args);

  void (*rmsnorm_forward)(std::int64_t n_rows, std::int64_t n_cols, float* residual,
                          const float* delta, const float* gain, float epsilon, float* y,
                          float* inverse_rms);
  void (*rmsnorm_backward)(std::int64_t n_rows, std::int64_t n_cols, const float* dy,
                           const float* residual, const float* gain, const float* inverse_rms,
                           float* dresidual, float* dgain);
  // Rotates n_heads consecutive heads at the start of each row of `x`; cosines and sines
  // [seq_len, d_head / 2]; sign 1 or -1.
  void (*rope)(std::int64_t n_rows, std::int64_t row_stride, std::int64_t n_heads,
               std::int64_t d_head, std::int64_t seq_len, const float* cosines, const float* sines,
               float sign, float* x);
  void (*swiglu_forward)(std::int64_t n_rows, std::int64_t d_ff, const float* gate_up, float* act);
  void (*swiglu_backward)(std::int64_t n_rows, std::int64_t d_ff, const float* dact,
                          float* gate_up);
  void (*gelu_forward)(std::int64_t n, const float* x, float* act);
  void (*gelu_backward)(std::int64_t n, const float* dact, float* x);
  void (*cross_entropy)(std::int64_t n_rows, std::int64_t n_cols, float* logits,
                        const std::int32_t* targets, float scale, float* losses);
  void (*vocabulary_statistics)(std::int64_t n_rows, std::int64_t n_cols, const float* logits,
                                const std::int32_t* targets, std::int64_t first_token,
                                float* statistics);
  void (*vocabulary_cross_entropy)(std::int64_t n_rows, std::int64_t n_cols, float* logits,
                                   const std::int32_t* targets, std::int64_t first_token,
                                   std::int64_t n_ranks, const float* statistics, float scale,
                                   float* losses);
  // float = bf16, and bf16 = float rounded to nearest even.
  void (*lift)(std::int64_t n, const std::uint16_t* x, float* y);
  void (*round_to_bf16)(std::int64_t n, const float* x, std::uint16_t* y);
  void (*sum)(std::int64_t n, std::int64_t n_inputs, const float* const* x, float* y);
  double (*squared_norm)(std::int64_t n, const float* x);
  // `rounded`: null, or gets w as bf16.
  void (*adamw)(std::int64_t n, float* w, const float* grad, float* m, float* v,
                std::uint16_t* rounded, const AdamWArgs& args);
  void (*exp2)(std::int64_t n, const float* x, float* y);
};

}  // namespace isoflop
