// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "isoflop/model_shape.h"
#include "train/contract/backend.h"
#include "train/network/activations.h"
#include "train/network/parameters.h"
#include "train/network/sequence_parallel.h"

namespace isoflop {

/// Forward and backward pass of the decoder, written once for all backends and for any number of
/// tensor-parallel ranks, which call it together. Holds activations of type `dtype`, no weights.
/// Token tensors are i32 [R, 1], R = whole sequences of seq_len rows, one after the other; losses
/// f32 [R, 1]; all ranks get the same tokens and the same losses.
class Transformer {
 public:
  /// `shape` is the whole model's; weights and gradients are this rank's part of it.
  Transformer(Backend& backend, Communicator& tensor_parallel, const ModelShape& shape, DType dtype,
              std::int64_t max_seqs);

  /// losses = -log p(target) of every row.
  void evaluate(const ModelTensors& weights, Tensor tokens, Tensor targets, Tensor losses);

  /// Called in the backward pass as soon as the gradients of a layer's matrices are final: with the
  /// number of the block, n_layers for the head (where it is not tied), -1 for the embedding.
  using LayerDone = std::function<void(std::int64_t layer)>;

  /// The same, and gradients += loss_weight * gradient of the sum of the losses. Of what several
  /// ranks hold (norms, shared key/value heads) each rank has a term of the gradient.
  void accumulate_gradients(const ModelTensors& weights, Tensor tokens, Tensor targets,
                            float loss_weight, ModelTensors& gradients, Tensor losses,
                            const LayerDone& layer_done = {});

  [[nodiscard]] std::int64_t max_seqs() const { return max_seqs_; }
  /// Bytes of backend memory that the object of one rank takes.
  [[nodiscard]] static std::int64_t size(const ModelShape& shape, TensorShard shard, DType dtype,
                                         std::int64_t max_seqs);

 private:
  void forward(const ModelTensors& weights, Tensor tokens);
  void cross_entropy(Tensor targets, float loss_weight, Tensor losses);
  void backward(const ModelTensors& weights, Tensor tokens, ModelTensors& gradients,
                const LayerDone& layer_done);

  Backend& backend_;
  SequenceParallel sequence_;
  TensorShard shard_;
  ModelShape shape_;  // this rank's part
  std::int64_t first_token_, max_seqs_;
  Activations activations_;
  std::unique_ptr<Buffer> statistics_;  // of the logits, [ranks R, 3]
};

}  // namespace isoflop
