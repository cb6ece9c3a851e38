// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "isoflop/model_shape.h"
#include "train/contract/backend.h"

namespace isoflop {

/// What one block keeps for its backward pass. R rows, C d_model, H heads of size S, F d_ff. Of the
/// stream and the inverse_rms a tensor-parallel rank fills its own rows only.
struct BlockActivations {
  Tensor attention_normed, attention_inverse_rms;  // [R, C], [R, 1]
  Tensor qkv;                                      // [R, (H + 2K) S], rotated
  Tensor attention, log_sum_exp;                   // [R, H S], [R, H]
  Tensor residual_mid;                             // [R, C]: the stream after attention
  Tensor ffn_normed, ffn_inverse_rms;              // [R, C], [R, 1]
  Tensor gate_up, act;                             // [R, 2F] (gelu: [R, F]), [R, F]
  Tensor residual_out;                             // [R, C]: the stream after the block
};

/// Gradients on their way back; all blocks share them.
struct PassingGradients {
  Tensor residual;   // [R, C]
  Tensor normed;     // [R, C]: of a norm's output
  Tensor attention;  // [R, H S]
  Tensor qkv;        // [R, (H + 2K) S]
  Tensor act;        // [R, F]
};

/// All activations of one micro-batch, in one allocation that is made once.
class Activations {
 public:
  Activations(Backend& backend, const ModelShape& shape, DType dtype, std::int64_t max_rows);
  /// Makes all tensors `n_rows` <= max_rows rows long; what they held is lost.
  void set_rows(std::int64_t n_rows);
  /// Bytes that an object for `max_rows` allocates.
  [[nodiscard]] static std::int64_t size(const ModelShape& shape, DType dtype,
                                         std::int64_t max_rows);

  Tensor residual_in;  // [R, C]: the embedded tokens
  std::vector<BlockActivations> blocks;
  Tensor normed, inverse_rms;  // [R, C], [R, 1]: into the head
  Tensor logits;               // [R, V]; becomes its own gradient
  PassingGradients gradients;

 private:
  Activations(const ModelShape& shape, DType dtype);
  template <class Visit>
  void for_each_tensor(Visit visit);

  ModelShape shape_;
  DType dtype_;
  std::int64_t max_rows_ = 0;
  std::unique_ptr<Buffer> buffer_;
};

}  // namespace isoflop
