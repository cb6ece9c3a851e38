// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "attention.h"

namespace isoflop {

/// By the fused attention engines of cuDNN 9: bf16 alone.
class CudnnAttention : public Attention {
 public:
  /// Whether there is a plan for both passes of the problem; found out once for each.
  [[nodiscard]] virtual bool takes(const AttentionDims& dims, DType dtype) = 0;
};

/// Null where the build or the machine has no cuDNN 9. For the current device.
[[nodiscard]] std::unique_ptr<CudnnAttention> make_cudnn_attention();

}  // namespace isoflop
