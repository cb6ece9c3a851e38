// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "isoflop/model_shape.h"

namespace isoflop {

/// One tensor as other programs know it, and its place in an arena of ParameterLayout(shape).
/// Row-major without gaps: rows * cols elements from `first` on.
struct LogicalTensor {
  std::string name;  // Hugging Face Llama's
  std::int64_t rows = 0, cols = 0;
  std::int64_t first = 0;  // in elements
  bool is_vector = false;  // [cols] instead of [rows, cols]
  [[nodiscard]] std::int64_t size() const { return rows * cols; }
  [[nodiscard]] std::vector<std::int64_t> dimensions() const;
};

/// All tensors of a model, in the order of the arena: its parameters, with the fused ones (q, k, v
/// and gate, up) taken apart by rows.
[[nodiscard]] std::vector<LogicalTensor> logical_tensors(const ModelShape& shape);

}  // namespace isoflop
