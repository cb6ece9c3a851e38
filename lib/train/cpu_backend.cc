// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>
#include <numbers>
#include <vector>

#include "train/backend.h"
#include "train/cpu_blas.h"

namespace isoflop {
namespace {

constexpr std::align_val_t kAlignment{64};

class CpuBuffer final : public Buffer {
 public:
  explicit CpuBuffer(std::int64_t n_bytes)
      : data_(::operator new(static_cast<std::size_t>(std::max<std::int64_t>(n_bytes, 1)),
                             kAlignment)) {
    std::memset(data_, 0, static_cast<std::size_t>(n_bytes));
  }
  ~CpuBuffer() override { ::operator delete(data_, kAlignment); }
  CpuBuffer(const CpuBuffer&) = delete;
  CpuBuffer& operator=(const CpuBuffer&) = delete;
  [[nodiscard]] void* data() override { return data_; }

 private:
  void* data_;
};

float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

/// d/dx of x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3); 0.5 (1 + tanh u) = sigmoid(2u).
constexpr float kGeluScale = 2.0f * 0.7978845608028654f;
constexpr float kGeluCubic = 0.044715f;

class CpuBackend final : public Backend {
 public:
  CpuBackend() { use_one_blas_thread(); }

  [[nodiscard]] std::string name() const override { return "cpu"; }
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
  void linear_backward_input(Tensor dy, Tensor w, Tensor dx, bool accumulate) override {
    multiply({dx.rows, dx.cols, dy.cols, dy.f32(), dy.cols, false, w.f32(), w.cols, false, dx.f32(),
              dx.cols, accumulate});
  }
  void linear_backward_weight(Tensor dy, Tensor x, Tensor dw) override {
    multiply({dw.rows, dw.cols, dy.rows, dy.f32(), dy.cols, true, x.f32(), x.cols, false, dw.f32(),
              dw.cols, true});
  }

  void embedding_forward(Tensor tokens, Tensor w, Tensor x) override {
    const auto* ids = static_cast<const std::int32_t*>(tokens.data);
    for (std::int64_t r = 0; r < x.rows; ++r)
      std::copy_n(w.f32() + ids[r] * w.cols, x.cols, x.f32() + r * x.cols);
  }
  void embedding_backward(Tensor tokens, Tensor dx, Tensor dw) override {
    const auto* ids = static_cast<const std::int32_t*>(tokens.data);
    for (std::int64_t r = 0; r < dx.rows; ++r)
      for (std::int64_t c = 0; c < dx.cols; ++c)
        dw.f32()[ids[r] * dw.cols + c] += dx.f32()[r * dx.cols + c];
  }

  void rmsnorm_forward(Tensor residual, Tensor delta, Tensor gain, float epsilon, Tensor y,
                       Tensor inverse_rms) override {
    const std::int64_t n = residual.cols;
    for (std::int64_t r = 0; r < residual.rows; ++r) {
      float* x = residual.f32() + r * n;
      float sum = 0;
      for (std::int64_t c = 0; c < n; ++c) {
        if (delta.data != nullptr) x[c] += delta.f32()[r * n + c];
        sum += x[c] * x[c];
      }
      const float inverse = 1.0f / std::sqrt(sum / static_cast<float>(n) + epsilon);
      inverse_rms.f32()[r] = inverse;
      for (std::int64_t c = 0; c < n; ++c) y.f32()[r * n + c] = x[c] * inverse * gain.f32()[c];
    }
  }
  void rmsnorm_backward(Tensor dy, Tensor residual, Tensor gain, Tensor inverse_rms,
                        Tensor dresidual, Tensor dgain) override {
    const std::int64_t n = residual.cols;
    for (std::int64_t r = 0; r < residual.rows; ++r) {
      const float* x = residual.f32() + r * n;
      const float* g = dy.f32() + r * n;
      const float inverse = inverse_rms.f32()[r];
      float dot = 0;
      for (std::int64_t c = 0; c < n; ++c) dot += g[c] * gain.f32()[c] * x[c];
      const float shift = dot * inverse * inverse / static_cast<float>(n);
      for (std::int64_t c = 0; c < n; ++c) {
        dresidual.f32()[r * n + c] += inverse * (g[c] * gain.f32()[c] - shift * x[c]);
        dgain.f32()[c] += g[c] * x[c] * inverse;
      }
    }
  }

  void rope(Tensor qkv, const AttentionDims& dims, float theta, bool inverse) override {
    const std::int64_t half = dims.d_head / 2;
    for (std::int64_t r = 0; r < qkv.rows; ++r)
      for (std::int64_t h = 0; h < dims.n_heads + dims.n_kv_heads; ++h) {
        float* x = qkv.f32() + r * qkv.cols + h * dims.d_head;
        for (std::int64_t i = 0; i < half; ++i) {
          const double angle =
              static_cast<double>(r % dims.seq_len) *
              std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(dims.d_head));
          const auto cosine = static_cast<float>(std::cos(angle));
          const auto sine = static_cast<float>(inverse ? -std::sin(angle) : std::sin(angle));
          const float a = x[i], b = x[i + half];
          x[i] = a * cosine - b * sine;
          x[i + half] = b * cosine + a * sine;
        }
      }
  }

  void attention_forward(Tensor qkv, const AttentionDims& dims, Tensor out,
                         Tensor log_sum_exp) override {
    const std::int64_t d = dims.d_head;
    const float scale = 1.0f / std::sqrt(static_cast<float>(d));
    row_.resize(static_cast<std::size_t>(dims.seq_len));
    for (std::int64_t r = 0; r < dims.rows(); ++r)
      for (std::int64_t h = 0; h < dims.n_heads; ++h) {
        const Keys keys = keys_of(qkv, dims, r, h);
        const float* q = qkv.f32() + r * qkv.cols + h * d;
        float* o = out.f32() + r * out.cols + h * d;
        float largest = -INFINITY;
        for (std::int64_t j = 0; j < keys.n; ++j) {
          row_[j] = scale * dot(q, keys.k + j * qkv.cols, d);
          largest = std::max(largest, row_[j]);
          flops_ += 4 * d;
        }
        float sum = 0;
        std::fill_n(o, d, 0.0f);
        for (std::int64_t j = 0; j < keys.n; ++j) {
          const float p = std::exp(row_[j] - largest);
          sum += p;
          for (std::int64_t i = 0; i < d; ++i) o[i] += p * keys.v[j * qkv.cols + i];
        }
        for (std::int64_t i = 0; i < d; ++i) o[i] /= sum;
        log_sum_exp.f32()[r * dims.n_heads + h] = largest + std::log(sum);
      }
  }
  void attention_backward(Tensor qkv, const AttentionDims& dims, Tensor out, Tensor log_sum_exp,
                          Tensor dout, Tensor dqkv) override {
    const std::int64_t d = dims.d_head;
    const float scale = 1.0f / std::sqrt(static_cast<float>(d));
    zero(dqkv);
    for (std::int64_t r = 0; r < dims.rows(); ++r)
      for (std::int64_t h = 0; h < dims.n_heads; ++h) {
        const Keys keys = keys_of(qkv, dims, r, h);
        const float* q = qkv.f32() + r * qkv.cols + h * d;
        const float* go = dout.f32() + r * dout.cols + h * d;
        float* dq = dqkv.f32() + (q - qkv.f32());
        const float delta = dot(go, out.f32() + r * out.cols + h * d, d);
        for (std::int64_t j = 0; j < keys.n; ++j) {
          const float* k = keys.k + j * qkv.cols;
          const float* v = keys.v + j * qkv.cols;
          float* dk = dqkv.f32() + (k - qkv.f32());
          float* dv = dqkv.f32() + (v - qkv.f32());
          const float p = std::exp(scale * dot(q, k, d) - log_sum_exp.f32()[r * dims.n_heads + h]);
          const float ds = scale * p * (dot(go, v, d) - delta);
          for (std::int64_t i = 0; i < d; ++i) {
            dv[i] += p * go[i];
            dq[i] += ds * k[i];
            dk[i] += ds * q[i];
          }
          flops_ += 8 * d;
        }
      }
  }

  void swiglu_forward(Tensor gate_up, Tensor act) override {
    for (std::int64_t r = 0; r < act.rows; ++r)
      for (std::int64_t c = 0; c < act.cols; ++c) {
        const float gate = gate_up.f32()[r * gate_up.cols + c];
        act.f32()[r * act.cols + c] =
            gate * sigmoid(gate) * gate_up.f32()[r * gate_up.cols + act.cols + c];
      }
  }
  void swiglu_backward(Tensor dact, Tensor gate_up) override {
    for (std::int64_t r = 0; r < dact.rows; ++r)
      for (std::int64_t c = 0; c < dact.cols; ++c) {
        float& gate = gate_up.f32()[r * gate_up.cols + c];
        float& up = gate_up.f32()[r * gate_up.cols + dact.cols + c];
        const float g = dact.f32()[r * dact.cols + c], s = sigmoid(gate);
        const float dgate = g * up * s * (1.0f + gate * (1.0f - s));
        up = g * gate * s;
        gate = dgate;
      }
  }
  void gelu_forward(Tensor x, Tensor act) override {
    for (std::int64_t i = 0; i < x.size(); ++i) {
      const float v = x.f32()[i];
      act.f32()[i] = v * sigmoid(kGeluScale * (v + kGeluCubic * v * v * v));
    }
  }
  void gelu_backward(Tensor dact, Tensor x) override {
    for (std::int64_t i = 0; i < x.size(); ++i) {
      const float v = x.f32()[i];
      const float s = sigmoid(kGeluScale * (v + kGeluCubic * v * v * v));
      const float slope = kGeluScale * (1.0f + 3.0f * kGeluCubic * v * v);
      x.f32()[i] = dact.f32()[i] * (s + v * s * (1.0f - s) * slope);
    }
  }

  void cross_entropy(Tensor logits, Tensor targets, float scale, Tensor losses) override {
    const auto* ids = static_cast<const std::int32_t*>(targets.data);
    for (std::int64_t r = 0; r < logits.rows; ++r) {
      float* x = logits.f32() + r * logits.cols;
      const float largest = *std::max_element(x, x + logits.cols);
      float sum = 0;
      for (std::int64_t c = 0; c < logits.cols; ++c) sum += std::exp(x[c] - largest);
      losses.f32()[r] = largest + std::log(sum) - x[ids[r]];
      if (scale == 0.0f) continue;
      for (std::int64_t c = 0; c < logits.cols; ++c)
        x[c] = scale * (std::exp(x[c] - largest) / sum - (c == ids[r] ? 1.0f : 0.0f));
    }
  }

  void add(Tensor x, Tensor y) override {
    for (std::int64_t i = 0; i < x.size(); ++i) y.f32()[i] += x.f32()[i];
  }
  [[nodiscard]] double squared_norm(Tensor x) override {
    double sum = 0;
    for (std::int64_t i = 0; i < x.size(); ++i)
      sum += static_cast<double>(x.f32()[i]) * static_cast<double>(x.f32()[i]);
    return sum;
  }
  void adamw(Tensor w, Tensor grad, Tensor m, Tensor v, const AdamWSettings& s) override {
    for (std::int64_t i = 0; i < w.size(); ++i) {
      const float g = grad.f32()[i] * s.grad_scale;
      float &mi = m.f32()[i], &vi = v.f32()[i], &wi = w.f32()[i];
      mi = s.beta1 * mi + (1.0f - s.beta1) * g;
      vi = s.beta2 * vi + (1.0f - s.beta2) * g * g;
      wi -= s.learning_rate *
            (mi / s.bias_correction1 / (std::sqrt(vi / s.bias_correction2) + s.epsilon) +
             s.weight_decay * wi);
    }
  }

 private:
  struct Keys {
    std::int64_t n;
    const float *k, *v;
  };
  static Keys keys_of(Tensor qkv, const AttentionDims& dims, std::int64_t r, std::int64_t h) {
    const std::int64_t group = h / (dims.n_heads / dims.n_kv_heads);
    const std::int64_t position = r % dims.seq_len;
    const float* first = qkv.f32() + (r - position) * qkv.cols;
    return {position + 1, first + (dims.n_heads + group) * dims.d_head,
            first + (dims.n_heads + dims.n_kv_heads + group) * dims.d_head};
  }
  static float dot(const float* a, const float* b, std::int64_t n) {
    float sum = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
    return sum;
  }
  void multiply(const Product& p) {
    if (p.m == 0 || p.n == 0 || p.k == 0) return;
    flops_ += 2 * p.m * p.n * p.k;
    blas_product(p);
  }

  std::int64_t flops_ = 0;
  std::vector<float> row_;
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend() { return std::make_unique<CpuBackend>(); }

}  // namespace isoflop
