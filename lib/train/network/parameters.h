// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "isoflop/model_shape.h"
#include "isoflop/run_spec.h"
#include "train/contract/backend.h"
#include "train/contract/range.h"
#include "train/network/parametrisation.h"
#include "train/ranks/tensor_shard.h"

namespace isoflop {

/// Rows of the whole tensor that a rank holds, one after the other.
struct RowBlock {
  Range rows;
  int replicas = 1;   // tensor-parallel ranks that hold these rows
  bool owned = true;  // by the first of them: what counts once is counted there
};

/// One tensor of the model as one rank holds it, and its place in an arena: the weights, their
/// gradients and the moments of the optimizer are arenas of one layout.
struct Parameter {
  std::string name;  // Hugging Face Llama's, with q, k, v and gate, up fused by rows
  TensorRole role;
  std::int64_t rows = 0, cols = 0;    // held
  std::int64_t offset = 0;            // in elements; a multiple of 16, hence 64 bytes
  std::vector<RowBlock> blocks = {};  // of the whole tensor's rows; they add up to `rows`
  std::int64_t first_col = 0;         // of the whole tensor
  std::int64_t whole_cols = 0, whole_offset = 0;  // of the whole tensor in the arena of one rank
  [[nodiscard]] Range range() const { return {offset, offset + rows * cols}; }
};

/// Where every tensor of a model, or of one rank's part of it, lies. Matrices come first, then the
/// RMSNorm gains, which all ranks hold. Gaps between tensors hold zeros and stay zero.
class ParameterLayout {
 public:
  explicit ParameterLayout(const ModelShape& shape, TensorShard shard = {});
  [[nodiscard]] const std::vector<Parameter>& parameters() const { return parameters_; }
  /// Elements of an arena, gaps included.
  [[nodiscard]] std::int64_t size() const { return size_; }
  [[nodiscard]] Range matrices() const { return {0, n_matrix_elements_}; }
  [[nodiscard]] Range gains() const { return {n_matrix_elements_, size_}; }
  /// The matrices of block `layer`, in one piece.
  [[nodiscard]] Range block(std::int64_t layer) const;
  /// The sizes of the part that is held.
  [[nodiscard]] const ModelShape& local_shape() const { return local_shape_; }

 private:
  void add(const std::string& name, std::vector<RowBlock> blocks, Range cols,
           std::int64_t whole_rows, std::int64_t whole_cols);
  void add_block(const ModelShape& shape, TensorShard shard, std::int64_t layer);
  void add_gain(const ModelShape& shape, TensorShard shard, const std::string& name);

  ModelShape local_shape_;
  std::vector<Parameter> parameters_;
  std::int64_t size_ = 0, whole_size_ = 0, n_matrix_elements_ = 0;
};

/// Elements that lie one after the other both here and in the whole model's arena.
struct ElementRun {
  Range here;
  std::int64_t whole = 0;  // where the first of them lies in the arena of ParameterLayout(shape)
  const Parameter* parameter = nullptr;
  bool owned = true;
};
/// The elements `range` of an arena of `layout`, gaps left out, in order.
[[nodiscard]] std::vector<ElementRun> element_runs(const ParameterLayout& layout, Range range);

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
[[nodiscard]] ModelTensors view_tensors(const ParameterLayout& layout, Tensor arena);

/// Elements `range` of the initial arena: normal for matrices, the embedding included (DeepSeek
/// LLM, arXiv:2401.02954, sec. 2.3, where std is 0.006), 1 for gains, 0 in gaps. Every element is a
/// pure function of (seed, tensor, index in the whole tensor), whoever holds it.
void initial_values(const ParameterLayout& layout, const RunSpec& spec, Range range,
                    std::span<float> out);

}  // namespace isoflop
