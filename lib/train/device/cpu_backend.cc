// SPDX-License-Identifier: Apache-2.0
#include "train/device/cpu_backend.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <vector>

#include "train/cpu/cpu_blas.h"
#include "train/cpu/select.h"
#include "train/device/cpu_lifted.h"
#include "train/device/peak_memory.h"
#include "train/device/rope_table.h"

namespace isoflop {
namespace {

std::size_t bytes_of(Tensor x) { return static_cast<std::size_t>(x.size() * size_of(x.dtype)); }
const std::int32_t* ids_of(Tensor tokens) { return static_cast<const std::int32_t*>(tokens.data); }

void copy_bytes(void* to, const void* from, std::size_t n_bytes) {
  if (n_bytes > 0) std::memcpy(to, from, n_bytes);
}

class CpuBuffer final : public Buffer {
 public:
  explicit CpuBuffer(std::int64_t n_bytes) : data_(memory_.at_least(n_bytes / 4 + 1)) {
    std::memset(data_, 0, static_cast<std::size_t>(n_bytes));
  }
  [[nodiscard]] void* data() override { return data_; }

 private:
  Scratch memory_;
  void* data_;
};

class CpuStaging final : public Staging {
 public:
  explicit CpuStaging(std::int64_t n_bytes) : memory_(static_cast<std::size_t>(n_bytes)) {}
  [[nodiscard]] void* wait() override { return memory_.data(); }
  void send(void* device) override { copy_bytes(device, memory_.data(), memory_.size()); }
  void fetch(const void* device) override { copy_bytes(memory_.data(), device, memory_.size()); }

 private:
  std::vector<std::byte> memory_;
};

/// The kernels work on floats: every operation gives them its tensors through in(), out() and
/// in_out(). A bf16 output is rounded where that view of it ends: with the statement, or the scope.
class CpuBackend final : public Backend {
 public:
  CpuBackend(const CpuKernels& kernels, ProductCode products)
      : kernels_(kernels), products_(products) {
    use_one_blas_thread();
  }

  [[nodiscard]] std::string name() const override {
    return std::string("cpu (") + kernels_.isa + ", " + blas_name() + ")";
  }
  [[nodiscard]] std::unique_ptr<Buffer> allocate(std::int64_t n_bytes) override {
    return std::make_unique<CpuBuffer>(n_bytes);
  }
  [[nodiscard]] std::unique_ptr<Staging> make_staging(std::int64_t n_bytes) override {
    return std::make_unique<CpuStaging>(n_bytes);
  }
  void upload(void* device, const void* host, std::int64_t n_bytes) override {
    copy_bytes(device, host, static_cast<std::size_t>(n_bytes));
  }
  void download(void* host, const void* device, std::int64_t n_bytes) override {
    copy_bytes(host, device, static_cast<std::size_t>(n_bytes));
  }
  void copy(Tensor from, Tensor to) override { copy_bytes(to.data, from.data, bytes_of(to)); }
  void zero(Tensor x) override {
    if (x.size() > 0) std::memset(x.data, 0, bytes_of(x));
  }
  /// The system gives memory when it is first written to, not when it is asked for.
  [[nodiscard]] std::int64_t available_memory() const override {
    return std::numeric_limits<std::int64_t>::max();
  }
  /// Of the whole process.
  [[nodiscard]] std::int64_t peak_memory() const override { return peak_memory_bytes(); }
  [[nodiscard]] std::int64_t counted_flops() const override { return flops_; }

  void linear_forward(Tensor x, Tensor w, Tensor y) override {
    multiply(
        {y.rows, y.cols, x.cols, in(x), x.cols, false, in(w), w.cols, true, out(y), y.cols, false});
  }
  void linear_backward_input(Tensor dy, Tensor w, Tensor dx) override {
    multiply({dx.rows, dx.cols, dy.cols, in(dy), dy.cols, false, in(w), w.cols, false, out(dx),
              dx.cols, false});
  }
  void linear_backward_weight(Tensor dy, Tensor x, Tensor dw) override {
    multiply({dw.rows, dw.cols, dy.rows, in(dy), dy.cols, true, in(x), x.cols, false, in_out(dw),
              dw.cols, true});
  }

  void embedding_forward(Tensor tokens, Tensor w, std::int64_t first_token, Tensor x) override {
    for (std::int64_t r = 0; r < x.rows; ++r) {
      const std::int64_t row = ids_of(tokens)[r] - first_token;
      const Tensor target = x.slice(r, 1);
      if (row >= 0 && row < w.rows)
        std::memcpy(target.data, w.slice(row, 1).data, bytes_of(target));
      else
        std::memset(target.data, 0, bytes_of(target));
    }
  }
  void embedding_backward(Tensor tokens, Tensor dx, std::int64_t first_token, Tensor dw) override {
    const Lifted gradient = in(dx);
    for (std::int64_t r = 0; r < dx.rows; ++r) {
      const std::int64_t row = ids_of(tokens)[r] - first_token;
      if (row < 0 || row >= dw.rows) continue;
      float* target = dw.f32() + row * dw.cols;
      const std::array<const float*, 2> terms{target, gradient + r * dx.cols};
      kernels_.sum(dx.cols, 2, terms.data(), target);
    }
  }

  void rmsnorm_forward(Tensor residual, Tensor delta, Tensor gain, float epsilon, Tensor y,
                       Tensor inverse_rms) override {
    if (delta.data != nullptr && residual.dtype == DType::bf16) {
      sum(std::array{residual, delta}, residual);  // what is normed is what is stored
      delta = {};
    }
    kernels_.rmsnorm_forward(residual.rows, residual.cols, in_out(residual), in(delta), in(gain),
                             epsilon, out(y), inverse_rms.f32());
  }
  void rmsnorm_backward(Tensor dy, Tensor residual, Tensor gain, Tensor inverse_rms,
                        Tensor dresidual, Tensor dgain) override {
    kernels_.rmsnorm_backward(residual.rows, residual.cols, in(dy), in(residual), in(gain),
                              inverse_rms.f32(), in_out(dresidual), dgain.f32());
  }

  void rope(Tensor qkv, const AttentionDims& dims, float theta, bool inverse) override {
    const RopeTable& table = rope_table(dims, theta);
    kernels_.rope(qkv.rows, qkv.cols, dims.n_heads + dims.n_kv_heads, dims.d_head, dims.seq_len,
                  table.cosines(), table.sines(), inverse ? -1.0f : 1.0f, in_out(qkv));
  }

  void attention_forward(Tensor qkv, const AttentionDims& dims, Tensor heads,
                         Tensor log_sum_exp) override {
    const Lifted x = in(qkv), y = out(heads);
    flops_ += kernels_.attention_forward(attention_args(dims, x, y, log_sum_exp));
  }
  void attention_backward(Tensor qkv, const AttentionDims& dims, Tensor heads, Tensor log_sum_exp,
                          Tensor dheads, Tensor dqkv) override {
    const Lifted x = in(qkv), y = in(heads), dy = in(dheads), dx = out(dqkv);
    AttentionArgs args = attention_args(dims, x, y, log_sum_exp);
    args.dout = dy;
    args.dqkv = dx;
    flops_ += kernels_.attention_backward(args);
  }

  void swiglu_forward(Tensor gate_up, Tensor act) override {
    kernels_.swiglu_forward(act.rows, act.cols, in(gate_up), out(act));
  }
  void swiglu_backward(Tensor dact, Tensor gate_up) override {
    kernels_.swiglu_backward(dact.rows, dact.cols, in(dact), in_out(gate_up));
  }
  void gelu_forward(Tensor x, Tensor act) override {
    kernels_.gelu_forward(x.size(), in(x), out(act));
  }
  void gelu_backward(Tensor dact, Tensor x) override {
    kernels_.gelu_backward(x.size(), in(dact), in_out(x));
  }

  void cross_entropy(Tensor logits, Tensor targets, float scale, Tensor losses) override {
    kernels_.cross_entropy(logits.rows, logits.cols, in_out(logits), ids_of(targets), scale,
                           losses.f32());
  }
  void vocabulary_statistics(Tensor logits, Tensor targets, std::int64_t first_token,
                             Tensor statistics) override {
    kernels_.vocabulary_statistics(logits.rows, logits.cols, in(logits), ids_of(targets),
                                   first_token, statistics.f32());
  }
  void vocabulary_cross_entropy(Tensor logits, Tensor targets, std::int64_t first_token,
                                Tensor statistics, float scale, Tensor losses) override {
    if (logits.rows == 0) return;
    kernels_.vocabulary_cross_entropy(logits.rows, logits.cols, in_out(logits), ids_of(targets),
                                      first_token, statistics.rows / logits.rows, statistics.f32(),
                                      scale, losses.f32());
  }

  void cast(Tensor x, Tensor y) override {
    if (x.dtype == y.dtype) {
      if (x.size() > 0) std::memmove(y.data, x.data, bytes_of(x));
    } else if (y.dtype == DType::bf16) {
      kernels_.round_to_bf16(x.size(), x.f32(), bf16_of(y));
    } else {
      kernels_.lift(x.size(), bf16_of(x), y.f32());
    }
  }
  void sum(std::span<const Tensor> x, Tensor y) override {
    if (y.dtype == DType::f64) return sum_doubles(x, y);
    inputs_.clear();
    sum_with_inputs(x, y);
  }
  void squared_norms(Tensor x, std::span<const Range> parts, Tensor sums) override {
    const Lifted all = in(x);
    for (std::size_t i = 0; i < parts.size(); ++i)
      sums.f64()[i] = kernels_.squared_norm(parts[i].size(), all + parts[i].begin);
  }
  void row_sums(Tensor x, Tensor sums) override {
    for (std::int64_t r = 0; r < x.rows; ++r) {
      const float* row = x.f32() + r * x.cols;
      sums.f64()[r] = std::accumulate(row, row + x.cols, 0.0);
    }
  }
  void dot(Tensor a, Tensor b, Tensor result) override {
    *result.f64() = std::inner_product(a.f64(), a.f64() + a.size(), b.f64(), 0.0);
  }
  void clip_scale(Tensor measures, double max_norm, Tensor scale) override {
    const double* all = measures.f64();
    const bool finite =
        std::all_of(all, all + measures.size(), [](double x) { return std::isfinite(x); });
    const bool updates = finite && *scale.f32() >= 0;
    *scale.f32() = updates ? static_cast<float>(std::min(1.0, max_norm / std::sqrt(*all))) : -1.0f;
  }
  void adamw(std::span<const AdamWPart> parts, float beta1, float beta2, const AdamWStep* step,
             const float* scale) override {
    if (*scale < 0) return;
    for (const AdamWPart& part : parts) {
      kernels_.adamw(
          part.size, part.w, part.grad, part.m, part.v, static_cast<std::uint16_t*>(part.rounded),
          {static_cast<float>(part.learning_rate * step->learning_rate), beta1, beta2, part.epsilon,
           part.weight_decay, step->bias_correction1, step->bias_correction2, *scale});
    }
  }

 private:
  [[nodiscard]] Lifted in(Tensor x) { return {kernels_, lifted_, x, Access::read}; }
  [[nodiscard]] Lifted out(Tensor x) { return {kernels_, lifted_, x, Access::write}; }
  [[nodiscard]] Lifted in_out(Tensor x) { return {kernels_, lifted_, x, Access::update}; }

  /// Up to 4 MiB of operands the kernels are the faster (measured against OpenBLAS 0.3.21 on Zen 4
  /// with AVX-512 and with AVX2: 110 to 60-106 GFLOP/s); from there on both are equal, and the
  /// library has the better blocking for matrices that leave the cache.
  [[nodiscard]] bool by_blas(const Product& p) const {
    if (products_ != ProductCode::automatic) return products_ == ProductCode::blas;
    return blas_knows_the_machine() && p.m * p.n + p.n * p.k + p.k * p.m > (std::int64_t{1} << 20);
  }

  void multiply(const Product& p) {
    if (p.m == 0 || p.n == 0) return;
    if (p.k == 0) {
      if (!p.accumulate) std::fill_n(p.c, p.m * p.n, 0.0f);
      return;
    }
    flops_ += 2 * p.m * p.n * p.k;
    if (by_blas(p))
      blas_product(p);
    else
      kernels_.product(p, scratch_.at_least(kernels_.product_scratch(p)));
  }

  static void sum_doubles(std::span<const Tensor> x, Tensor y) {
    for (std::int64_t i = 0; i < y.size(); ++i) {
      double sum = x.front().f64()[i];
      for (const Tensor& term : x.subspan(1)) sum += term.f64()[i];
      y.f64()[i] = sum;
    }
  }

  /// y = inputs_ + x: each lifted input lives as long as the call that added it.
  void sum_with_inputs(std::span<const Tensor> x, Tensor y) {
    if (x.empty())
      return kernels_.sum(y.size(), static_cast<std::int64_t>(inputs_.size()), inputs_.data(),
                          out(y));
    const Lifted first = in(x.front());
    inputs_.push_back(first);
    sum_with_inputs(x.subspan(1), y);
  }

  const RopeTable& rope_table(const AttentionDims& dims, float theta) {
    for (const RopeTable& table : rope_tables_)
      if (table.is_for(dims.seq_len, dims.d_head, theta)) return table;
    return rope_tables_.emplace_back(dims.seq_len, dims.d_head, theta);
  }

  AttentionArgs attention_args(const AttentionDims& dims, const float* qkv, float* heads,
                               Tensor log_sum_exp) {
    AttentionArgs args{dims.n_seqs, dims.seq_len, dims.n_heads, dims.n_kv_heads, dims.d_head};
    args.qkv = qkv;
    args.out = heads;
    args.log_sum_exp = log_sum_exp.f32();
    args.scratch = scratch_.at_least(kernels_.attention_scratch(args));
    return args;
  }

  const CpuKernels& kernels_;
  ProductCode products_;
  Scratch scratch_;
  LiftScratch lifted_;
  std::vector<const float*> inputs_;
  std::vector<RopeTable> rope_tables_;
  std::int64_t flops_ = 0;
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend(const CpuKernels& kernels, ProductCode products) {
  return std::make_unique<CpuBackend>(kernels, products);
}

std::unique_ptr<Backend> make_cpu_backend() {
  return make_cpu_backend(*available_cpu_kernels().back());
}

}  // namespace isoflop
