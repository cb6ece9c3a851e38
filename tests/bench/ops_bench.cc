// SPDX-License-Identifier: Apache-2.0
// Time of each operation of a training step, one thread, on the CPU backend.
//   ops_bench [isa [automatic|kernels|blas [d_model [f32|bf16]]]]
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "train/cpu/select.h"
#include "train/device/cpu_backend.h"
#include "train/device/device_table.h"

namespace {

using isoflop::AttentionDims;
using isoflop::Backend;
using isoflop::DType;
using isoflop::Tensor;

struct Model {
  std::int64_t d_model, n_layers, n_heads, n_kv_heads, d_head, d_ff, vocab_size, seq_len;
};

constexpr std::int64_t kStepTokens = 4096;
constexpr Model kModels[] = {
    {16, 1, 1, 1, 16, 48, 257, 128},   {24, 1, 1, 1, 24, 64, 257, 128},
    {48, 2, 1, 1, 48, 128, 257, 128},  {96, 3, 3, 3, 32, 256, 257, 128},
    {64, 2, 2, 2, 32, 176, 256, 256},  {128, 4, 4, 4, 32, 344, 256, 256},
    {256, 6, 4, 4, 64, 688, 256, 256},
};

/// Seconds of one call: the best of many windows of about a millisecond, so that a busy machine's
/// quiet moments count.
double seconds_of(const std::function<void()>& call) {
  using Clock = std::chrono::steady_clock;
  const auto time = [&](std::int64_t n) {
    const auto start = Clock::now();
    for (std::int64_t i = 0; i < n; ++i) call();
    return std::chrono::duration<double>(Clock::now() - start).count() / static_cast<double>(n);
  };
  const auto n = std::max<std::int64_t>(1, static_cast<std::int64_t>(0.001 / time(3)));
  double best = time(n);
  for (int i = 0; i < 100; ++i) best = std::min(best, time(n));
  return best;
}

class Bench {
 public:
  /// Weights and activations of the type `storage`.
  Bench(Backend& backend, const Model& model, DType storage)
      : backend_(backend), m_(model), storage_(storage), rows_(model.seq_len) {
    std::printf(
        "\nd%lld L%lld h%lld/%lld S%lld F%lld V%lld T%lld, %lld tokens, %lld a micro-batch\n",
        ll(m_.d_model), ll(m_.n_layers), ll(m_.n_heads), ll(m_.n_kv_heads), ll(m_.d_head),
        ll(m_.d_ff), ll(m_.vocab_size), ll(m_.seq_len), ll(kStepTokens), ll(rows_));
    std::printf("%-24s %9s %7s %9s %9s %6s\n", "operation", "us/call", "calls", "ms/step",
                "GFLOP/s", "GB/s");
  }

  void run() {
    const std::int64_t qkv = (m_.n_heads + 2 * m_.n_kv_heads) * m_.d_head;
    linear("qkv", qkv, m_.d_model, m_.n_layers);
    linear("out", m_.d_model, m_.n_heads * m_.d_head, m_.n_layers);
    linear("gate_up", 2 * m_.d_ff, m_.d_model, m_.n_layers);
    linear("down", m_.d_model, m_.d_ff, m_.n_layers);
    linear("head", m_.vocab_size, m_.d_model, 1);
    attention();
    elementwise();
    optimizer();
    std::printf(
        "%-24s %9s %7s %9.2f %9.1f  = %.0f tokens/s; products %.1f, attention %.1f, rest %.1f\n",
        "sum", "", "", step_ms_, static_cast<double>(step_flops_) / step_ms_ * 1e-6,
        static_cast<double>(kStepTokens) / step_ms_ * 1e3, linear_ms_, attention_ms_,
        step_ms_ - linear_ms_ - attention_ms_);
  }

 private:
  static long long ll(std::int64_t x) { return x; }

  static std::int64_t bytes(Tensor x) { return x.size() * isoflop::size_of(x.dtype); }

  Tensor tensor_f32(std::int64_t rows, std::int64_t cols) {
    buffers_.push_back(backend_.allocate(rows * cols * 4));
    Tensor t{buffers_.back()->data(), DType::f32, rows, cols};
    const isoflop::Rng rng(7, buffers_.size());
    for (std::int64_t i = 0; i < t.size(); ++i)
      t.f32()[i] = static_cast<float>(rng.uniform(static_cast<std::uint64_t>(i)) - 0.5);
    return t;
  }
  Tensor tensor(std::int64_t rows, std::int64_t cols) {
    const Tensor floats = tensor_f32(rows, cols);
    buffers_.push_back(backend_.allocate(rows * cols * isoflop::size_of(storage_)));
    const Tensor t{buffers_.back()->data(), storage_, rows, cols};
    backend_.cast(floats, t);
    return t;
  }
  Tensor tokens() {
    Tensor t = tensor_f32(rows_, 1);
    t.dtype = DType::i32;
    for (std::int64_t r = 0; r < rows_; ++r)
      static_cast<std::int32_t*>(t.data)[r] = static_cast<std::int32_t>(r * 37 % m_.vocab_size);
    return t;
  }

  /// `calls` a micro-batch; `n_bytes` moved by one.
  double row(const std::string& name, std::int64_t calls_per_batch, std::int64_t n_bytes,
             const std::function<void()>& call) {
    const std::int64_t batches = kStepTokens / rows_;
    const std::int64_t calls = calls_per_batch == 0 ? 1 : calls_per_batch * batches;
    const std::int64_t before = backend_.counted_flops();
    call();
    const std::int64_t flops = backend_.counted_flops() - before;
    const double seconds = seconds_of(call);
    const double ms = seconds * 1e3 * static_cast<double>(calls);
    std::printf("%-24s %9.2f %7lld %9.3f %9.1f %6.1f\n", name.c_str(), seconds * 1e6, ll(calls), ms,
                static_cast<double>(flops) / seconds * 1e-9,
                static_cast<double>(n_bytes) / seconds * 1e-9);
    step_ms_ += ms;
    step_flops_ += flops * calls;
    return ms;
  }

  void linear(const std::string& name, std::int64_t out, std::int64_t in, std::int64_t layers) {
    const Tensor x = tensor(rows_, in), w = tensor(out, in), y = tensor(rows_, out);
    const Tensor dx = tensor(rows_, in), dw = tensor_f32(out, in);
    linear_ms_ += row(name + " y", layers, 0, [&] { backend_.linear_forward(x, w, y); });
    linear_ms_ += row(name + " dx", layers, 0, [&] { backend_.linear_backward_input(y, w, dx); });
    linear_ms_ += row(name + " dw", layers, 0, [&] { backend_.linear_backward_weight(y, x, dw); });
  }

  void attention() {
    const AttentionDims dims{1, m_.seq_len, m_.n_heads, m_.n_kv_heads, m_.d_head};
    const Tensor qkv = tensor(rows_, dims.qkv_cols()), dqkv = tensor(rows_, dims.qkv_cols());
    const Tensor out = tensor(rows_, m_.n_heads * m_.d_head), dout = tensor(rows_, out.cols);
    const Tensor lse = tensor_f32(rows_, m_.n_heads);
    attention_ms_ +=
        row("attention", m_.n_layers, 0, [&] { backend_.attention_forward(qkv, dims, out, lse); });
    attention_ms_ += row("attention backward", m_.n_layers, 0,
                         [&] { backend_.attention_backward(qkv, dims, out, lse, dout, dqkv); });
    row("rope, twice", 2 * m_.n_layers,
        2 * isoflop::size_of(storage_) * rows_ * (m_.n_heads + m_.n_kv_heads) * m_.d_head,
        [&] { backend_.rope(qkv, dims, 10000.0f, false); });
  }

  void elementwise() {
    const std::int64_t d = m_.d_model, f = m_.d_ff, v = m_.vocab_size;
    const Tensor x = tensor(rows_, d), delta = tensor(rows_, d), gain = tensor(1, d);
    const Tensor y = tensor(rows_, d), inverse = tensor_f32(rows_, 1), dgain = tensor_f32(1, d);
    const Tensor gate_up = tensor(rows_, 2 * f), act = tensor(rows_, f);
    const Tensor logits = tensor(rows_, v), losses = tensor_f32(rows_, 1);
    const Tensor ids = tokens(), table = tensor(v, d), dtable = tensor_f32(v, d);
    backend_.zero(delta);
    row("rmsnorm", 2 * m_.n_layers + 1, 4 * bytes(x),
        [&] { backend_.rmsnorm_forward(x, delta, gain, 1e-5f, y, inverse); });
    row("rmsnorm backward", 2 * m_.n_layers + 1, 4 * bytes(x),
        [&] { backend_.rmsnorm_backward(delta, x, gain, inverse, y, dgain); });
    row("swiglu", m_.n_layers, 3 * bytes(act), [&] { backend_.swiglu_forward(gate_up, act); });
    row("swiglu backward", m_.n_layers, 5 * bytes(act),
        [&] { backend_.swiglu_backward(act, gate_up); });
    row("cross entropy", 1, 2 * bytes(logits),
        [&] { backend_.cross_entropy(logits, ids, 1.0f, losses); });
    row("embedding", 1, 2 * bytes(x), [&] { backend_.embedding_forward(ids, table, 0, x); });
    row("embedding backward", 1, bytes(x) + 8 * x.size(),
        [&] { backend_.embedding_backward(ids, delta, 0, dtable); });
  }

  void optimizer() {
    const std::int64_t d = m_.d_model;
    const std::int64_t layer =
        (2 * m_.n_heads + 2 * m_.n_kv_heads) * m_.d_head * d + 3 * d * m_.d_ff;
    const std::int64_t n = m_.n_layers * layer + 2 * m_.vocab_size * d;
    const Tensor w = tensor_f32(1, n), g = tensor_f32(1, n);
    const Tensor m = tensor_f32(1, n), v = tensor_f32(1, n);
    const Tensor rounded = storage_ == DType::bf16 ? tensor(1, n) : Tensor{};
    backend_.zero(m);
    backend_.zero(v);
    const isoflop::DeviceTable<isoflop::Range> all(backend_, std::array{isoflop::Range{0, n}});
    const isoflop::DeviceTable<isoflop::AdamWPart> parts(
        backend_, std::array{isoflop::AdamWPart{w.f32(), g.f32(), m.f32(), v.f32(), rounded.data, n,
                                                1.0, 1e-8f, 0.1f}});
    const isoflop::DeviceTable<isoflop::AdamWStep> step(
        backend_, std::array{isoflop::AdamWStep{1e-3, 0.5f, 0.5f}});
    const isoflop::DeviceTable<float> scale(backend_, std::array{1.0f});
    const Tensor norm = tensor_f32(1, 2);
    row("squared norm", 0, 4 * n, [&] {
      backend_.squared_norms(g, all.view(), {norm.data, DType::f64, 1, 1});
    });
    row("adamw", 0, 28 * n, [&] {
      backend_.adamw(parts.view(), 0.9f, 0.95f, step.view().data(), scale.view().data());
    });
    row("zero gradients", 0, 4 * n, [&] { backend_.zero(g); });
  }

  Backend& backend_;
  Model m_;
  DType storage_;
  std::int64_t rows_;
  std::vector<std::unique_ptr<isoflop::Buffer>> buffers_;
  double step_ms_ = 0, linear_ms_ = 0, attention_ms_ = 0;
  std::int64_t step_flops_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const std::string_view isa = argc > 1 ? argv[1] : "best", products = argc > 2 ? argv[2] : "";
  const std::int64_t d_model = argc > 3 ? std::atoll(argv[3]) : 0;
  const DType storage = argc > 4 && argv[4] == std::string_view("bf16") ? DType::bf16 : DType::f32;
  const isoflop::CpuKernels* kernels = isoflop::available_cpu_kernels().back();
  for (const auto* candidate : isoflop::available_cpu_kernels())
    if (isa == candidate->isa) kernels = candidate;
  const auto code = products == "blas"      ? isoflop::ProductCode::blas
                    : products == "kernels" ? isoflop::ProductCode::kernels
                                            : isoflop::ProductCode::automatic;
  const auto backend = isoflop::make_cpu_backend(*kernels, code);
  std::printf("%s\n", backend->name().c_str());
  for (const Model& model : kModels)
    if (d_model == 0 || d_model == model.d_model) Bench(*backend, model, storage).run();
}
