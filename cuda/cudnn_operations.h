// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "cudnn_api.h"

namespace isoflop {

/// Sizes and strides (in elements) of batch, head, row and column.
struct CudnnShape {
  std::array<std::int64_t, 4> sizes, strides;

  /// Rows of columns without gaps.
  static CudnnShape packed(std::int64_t batch, std::int64_t heads, std::int64_t rows,
                           std::int64_t cols) {
    return {{batch, heads, rows, cols}, {heads * rows * cols, rows * cols, cols, 1}};
  }
  [[nodiscard]] CudnnShape transposed() const {
    return {{sizes[0], sizes[1], sizes[3], sizes[2]},
            {strides[0], strides[1], strides[3], strides[2]}};
  }
};

struct CudnnPlan {
  CudnnDescriptor plan;
  std::int64_t workspace_bytes;
};

/// Operations that cuDNN is to run as one. Tensors are named by the order in which they are made.
class CudnnGraph {
 public:
  using Node = std::int64_t;  // a tensor

  explicit CudnnGraph(const CudnnApi& api) : api_(&api) {}

  // In memory of the device, aligned to 16 bytes; in memory of the host, one f32; nowhere.
  Node memory(const CudnnShape& shape, cudnnDataType_t dtype);
  Node scalar();
  Node intermediate(const CudnnShape& shape, cudnnDataType_t dtype = CUDNN_DATA_FLOAT);

  // y = f(a), f(a, b), f(a, b, condition); sizes of 1 repeat.
  void pointwise(cudnnPointwiseMode_t mode, const std::vector<Node>& inputs, Node y,
                 cudnnDataType_t compute = CUDNN_DATA_FLOAT);
  // y = the number of the row (axis 2) or column (3) in a tensor shaped like x.
  void index(Node x, std::int64_t axis, Node y);
  void matmul(Node a, Node b, Node y);
  void reduce(cudnnReduceTensorOp_t op, Node x, Node y);
  void reshape(Node x, Node y);

  /// The fastest by cuDNN's heuristics that gives equal bits for equal inputs; none where there is
  /// none. `device`: CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR.
  [[nodiscard]] std::optional<CudnnPlan> plan(const CudnnDescriptor& device) const;

 private:
  Node tensor(const CudnnShape& shape, cudnnDataType_t dtype, bool is_virtual, bool by_value);
  CudnnDescriptor& operation(cudnnBackendDescriptorType_t type);
  void connect(CudnnDescriptor& operation, cudnnBackendAttributeName_t name, Node tensor) const {
    operation.set(name, tensors_[static_cast<std::size_t>(tensor)]);
  }
  void finish_pointwise(const CudnnDescriptor& how, const std::vector<Node>& inputs, Node y);

  const CudnnApi* api_;
  std::vector<CudnnDescriptor> tensors_, details_, operations_;
};

}  // namespace isoflop
