// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "isoflop/model_shape.h"
#include "train/contract/range.h"

namespace isoflop {

enum class DType { f32, bf16, i32, f64 };
[[nodiscard]] constexpr std::int64_t size_of(DType dtype) {
  return dtype == DType::bf16 ? 2 : dtype == DType::f64 ? 8 : 4;
}

/// A view of a dense row-major matrix in a backend's memory. Owns nothing, costs nothing to copy.
struct Tensor {
  void* data = nullptr;
  DType dtype = DType::f32;
  std::int64_t rows = 0, cols = 0;

  [[nodiscard]] std::int64_t size() const { return rows * cols; }
  [[nodiscard]] float* f32() const { return static_cast<float*>(data); }
  [[nodiscard]] double* f64() const { return static_cast<double*>(data); }
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

/// Memory of the host through which a backend moves data to and from its own without anyone
/// waiting.
class Staging {
 public:
  virtual ~Staging() = default;
  /// What was fetched last, or what will be sent next. Waits until what was started is done.
  [[nodiscard]] virtual void* wait() = 0;
  /// Starts the copy of all of it to backend memory, or from there; behind the operations called
  /// before, in front of those called later.
  virtual void send(void* device) = 0;
  virtual void fetch(const void* device) = 0;
};

/// One attention problem: `n_seqs` independent causal sequences of `seq_len` rows.
struct AttentionDims {
  std::int64_t n_seqs = 0, seq_len = 0, n_heads = 0, n_kv_heads = 0, d_head = 0;
  /// Columns of the fused projection: queries of all heads, then keys, then values.
  [[nodiscard]] std::int64_t qkv_cols() const { return (n_heads + 2 * n_kv_heads) * d_head; }
  [[nodiscard]] std::int64_t rows() const { return n_seqs * seq_len; }
};

/// Elements that AdamW treats alike; w, grad, m, v and rounded are memory of a backend.
struct AdamWPart {
  float* w = nullptr;
  const float* grad = nullptr;
  float *m = nullptr, *v = nullptr;
  void* rounded = nullptr;  // null, or bf16: gets w rounded
  std::int64_t size = 0;
  double learning_rate = 1;  // factor on the step's
  float epsilon = 0, weight_decay = 0;
};

/// What changes from step to step.
struct AdamWStep {
  double learning_rate = 0;
  float bias_correction1 = 0, bias_correction2 = 0;  // 1 - beta^t
};

class Communicator;

/// The operations a transformer is made of, at the granularity at which a device fuses them: a
/// virtual call per operation is free, and the transformer is written once. Letters in comments: R
/// rows (tokens of the micro-batch), C d_model, F d_ff, V vocabulary, H query heads, K key/value
/// heads, S d_head. "+=" accumulates into the output, "=" overwrites it.
///
/// The transformer checks shapes; a backend gets valid tensors of its own memory. A backend is used
/// from one thread. Sums run in an order that depends on the shapes alone, so that equal inputs
/// give equal bits. R = 0 is legal. Operations run in the order in which they are called; only what
/// says so waits for them.
///
/// Weights, activations and their gradients are all f32 or all bf16: bf16 is storage, each
/// operation lifts its inputs, computes in f32 and rounds every output once, to nearest even.
/// Always f32: gradients of weights (dw, dgain), inverse_rms, log_sum_exp, statistics, losses, and
/// what AdamW works on (DeepSeek LLM, arXiv:2401.02954, sec. 2.4).
class Backend {
 public:
  virtual ~Backend() = default;
  [[nodiscard]] virtual std::string name() const = 0;

  // Memory. upload and download return when the host's memory may be used again.
  [[nodiscard]] virtual std::unique_ptr<Buffer> allocate(std::int64_t n_bytes) = 0;
  [[nodiscard]] virtual std::unique_ptr<Staging> make_staging(std::int64_t n_bytes) = 0;
  virtual void upload(void* device, const void* host, std::int64_t n_bytes) = 0;
  virtual void download(void* host, const void* device, std::int64_t n_bytes) = 0;
  virtual void zero(Tensor x) = 0;
  /// `from` may be memory of another backend of the same kind.
  virtual void copy(Tensor from, Tensor to) = 0;
  virtual void synchronize() {}
  /// Bytes that are left for tensors and scratch_bytes() together, and the most that were allocated
  /// at a time.
  [[nodiscard]] virtual std::int64_t available_memory() const = 0;
  [[nodiscard]] virtual std::int64_t peak_memory() const = 0;

  /// The most that the operations take beside their tensors, in a step of micro-batches of `n_rows`
  /// of a model whose part here has this shape.
  [[nodiscard]] virtual std::int64_t scratch_bytes(const ModelShape& shape, std::int64_t n_rows,
                                                   DType dtype) const {
    (void)shape, (void)n_rows, (void)dtype;
    return 0;
  }
  /// FLOP/s of matrix products at the most, by the data sheet; 0 where it is not known.
  [[nodiscard]] virtual double peak_flops(DType dtype) const {
    (void)dtype;
    return 0;
  }

  /// Does `work`, operations that are the same, on the same memory, whenever `number` is: a backend
  /// may record them once and replay them. `work` calls nothing that waits.
  virtual void repeat(int number, const std::function<void()>& work) {
    (void)number;
    work();
  }
  /// How many steps of training the host may be ahead of the backend.
  [[nodiscard]] virtual int steps_ahead() const { return 0; }

  /// A faster way for the ranks of `host`, one backend each, to exchange memory of their backends,
  /// or null where there is none. Called by all ranks together.
  [[nodiscard]] virtual std::unique_ptr<Communicator> connect(Communicator& host);

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
  // y = (x[0] + x[1]) + x[2] ..., elementwise; y may be one of them. All of one type: f64, or f32
  // or bf16, added in f32.
  virtual void sum(std::span<const Tensor> x, Tensor y) = 0;

  // Measures of a step, all f64, in a fixed order. Spans and pointers are to memory of the backend.
  // sums [n, 1]: of squares of the elements parts[i] of x; NaN or infinite where one of them is.
  virtual void squared_norms(Tensor x, std::span<const Range> parts, Tensor sums) = 0;
  // sums [n, 1] = sums of the rows of x [n, m] (f32).
  virtual void row_sums(Tensor x, Tensor sums) = 0;
  // result [1, 1] = sum of a[i] b[i]: 0 * NaN is NaN.
  virtual void dot(Tensor a, Tensor b, Tensor result) = 0;
  // scale [1, 1] f32 = min(1, max_norm / sqrt(measures[0])); -1 where one of the measures is not
  // finite or scale was negative already.
  virtual void clip_scale(Tensor measures, double max_norm, Tensor scale) = 0;

  // One AdamW step with the gradient times *scale: m, v, then w -= lr (mhat / (sqrt(vhat) + eps) +
  // decay w), lr = float(part's * step's). Changes nothing where *scale is negative.
  virtual void adamw(std::span<const AdamWPart> parts, float beta1, float beta2,
                     const AdamWStep* step, const float* scale) = 0;
};

/// The embedded default: one thread, vectorised for the machine it runs on.
[[nodiscard]] std::unique_ptr<Backend> make_cpu_backend();

/// The GPU number `device_index`. Throws Error(unavailable) where the build or the machine has
/// none.
[[nodiscard]] std::unique_ptr<Backend> make_cuda_backend(int device_index);

}  // namespace isoflop
