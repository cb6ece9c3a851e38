// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "attention.h"

namespace isoflop {

/// By the fused attention engines of cuDNN 9: bf16 alone, tensors aligned to 16 bytes. They round p
/// and ds to bf16 before the second product, and with grouped queries each head's part of dk and dv
/// before these are summed. A score of -infinity leaves no trace.
class CudnnAttention : public Attention {
 public:
  /// Whether there is a deterministic plan for the pass, within a reasonable workspace. Found out
  /// once for each problem, which takes about a second; later answers are immediate.
  [[nodiscard]] virtual bool has_forward(const AttentionDims& dims, DType dtype) = 0;
  [[nodiscard]] virtual bool has_backward(const AttentionDims& dims, DType dtype) = 0;
};

/// Null where the build or the machine has no cuDNN 9.8 or later, or one that does not work with
/// the driver. For the current device.
[[nodiscard]] std::unique_ptr<CudnnAttention> make_cudnn_attention();

}  // namespace isoflop
