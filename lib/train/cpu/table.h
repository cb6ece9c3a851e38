// SPDX-License-Identifier: Apache-2.0
// The functions behind CpuKernels, in the namespace of the instruction set being compiled.
#pragma once

#include "train/cpu/kernels.h"
#include "train/cpu/vector.h"

namespace isoflop::ISOFLOP_CPU_ISA {

void product(const Product& p, float* scratch);
Index product_scratch(const Product& p);

Index attention_forward(const AttentionArgs& args);
Index attention_backward(const AttentionArgs& args);
Index attention_scratch(const AttentionArgs& args);

void rmsnorm_forward(Index n_rows, Index n_cols, float* residual, const float* delta,
                     const float* gain, float epsilon, float* y, float* inverse_rms);
void rmsnorm_backward(Index n_rows, Index n_cols, const float* dy, const float* residual,
                      const float* gain, const float* inverse_rms, float* dresidual, float* dgain);
void rope(Index n_rows, Index row_stride, Index n_heads, Index d_head, Index seq_len,
          const float* cosines, const float* sines, float sign, float* x);

void swiglu_forward(Index n_rows, Index d_ff, const float* gate_up, float* act);
void swiglu_backward(Index n_rows, Index d_ff, const float* dact, float* gate_up);
void gelu_forward(Index n, const float* x, float* act);
void gelu_backward(Index n, const float* dact, float* x);

void cross_entropy(Index n_rows, Index n_cols, float* logits, const std::int32_t* targets,
                   float scale, float* losses);
void vocabulary_statistics(Index n_rows, Index n_cols, const float* logits,
                           const std::int32_t* targets, Index first_token, float* statistics);
void vocabulary_cross_entropy(Index n_rows, Index n_cols, float* logits,
                              const std::int32_t* targets, Index first_token, Index n_ranks,
                              const float* statistics, float scale, float* losses);

void lift(Index n, const std::uint16_t* x, float* y);
void round_to_bf16(Index n, const float* x, std::uint16_t* y);
void sum(Index n, Index n_inputs, const float* const* x, float* y);
double squared_norm(Index n, const float* x);
void adamw(Index n, float* w, const float* grad, float* m, float* v, std::uint16_t* rounded,
           const AdamWArgs& args);
void exp2(Index n, const float* x, float* y);

extern const CpuKernels kKernels;

}  // namespace isoflop::ISOFLOP_CPU_ISA
