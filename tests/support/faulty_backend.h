// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "base/rng.h"
#include "train/contract/backend.h"

namespace isoflop::test {

/// Passes everything on to another backend on the CPU, and after operation number `at` plants
/// `value` somewhere in what it has written. The optimizer's own operations are not
/// counted, nor are sums of measures, which all ranks take alike.
class FaultyBackend final : public Backend {
 public:
  FaultyBackend(std::unique_ptr<Backend> inner, std::int64_t at, float value, std::uint64_t seed)
      : inner_(std::move(inner)), at_(at), value_(value), rng_(seed) {}

  /// Operations seen so far, and the one that was broken.
  [[nodiscard]] std::int64_t n_operations() const { return n_operations_; }
  [[nodiscard]] const std::string& broken() const { return broken_; }

  [[nodiscard]] std::string name() const override { return inner_->name(); }
  [[nodiscard]] std::unique_ptr<Buffer> allocate(std::int64_t n_bytes) override {
    return inner_->allocate(n_bytes);
  }
  [[nodiscard]] std::unique_ptr<Staging> make_staging(std::int64_t n_bytes) override {
    return inner_->make_staging(n_bytes);
  }
  void upload(void* device, const void* host, std::int64_t n_bytes) override {
    inner_->upload(device, host, n_bytes);
  }
  void download(void* host, const void* device, std::int64_t n_bytes) override {
    inner_->download(host, device, n_bytes);
  }
  void zero(Tensor x) override { inner_->zero(x); }
  void copy(Tensor from, Tensor to) override { inner_->copy(from, to); }
  [[nodiscard]] std::int64_t available_memory() const override {
    return inner_->available_memory();
  }
  [[nodiscard]] std::int64_t peak_memory() const override { return inner_->peak_memory(); }
  [[nodiscard]] std::int64_t counted_flops() const override { return inner_->counted_flops(); }

  void linear_forward(Tensor x, Tensor w, Tensor y) override {
    inner_->linear_forward(x, w, y);
    wrote("linear_forward", {y});
  }
  void linear_backward_input(Tensor dy, Tensor w, Tensor dx) override {
    inner_->linear_backward_input(dy, w, dx);
    wrote("linear_backward_input", {dx});
  }
  void linear_backward_weight(Tensor dy, Tensor x, Tensor dw) override {
    inner_->linear_backward_weight(dy, x, dw);
    wrote("linear_backward_weight", {dw});
  }
  void embedding_forward(Tensor tokens, Tensor w, std::int64_t first, Tensor x) override {
    inner_->embedding_forward(tokens, w, first, x);
    wrote("embedding_forward", {x});
  }
  void embedding_backward(Tensor tokens, Tensor dx, std::int64_t first, Tensor dw) override {
    inner_->embedding_backward(tokens, dx, first, dw);
    wrote("embedding_backward", {dw});
  }
  void rmsnorm_forward(Tensor residual, Tensor delta, Tensor gain, float epsilon, Tensor y,
                       Tensor inverse_rms) override {
    inner_->rmsnorm_forward(residual, delta, gain, epsilon, y, inverse_rms);
    wrote("rmsnorm_forward", {residual, y, inverse_rms});
  }
  void rmsnorm_backward(Tensor dy, Tensor residual, Tensor gain, Tensor inverse_rms,
                        Tensor dresidual, Tensor dgain) override {
    inner_->rmsnorm_backward(dy, residual, gain, inverse_rms, dresidual, dgain);
    wrote("rmsnorm_backward", {dresidual, dgain});
  }
  void rope(Tensor qkv, const AttentionDims& dims, float theta, bool inverse) override {
    inner_->rope(qkv, dims, theta, inverse);
    wrote("rope", {qkv});
  }
  void attention_forward(Tensor qkv, const AttentionDims& dims, Tensor out,
                         Tensor log_sum_exp) override {
    inner_->attention_forward(qkv, dims, out, log_sum_exp);
    wrote("attention_forward", {out, log_sum_exp});
  }
  void attention_backward(Tensor qkv, const AttentionDims& dims, Tensor out, Tensor log_sum_exp,
                          Tensor dout, Tensor dqkv) override {
    inner_->attention_backward(qkv, dims, out, log_sum_exp, dout, dqkv);
    wrote("attention_backward", {dqkv});
  }
  void swiglu_forward(Tensor gate_up, Tensor act) override {
    inner_->swiglu_forward(gate_up, act);
    wrote("swiglu_forward", {act});
  }
  void swiglu_backward(Tensor dact, Tensor gate_up) override {
    inner_->swiglu_backward(dact, gate_up);
    wrote("swiglu_backward", {gate_up});
  }
  void gelu_forward(Tensor x, Tensor act) override {
    inner_->gelu_forward(x, act);
    wrote("gelu_forward", {act});
  }
  void gelu_backward(Tensor dact, Tensor x) override {
    inner_->gelu_backward(dact, x);
    wrote("gelu_backward", {x});
  }
  void cross_entropy(Tensor logits, Tensor targets, float scale, Tensor losses) override {
    inner_->cross_entropy(logits, targets, scale, losses);
    wrote("cross_entropy", {logits, losses});
  }
  void vocabulary_statistics(Tensor logits, Tensor targets, std::int64_t first,
                             Tensor statistics) override {
    inner_->vocabulary_statistics(logits, targets, first, statistics);
    wrote("vocabulary_statistics", {statistics});
  }
  void vocabulary_cross_entropy(Tensor logits, Tensor targets, std::int64_t first,
                                Tensor statistics, float scale, Tensor losses) override {
    inner_->vocabulary_cross_entropy(logits, targets, first, statistics, scale, losses);
    wrote("vocabulary_cross_entropy", {logits, losses});
  }
  void cast(Tensor x, Tensor y) override { inner_->cast(x, y); }
  void sum(std::span<const Tensor> x, Tensor y) override {
    inner_->sum(x, y);
    if (y.dtype != DType::f64) wrote("sum", {y});
  }
  void squared_norms(Tensor x, std::span<const Range> parts, Tensor sums) override {
    inner_->squared_norms(x, parts, sums);
    wrote("squared_norms", {sums});
  }
  void row_sums(Tensor x, Tensor sums) override {
    inner_->row_sums(x, sums);
    wrote("row_sums", {sums});
  }
  void dot(Tensor a, Tensor b, Tensor result) override { inner_->dot(a, b, result); }
  void clip_scale(Tensor measures, double max_norm, Tensor scale) override {
    inner_->clip_scale(measures, max_norm, scale);
  }
  void adamw(std::span<const AdamWPart> parts, float beta1, float beta2, const AdamWStep* step,
             const float* scale) override {
    inner_->adamw(parts, beta1, beta2, step, scale);
  }

 private:
  void wrote(const char* operation, std::initializer_list<Tensor> outputs) {
    if (n_operations_++ != at_) return;
    const Tensor output = outputs.begin()[rng_.below(outputs.size(), 0)];
    if (output.size() == 0) return;
    const std::uint64_t i = rng_.below(static_cast<std::uint64_t>(output.size()), 1);
    const Tensor element{
        static_cast<std::byte*>(output.data) + static_cast<std::int64_t>(i) * size_of(output.dtype),
        output.dtype, 1, 1};
    if (element.dtype == DType::f64) {
      *element.f64() = static_cast<double>(value_);
    } else {
      inner_->cast({&value_, DType::f32, 1, 1}, element);
    }
    broken_ = operation;
  }

  std::unique_ptr<Backend> inner_;
  std::int64_t at_, n_operations_ = 0;
  float value_;
  Rng rng_;
  std::string broken_;
};

}  // namespace isoflop::test
