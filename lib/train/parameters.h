// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "isoflop/model_shape.h"
#include "train/backend.h"
#include "train/range.h"

namespace isoflop {

/// One tensor of the model and its place in an arena: the weights, their gradients and the moments
/// of the optimizer are four arenas of one layout.
struct Parameter {
  std::string name;  // Hugging Face Llama's, with q, k, v and gate, up fused by rows
  std::int64_t rows = 0, cols = 0;
  std::int64_t offset = 0;  // in elements; a multiple of 16, hence 64 bytes
  [[nodiscard]] Range range() const { return {offset, offset + rows * cols}; }
};

/// Where every tensor of a model lies. Matrices come first, then the RMSNorm gains, so that what
/// decays is one range. Gaps between tensors hold zeros and stay zero.
class ParameterLayout {
 public:
  explicit ParameterLayout(const ModelShape& shape);
  [[nodiscard]] const std::vector<Parameter>& parameters() const { return parameters_; }
  /// Elements of an arena, gaps included.
  [[nodiscard]] std::int64_t size() const { return size_; }
  /// The matrices: what weight decay applies to.
  [[nodiscard]] Range matrices() const { return {0, n_matrix_elements_}; }

 private:
  void add(std::string name, std::int64_t rows, std::int64_t cols);
  std::vector<Parameter> parameters_;
  std::int64_t size_ = 0, n_matrix_elements_ = 0;
};

/// The tensors of one decoder block. C d_model, F d_ff, H, K query and key/value heads of size S.
struct BlockTensors {
  Tensor attention_norm;  // [1, C]
  Tensor qkv;             // [(H + 2K) S, C]
  Tensor attention_out;   // [C, H S]
  Tensor ffn_norm;        // [1, C]
  Tensor gate_up;         // [2F, C] gate rows, then up rows; [F, C] for gelu
  Tensor down;            // [C, F]
};

/// All tensors of a model as views of one arena.
struct ModelTensors {
  Tensor embedding;  // [V, C]
  std::vector<BlockTensors> blocks;
  Tensor final_norm;  // [1, C]
  Tensor head;        // [V, C]; the embedding itself where tied
};
[[nodiscard]] ModelTensors view_tensors(const ModelShape& shape, const ParameterLayout& layout,
                                        Tensor arena);

/// Elements `range` of the initial arena: normal with `std` for matrices, the embedding included
/// (DeepSeek LLM, arXiv:2401.02954, sec. 2.3, where std is 0.006), 1 for gains, 0 in gaps. Every
/// element is a pure function of (seed, tensor, index in the tensor).
void initial_values(const ParameterLayout& layout, std::uint64_t seed, double std, Range range,
                    std::span<float> out);

}  // namespace isoflop
