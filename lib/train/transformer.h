// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "isoflop/model_shape.h"
#include "train/activations.h"
#include "train/backend.h"
#include "train/parameters.h"

namespace isoflop {

/// Forward and backward pass of the decoder on one backend, written once for all of them. Holds
/// activations, no weights. Token tensors are i32 [R, 1], R = whole sequences of seq_len rows, one
/// after the other; losses f32 [R, 1].
class Transformer {
 public:
  Transformer(Backend& backend, const ModelShape& shape, std::int64_t max_seqs);

  /// losses = -log p(target) of every row.
  void evaluate(const ModelTensors& weights, Tensor tokens, Tensor targets, Tensor losses);

  /// The same, and gradients += loss_weight * gradient of the sum of the losses.
  void accumulate_gradients(const ModelTensors& weights, Tensor tokens, Tensor targets,
                            float loss_weight, ModelTensors& gradients, Tensor losses);

  [[nodiscard]] std::int64_t max_seqs() const { return max_seqs_; }

 private:
  void forward(const ModelTensors& weights, Tensor tokens);
  void backward(const ModelTensors& weights, Tensor tokens, ModelTensors& gradients);

  Backend& backend_;
  ModelShape shape_;
  std::int64_t max_seqs_;
  Activations activations_;
};

}  // namespace isoflop
