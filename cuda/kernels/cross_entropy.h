// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include "train/contract/backend.h"

namespace isoflop {

// The operations of these names of train/contract/backend.h. T, of logits, is float or
// __nv_bfloat16; V is any number. NaN and infinities of either sign in a row make its loss and
// gradient NaN.

/// losses [R, 1] f32 = log sum exp(logits) - logits[target]; with scale != 0 logits [R, V] = scale
/// (softmax - onehot), in place. Shared memory keeps the first 96 KiB of a row between the sum and
/// the gradient; what is behind them is read twice.
template <class T>
void launch_cross_entropy(Tensor logits, Tensor targets, float scale, Tensor losses,
                          cudaStream_t stream);

/// statistics [R, 3] f32 = largest logit, sum of exp(logit - largest), target's logit or 0.
template <class T>
void launch_vocabulary_statistics(Tensor logits, Tensor targets, std::int64_t first_token,
                                  Tensor statistics, cudaStream_t stream);

/// Losses and, with scale != 0, gradients from the statistics [n R, 3] of all n shards.
template <class T>
void launch_vocabulary_cross_entropy(Tensor logits, Tensor targets, std::int64_t first_token,
                                     Tensor statistics, float scale, Tensor losses,
                                     cudaStream_t stream);

}  // namespace isoflop
