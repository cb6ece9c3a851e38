// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cudnn_operations.h"
#include "train/contract/backend.h"

namespace isoflop {

/// Attention as operations of cuDNN, in the pattern that its fused engines know (cuDNN developer
/// guide, "Fused flash attention"): the backend interface has no mask among the attributes of its
/// single attention operation. Rows of the fused projection are addressed by strides.
struct CudnnForwardGraph {
  CudnnForwardGraph(const CudnnApi& api, const AttentionDims& dims);

  CudnnGraph graph;
  CudnnGraph::Node q, k, v, out, log_sum_exp;
  CudnnGraph::Node scale, masked;  // 1 / sqrt(S), -infinity
};

struct CudnnBackwardGraph {
  CudnnBackwardGraph(const CudnnApi& api, const AttentionDims& dims);

  CudnnGraph graph;
  CudnnGraph::Node q, k, v, out, log_sum_exp, dout, dq, dk, dv;
  CudnnGraph::Node delta;  // [R, H] f32, written: a workspace
  CudnnGraph::Node scale, masked, one;
};

}  // namespace isoflop
