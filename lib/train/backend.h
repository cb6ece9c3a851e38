// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "train/range.h"

namespace isoflop {

enum class DType { f32, bf16, i32 };
[[nodiscard]] constexpr std::int64_t size_of(DType dtype) { return dtype == DType::bf16 ? 2 : 4; }

/// A view of a dense row-major matrix in a backend's memory. Owns nothing, costs nothing to copy.
struct Tensor {
  void* data = nullptr;
  DType dtype = DType::f32;
  std::int64_t rows = 0, cols = 0;

  [[nodiscard]] std::int64_t size() const { return rows * cols; }
  [[nodiscard]] float* f32() const { return static_cast<float*>(data); }
  /// Rows first ... first + n - 1.
  [[nodiscard]] Tensor slice(std::int64_t first, std::int64_t n) const {
    return {static_cast<std::byte*>(data) + first * cols * size_of(dtype), dtype, n, cols};
  }
};

/// Memory of a backend, zero when allocated; freed with the object.
class Buffer {
 public:
  virtual ~Buffer() = default;
  [[nodiscard]] virtual void* data() = 0;
};

/// One attention problem: `n_seqs` independent causal sequences of `seq_len` rows.
struct AttentionDims {
  std::int64_t n_seqs = 0, seq_len = 0, n_heads = 0, n_kv_heads = 0, d_head = 0;
  /// Columns of the fused projection: queries of all heads, then keys, then values.
  [[nodiscard]] std::int64_t qkv_cols() const { return (n_heads + 2 * n_kv_heads) * d_head; }
  [[nodiscard]] std::int64_t rows() const { return n_seqs * seq_len; }
};

struct AdamWSettings {
  float learning_rate, beta1, beta2, epsilon, weight_decay;
  float bias_correction1, bias_correction2;  // 1 - beta^t
  float grad_scale;                          // the clip factor
};

/// The operations a transformer is made of, at the granularity at which a device fuses them: a
/// virtual call per operation is free, and the transformer is written once. Letters in comments: R
/// rows (tokens of the micro-batch), C d_model, F d_ff, V vocabulary, H query heads, K key/value
/// heads, S d_head. "+=" accumulates into the output, "=" overwrites it.
///
/// The transformer checks shapes; a backend gets valid tensors of its own memory. A backend is used
/// from one thread. Sums run in an order that depends on the shapes alone, so that equal inputs
/// give equal bits. R = 0 is legal.
///
/// Weights, activations and their gradients are all f32 or all bf16: bf16 is storage, each
/// operation lifts its inputs, computes in f32 and rounds every output once, to nearest even.
/// Always f32: gradients of weights (dw, dgain), inverse_rms, log_sum_exp, statistics, losses, and
/// what AdamW works on (DeepSeek LLM, arXiv:2401.02954, sec. 2.4).
class Backend {
 public:
  virtual ~Backend() = default;
  [[nodiscard]] virtual std::string name() const = 0;

  // Memory.
  [[nodiscard]] virtual std::unique_ptr<Buffer> allocate(std::int64_t n_bytes) = 0;
  virtual void upload(void* device, const void* host, std::int64_t n_bytes) = 0;
  virtual void download(void* host, const void* device, std::int64_t n_bytes) = 0;
  virtual void zero(Tensor x) = 0;
  virtual void synchronize() {}

  /// Multiply-accumulate FLOPs (2 per product) done by the products below and in attention since
  /// the backend was made, counted where they are done: what FLOPs accounting is checked against.
  [[nodiscard]] virtual std::int64_t counted_flops() const = 0;

  // y [R, out] = x [R, in] W^T, W [out, in].
  virtual void linear_forward(Tensor x, Tensor w, Tensor y) = 0;
  // dx [R, in] = dy [R, out] W.
  virtual void linear_backward_input(Tensor dy, Tensor w, Tensor dx) = 0;
  // dw [out, in] (f32) += dy^T x.
  virtual void linear_backward_weight(Tensor dy, Tensor x, Tensor dw) = 0;

  // x [R, C] = row of each token (i32 [R, 1]) of w [V, C], which holds the rows of tokens
  // first_token ... first_token + V - 1 of a larger table; zeros for other tokens.
  virtual void embedding_forward(Tensor tokens, Tensor w, std::int64_t first_token, Tensor x) = 0;
  // dw (f32) += dx, row by row, in row order.
  virtual void embedding_backward(Tensor tokens, Tensor dx, std::int64_t first_token,
                                  Tensor dw) = 0;

  // residual [R, C] += delta (where delta.data is not null), rounded; y = residual / rms(residual)
  // * gain; inverse_rms [R, 1] kept for the backward pass. rms(x)^2 = mean(x^2) + epsilon.
  virtual void rmsnorm_forward(Tensor residual, Tensor delta, Tensor gain, float epsilon, Tensor y,
                               Tensor inverse_rms) = 0;
  // dresidual [R, C] += gradient through the norm; dgain [1, C] (f32) +=.
  virtual void rmsnorm_backward(Tensor dy, Tensor residual, Tensor gain, Tensor inverse_rms,
                                Tensor dresidual, Tensor dgain) = 0;

  // Rotates the queries and keys inside qkv [R, (H + 2K) S] in place: pair (i, i + S/2) of each
  // head by position * theta^(-2i/S), position = row modulo seq_len (the Hugging Face Llama
  // layout). inverse: by the opposite angle, which is the backward pass.
  virtual void rope(Tensor qkv, const AttentionDims& dims, float theta, bool inverse) = 0;

  // out [R, H S] = softmax(q k^T / sqrt(S), causal) v per head; log_sum_exp [R, H] f32 kept.
  virtual void attention_forward(Tensor qkv, const AttentionDims& dims, Tensor out,
                                 Tensor log_sum_exp) = 0;
  // dqkv [R, (H + 2K) S] = gradient of all three.
  virtual void attention_backward(Tensor qkv, const AttentionDims& dims, Tensor out,
                                  Tensor log_sum_exp, Tensor dout, Tensor dqkv) = 0;

  // act [R, F] = silu(gate) * up, gate_up [R, 2F] = gate columns, then up columns.
  virtual void swiglu_forward(Tensor gate_up, Tensor act) = 0;
  // gate_up becomes its gradient, in place.
  virtual void swiglu_backward(Tensor dact, Tensor gate_up) = 0;
  // act = gelu(x) (tanh form) and, in place, x = dact * gelu'(x).
  virtual void gelu_forward(Tensor x, Tensor act) = 0;
  virtual void gelu_backward(Tensor dact, Tensor x) = 0;

  // losses [R, 1] f32 = -log softmax(logits)[target]; with `scale` != 0 logits [R, V] become scale
  // * (softmax - onehot) in place. Targets i32 [R, 1].
  virtual void cross_entropy(Tensor logits, Tensor targets, float scale, Tensor losses) = 0;

  // The same where each of n ranks holds the logits of V tokens from first_token on of a larger
  // vocabulary, in two passes. statistics [R, 3] f32 = the row's largest logit m, sum of
  // exp(logit - m), and the target's logit, 0 where another rank holds it.
  virtual void vocabulary_statistics(Tensor logits, Tensor targets, std::int64_t first_token,
                                     Tensor statistics) = 0;
  // statistics [n R, 3]: those of all ranks, one after the other.
  virtual void vocabulary_cross_entropy(Tensor logits, Tensor targets, std::int64_t first_token,
                                        Tensor statistics, float scale, Tensor losses) = 0;

  // y = x rounded or lifted to y's type.
  virtual void cast(Tensor x, Tensor y) = 0;
  // y = (x[0] + x[1]) + x[2] ... in f32, elementwise; y may be one of them.
  virtual void sum(std::span<const Tensor> x, Tensor y) = 0;
  // sums[i] = sum of squares of the elements parts[i] of x, in double, in a fixed order; NaN or
  // infinite where one of them is. Synchronises.
  virtual void squared_norms(Tensor x, std::span<const Range> parts, std::span<double> sums) = 0;
  // One AdamW step on f32 tensors of one size: m, v, then w -= lr (mhat / (sqrt(vhat) + eps) +
  // decay w). `rounded` is null, or bf16 and gets w rounded.
  virtual void adamw(Tensor w, Tensor grad, Tensor m, Tensor v, const AdamWSettings& settings,
                     Tensor rounded) = 0;
};

/// The embedded default: one thread, vectorised for the machine it runs on.
[[nodiscard]] std::unique_ptr<Backend> make_cpu_backend();

/// The GPU number `device_index`. Throws Error(unavailable) where the build or the machine has
/// none.
[[nodiscard]] std::unique_ptr<Backend> make_cuda_backend(int device_index);

}  // namespace isoflop
