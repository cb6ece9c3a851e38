// SPDX-License-Identifier: Apache-2.0
#include "train/cpu/table.h"

namespace isoflop::ISOFLOP_CPU_ISA {

extern const CpuKernels kKernels = {ISOFLOP_CPU_ISA_NAME,
                                    product,
                                    product_scratch,
                                    attention_forward,
                                    attention_backward,
                                    attention_scratch,
                                    rmsnorm_forward,
                                    rmsnorm_backward,
                                    rope,
                                    swiglu_forward,
                                    swiglu_backward,
                                    gelu_forward,
                                    gelu_backward,
                                    cross_entropy,
                                    vocabulary_statistics,
                                    vocabulary_cross_entropy,
                                    lift,
                                    round_to_bf16,
                                    sum,
                                    squared_norm,
                                    adamw,
                                    exp2};

}  // namespace isoflop::ISOFLOP_CPU_ISA
