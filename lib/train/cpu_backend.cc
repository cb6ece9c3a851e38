// SPDX-License-Identifier: Apache-2.0
#include "train/cpu_backend.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <new>
#include <vector>

#include "train/cpu/select.h"
#include "train/cpu_blas.h"

namespace isoflop {
namespace {

constexpr std::align_val_t kAlignment{64};

/// Aligned floats that grow and are not initialised.
class Scratch {
 public:
  [[nodiscard]] float* at_least(std::int64_t n_floats) {
    if (n_floats > size_) {
      data_.reset();
      data_.reset(static_cast<float*>(
          ::operator new(static_cast<std::size_t>(n_floats) * sizeof(float), kAlignment)));
      size_ = n_floats;
    }
    return data_.get();
  }

 private:
  struct Free {
    void operator()(float* p) const { ::operator delete(p, kAlignment); }
  };
  std::unique_ptr<float, Free> data_;
  std::int64_t size_ = 0;
};

class CpuBuffer final : public Buffer {
 public:
  explicit CpuBuffer(std::int64_t n_bytes) {
    float* data = memory_.at_least(n_bytes / 4 + 1);
    std::memset(data, 0, static_cast<std::size_t>(n_bytes));
    data_ = data;
  }
  [[nodiscard]] void* data() override { return data_; }

 private:
  Scratch memory_;
  void* data_;
};

/// Angles of the rotary embedding (arXiv:2104.09864): position * theta^(-2i/S).
class RopeTable {
 public:
  RopeTable(std::int64_t seq_len, std::int64_t d_head, float theta)
      : seq_len_(seq_len), d_head_(d_head), theta_(theta) {
    const std::int64_t half = d_head / 2;
    for (std::int64_t position = 0; position < seq_len; ++position)
      for (std::int64_t i = 0; i < half; ++i) {
        const double power = -2.0 * static_cast<double>(i) / static_cast<double>(d_head);
        const double angle =
            static_cast<double>(position) * std::pow(static_cast<double>(theta), power);
        cosines_.push_back(static_cast<float>(std::cos(angle)));
        sines_.push_back(static_cast<float>(std::sin(angle)));
      }
  }
  [[nodiscard]] bool is_for(std::int64_t seq_len, std::int64_t d_head, float theta) const {
    return seq_len == seq_len_ && d_head == d_head_ && theta == theta_;
  }
  [[nodiscard]] const float* cosines() const { return cosines_.data(); }
  [[nodiscard]] const float* sines() const { return sines_.data(); }

 private:
  std::int64_t seq_len_, d_head_;
  float theta_;
  std::vector<float> cosines_, sines_;
};

const std::int32_t* ids_of(Tensor tokens) { return static_cast<const std::int32_t*>(tokens.data); }
std::uint16_t* bf16_of(Tensor x) { return static_cast<std::uint16_t*>(x.data); }

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
  void upload(void* device, const void* host, std::int64_t n_bytes) override {
    if (n_bytes > 0) std::memcpy(device, host, static_cast<std::size_t>(n_bytes));
  }
  void download(void* host, const void* device, std::int64_t n_bytes) override {
    if (n_bytes > 0) std::memcpy(host, device, static_cast<std::size_t>(n_bytes));
  }
  void zero(Tensor x) override {
    if (x.size() > 0) std::memset(x.data, 0, static_cast<std::size_t>(x.size() * size_of(x.dtype)));
  }
  [[nodiscard]] std::int64_t counted_flops() const override { return flops_; }

  void linear_forward(Tensor x, Tensor w, Tensor y) override {
    multiply({y.rows, y.cols, x.cols, x.f32(), x.cols, false, w.f32(), w.cols, true, y.f32(),
              y.cols, false});
  }
  void linear_backward_input(Tensor dy, Tensor w, Tensor dx) override {
    multiply({dx.rows, dx.cols, dy.cols, dy.f32(), dy.cols, false, w.f32(), w.cols, false, dx.f32(),
              dx.cols, false});
  }
  void linear_backward_weight(Tensor dy, Tensor x, Tensor dw) override {
    multiply({dw.rows, dw.cols, dy.rows, dy.f32(), dy.cols, true, x.f32(), x.cols, false, dw.f32(),
              dw.cols, true});
  }

  void embedding_forward(Tensor tokens, Tensor w, std::int64_t first_token, Tensor x) override {
    for (std::int64_t r = 0; r < x.rows; ++r) {
      const std::int64_t row = ids_of(tokens)[r] - first_token;
      float* target = x.f32() + r * x.cols;
      if (row >= 0 && row < w.rows)
        std::copy_n(w.f32() + row * w.cols, x.cols, target);
      else
        std::fill_n(target, x.cols, 0.0f);
    }
  }
  void embedding_backward(Tensor tokens, Tensor dx, std::int64_t first_token, Tensor dw) override {
    for (std::int64_t r = 0; r < dx.rows; ++r) {
      const std::int64_t row = ids_of(tokens)[r] - first_token;
      if (row < 0 || row >= dw.rows) continue;
      float* target = dw.f32() + row * dw.cols;
      const std::array<const float*, 2> terms{target, dx.f32() + r * dx.cols};
      kernels_.sum(dx.cols, 2, terms.data(), target);
    }
  }

  void rmsnorm_forward(Tensor residual, Tensor delta, Tensor gain, float epsilon, Tensor y,
                       Tensor inverse_rms) override {
    kernels_.rmsnorm_forward(residual.rows, residual.cols, residual.f32(), delta.f32(), gain.f32(),
                             epsilon, y.f32(), inverse_rms.f32());
  }
  void rmsnorm_backward(Tensor dy, Tensor residual, Tensor gain, Tensor inverse_rms,
                        Tensor dresidual, Tensor dgain) override {
    kernels_.rmsnorm_backward(residual.rows, residual.cols, dy.f32(), residual.f32(), gain.f32(),
                              inverse_rms.f32(), dresidual.f32(), dgain.f32());
  }

  void rope(Tensor qkv, const AttentionDims& dims, float theta, bool inverse) override {
    const RopeTable& table = rope_table(dims, theta);
    kernels_.rope(qkv.rows, qkv.cols, dims.n_heads + dims.n_kv_heads, dims.d_head, dims.seq_len,
                  table.cosines(), table.sines(), inverse ? -1.0f : 1.0f, qkv.f32());
  }

  void attention_forward(Tensor qkv, const AttentionDims& dims, Tensor out,
                         Tensor log_sum_exp) override {
    AttentionArgs args = attention_args(qkv, dims, out, log_sum_exp);
    flops_ += kernels_.attention_forward(args);
  }
  void attention_backward(Tensor qkv, const AttentionDims& dims, Tensor out, Tensor log_sum_exp,
                          Tensor dout, Tensor dqkv) override {
    AttentionArgs args = attention_args(qkv, dims, out, log_sum_exp);
    args.dout = dout.f32();
    args.dqkv = dqkv.f32();
    flops_ += kernels_.attention_backward(args);
  }

  void swiglu_forward(Tensor gate_up, Tensor act) override {
    kernels_.swiglu_forward(act.rows, act.cols, gate_up.f32(), act.f32());
  }
  void swiglu_backward(Tensor dact, Tensor gate_up) override {
    kernels_.swiglu_backward(dact.rows, dact.cols, dact.f32(), gate_up.f32());
  }
  void gelu_forward(Tensor x, Tensor act) override {
    kernels_.gelu_forward(x.size(), x.f32(), act.f32());
  }
  void gelu_backward(Tensor dact, Tensor x) override {
    kernels_.gelu_backward(x.size(), dact.f32(), x.f32());
  }

  void cross_entropy(Tensor logits, Tensor targets, float scale, Tensor losses) override {
    kernels_.cross_entropy(logits.rows, logits.cols, logits.f32(), ids_of(targets), scale,
                           losses.f32());
  }

  void vocabulary_statistics(Tensor logits, Tensor targets, std::int64_t first_token,
                             Tensor statistics) override {
    kernels_.vocabulary_statistics(logits.rows, logits.cols, logits.f32(), ids_of(targets),
                                   first_token, statistics.f32());
  }
  void vocabulary_cross_entropy(Tensor logits, Tensor targets, std::int64_t first_token,
                                Tensor statistics, float scale, Tensor losses) override {
    if (logits.rows == 0) return;
    kernels_.vocabulary_cross_entropy(logits.rows, logits.cols, logits.f32(), ids_of(targets),
                                      first_token, statistics.rows / logits.rows, statistics.f32(),
                                      scale, losses.f32());
  }

  void cast(Tensor x, Tensor y) override {
    if (x.dtype == y.dtype) {
      if (x.size() > 0)
        std::memmove(y.data, x.data, static_cast<std::size_t>(x.size() * size_of(x.dtype)));
    } else if (y.dtype == DType::bf16) {
      kernels_.round_to_bf16(x.size(), x.f32(), bf16_of(y));
    } else {
      kernels_.lift(x.size(), bf16_of(x), y.f32());
    }
  }
  void sum(std::span<const Tensor> x, Tensor y) override {
    inputs_.clear();
    for (const Tensor& input : x) inputs_.push_back(input.f32());
    kernels_.sum(y.size(), static_cast<std::int64_t>(x.size()), inputs_.data(), y.f32());
  }
  void squared_norms(Tensor x, std::span<const Range> parts, std::span<double> sums) override {
    for (std::size_t i = 0; i < parts.size(); ++i)
      sums[i] = kernels_.squared_norm(parts[i].size(), x.f32() + parts[i].begin);
  }
  void adamw(Tensor w, Tensor grad, Tensor m, Tensor v, const AdamWSettings& s,
             Tensor rounded) override {
    kernels_.adamw(w.size(), w.f32(), grad.f32(), m.f32(), v.f32(), bf16_of(rounded),
                   {s.learning_rate, s.beta1, s.beta2, s.epsilon, s.weight_decay,
                    s.bias_correction1, s.bias_correction2, s.grad_scale});
  }

 private:
  /// Up to 4 MiB of operands the kernels are the faster (measured against OpenBLAS 0.3.21 on Zen 4
  /// with AVX-512 and with AVX2: 110 to 60-106 GFLOP/s); from there on both are equal, and the
  /// library has the better blocking for matrices that leave the cache.
  [[nodiscard]] bool by_blas(const Product& p) const {
    if (products_ != ProductCode::automatic) return products_ == ProductCode::blas;
    return blas_knows_the_machine() && p.m * p.n + p.n * p.k + p.k * p.m > (std::int64_t{1} << 20);
  }

  void multiply(const Product& p) {
    if (p.m == 0 || p.n == 0 || p.k == 0) return;
    flops_ += 2 * p.m * p.n * p.k;
    if (by_blas(p))
      blas_product(p);
    else
      kernels_.product(p, scratch_.at_least(kernels_.product_scratch(p)));
  }

  const RopeTable& rope_table(const AttentionDims& dims, float theta) {
    for (const RopeTable& table : rope_tables_)
      if (table.is_for(dims.seq_len, dims.d_head, theta)) return table;
    return rope_tables_.emplace_back(dims.seq_len, dims.d_head, theta);
  }

  AttentionArgs attention_args(Tensor qkv, const AttentionDims& dims, Tensor out,
                               Tensor log_sum_exp) {
    AttentionArgs args{dims.n_seqs, dims.seq_len, dims.n_heads, dims.n_kv_heads, dims.d_head};
    args.qkv = qkv.f32();
    args.out = out.f32();
    args.log_sum_exp = log_sum_exp.f32();
    args.scratch = scratch_.at_least(kernels_.attention_scratch(args));
    return args;
  }

  const CpuKernels& kernels_;
  ProductCode products_;
  Scratch scratch_;
  std::vector<RopeTable> rope_tables_;
  std::vector<const float*> inputs_;
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
