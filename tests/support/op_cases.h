// SPDX-License-Identifier: Apache-2.0
// One table of cases for the operations of train/backend.h, for any backend: it runs the operation,
// and gives what came out beside what op_reference.h says.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "support/op_reference.h"
#include "train/backend.h"

namespace isoflop::test {

using reference::Ids;
using reference::Matrix;

/// An output of an operation.
struct OpOutput {
  std::string name;
  std::int64_t cols;
  std::vector<float> got;
  std::vector<double> want;
  bool guards_intact = true;  // nothing was written around it
};

struct OpCase {
  std::string name;
  std::function<std::vector<OpOutput>(Backend&)> run;
};

/// Random numbers that floats hold exactly, so that the reference starts from the same inputs.
inline Matrix random_matrix(std::int64_t rows, std::int64_t cols, std::uint64_t seed,
                            double scale = 1) {
  Matrix m(rows, cols);
  const Rng rng(seed);
  for (std::size_t i = 0; i < m.values.size(); ++i)
    m.values[i] = static_cast<double>(static_cast<float>(scale * rng.normal(i)));
  return m;
}
inline Ids random_ids(std::int64_t n, std::int64_t below, std::uint64_t seed) {
  Ids ids;
  for (std::int64_t i = 0; i < n; ++i)
    ids.push_back(static_cast<std::int32_t>(
        Rng(seed).below(static_cast<std::uint64_t>(below), static_cast<std::uint64_t>(i))));
  return ids;
}

/// A matrix in a backend's memory between two guards.
class DeviceMatrix {
 public:
  /// Not initialised by the operation's caller: filled with NaN.
  DeviceMatrix(Backend& backend, std::int64_t rows, std::int64_t cols)
      : DeviceMatrix(backend, rows, cols, std::vector<float>(count(rows, cols), NAN)) {}
  DeviceMatrix(Backend& backend, const Matrix& m)
      : DeviceMatrix(backend, m.rows, m.cols,
                     std::vector<float>(m.values.begin(), m.values.end())) {}
  DeviceMatrix(Backend& backend, const Ids& ids)
      : DeviceMatrix(backend, static_cast<std::int64_t>(ids.size()), 1, as_floats(ids)) {
    tensor_.dtype = DType::i32;
  }

  operator Tensor() const { return tensor_; }

  [[nodiscard]] OpOutput compared(const std::string& name, const Matrix& want) const {
    std::vector<float> all(static_cast<std::size_t>(tensor_.size() + 2 * kGuard));
    backend_.download(all.data(), buffer_->data(), static_cast<std::int64_t>(all.size()) * 4);
    OpOutput output{name, tensor_.cols, {all.begin() + kGuard, all.end() - kGuard}, want.values};
    for (std::int64_t i = 0; i < kGuard; ++i)
      if (all[static_cast<std::size_t>(i)] != kGuardValue ||
          all[all.size() - 1 - static_cast<std::size_t>(i)] != kGuardValue)
        output.guards_intact = false;
    return output;
  }

 private:
  static constexpr std::int64_t kGuard = 16;
  static constexpr float kGuardValue = 12345.0f;

  DeviceMatrix(Backend& backend, std::int64_t rows, std::int64_t cols,
               const std::vector<float>& values)
      : backend_(backend), buffer_(backend.allocate((rows * cols + 2 * kGuard) * 4)) {
    std::vector<float> all(static_cast<std::size_t>(kGuard), kGuardValue);
    all.insert(all.end(), values.begin(), values.end());
    all.insert(all.end(), static_cast<std::size_t>(kGuard), kGuardValue);
    backend.upload(buffer_->data(), all.data(), static_cast<std::int64_t>(all.size()) * 4);
    tensor_ = {static_cast<float*>(buffer_->data()) + kGuard, DType::f32, rows, cols};
  }
  static std::size_t count(std::int64_t rows, std::int64_t cols) {
    return static_cast<std::size_t>(rows * cols);
  }
  static std::vector<float> as_floats(const Ids& ids) {
    std::vector<float> bits(ids.size());
    if (!ids.empty()) std::memcpy(bits.data(), ids.data(), ids.size() * 4);
    return bits;
  }

  Backend& backend_;
  std::unique_ptr<Buffer> buffer_;
  Tensor tensor_;
};

/// "name 3 4 5".
template <class... Sizes>
std::string case_name(const std::string& name, Sizes... sizes) {
  std::ostringstream text;
  text << name;
  ((text << ' ' << sizes), ...);
  return text.str();
}

inline void add_linear_cases(std::vector<OpCase>& cases) {
  struct Size {
    std::int64_t rows, in, out;
  };
  // Every remainder of the register tiles (rows by 8, 4, 1; columns by 48, 32, 16, 8, 4, 1),
  // more than one panel depth (160) and more than one block of rows (512), on all three sides.
  for (const auto [r, in, out] :
       {Size{0, 5, 3}, Size{1, 1, 1}, Size{1, 24, 7}, Size{7, 3, 5}, Size{13, 17, 19},
        Size{20, 16, 24}, Size{128, 24, 72}, Size{33, 48, 100}, Size{29, 131, 257}, Size{5, 300, 9},
        Size{257, 9, 66}, Size{12, 64, 300}, Size{40, 96, 48}, Size{525, 3, 20},
        Size{6, 11, 530}}) {
    const Matrix x = random_matrix(r, in, 1), w = random_matrix(out, in, 2);
    const Matrix dy = random_matrix(r, out, 3), old_dw = random_matrix(out, in, 5);
    const Matrix y_want = times_transposed(x, w), dx_want = times(dy, w);
    const Matrix dw_want = plus(old_dw, times(transposed(dy), x));
    cases.push_back({case_name("linear_forward", r, in, out), [=](Backend& b) {
                       const DeviceMatrix dx(b, x), dw(b, w), y(b, r, out);
                       b.linear_forward(dx, dw, y);
                       return std::vector{y.compared("y", y_want)};
                     }});
    cases.push_back({case_name("linear_backward_input", r, in, out), [=](Backend& b) {
                       const DeviceMatrix g(b, dy), dw(b, w), dx(b, r, in);
                       b.linear_backward_input(g, dw, dx);
                       return std::vector{dx.compared("dx", dx_want)};
                     }});
    cases.push_back({case_name("linear_backward_weight", r, in, out), [=](Backend& b) {
                       const DeviceMatrix g(b, dy), input(b, x), dw(b, old_dw);
                       b.linear_backward_weight(g, input, dw);
                       return std::vector{dw.compared("dw +=", dw_want)};
                     }});
  }
}

inline void add_embedding_cases(std::vector<OpCase>& cases) {
  // A table of `held` rows from `first` on, of tokens below `vocab`.
  for (const auto& [r, vocab, first, held, d] :
       {std::array{0, 3, 0, 3, 4}, std::array{1, 1, 0, 1, 1}, std::array{50, 7, 0, 7, 13},
        std::array{33, 300, 0, 300, 48}, std::array{50, 13, 4, 5, 24}, std::array{20, 9, 7, 2, 5},
        std::array{9, 5, 5, 0, 8}, std::array{9, 5, 3, 7, 8}}) {
    const Matrix w = random_matrix(held, d, 1), dx = random_matrix(r, d, 2);
    const Ids ids = random_ids(r, vocab, 3);
    Matrix x(r, d), dw = random_matrix(held, d, 4);
    const Matrix old_dw = dw;
    for (std::int64_t i = 0; i < r; ++i) {
      const std::int64_t row = ids[static_cast<std::size_t>(i)] - first;
      if (row < 0 || row >= held) continue;
      for (std::int64_t c = 0; c < d; ++c) {
        x(i, c) = w(row, c);
        dw(row, c) += dx(i, c);
      }
    }
    const std::int64_t first_token = first;
    cases.push_back({case_name("embedding", r, vocab, first, held, d), [=](Backend& b) {
                       const DeviceMatrix tokens(b, ids), table(b, w), out(b, x.rows, x.cols);
                       const DeviceMatrix g(b, dx), dtable(b, old_dw);
                       b.embedding_forward(tokens, table, first_token, out);
                       b.embedding_backward(tokens, g, first_token, dtable);
                       return std::vector{out.compared("x", x), dtable.compared("dw +=", dw)};
                     }});
  }
}

inline void add_rmsnorm_cases(std::vector<OpCase>& cases) {
  constexpr float kEpsilon = 1e-5f;
  for (const auto& [r, d] : {std::array{0, 8}, std::array{1, 1}, std::array{3, 5},
                             std::array{17, 24}, std::array{9, 64}, std::array{4, 131}}) {
    const Matrix x = random_matrix(r, d, 1, 3), delta = random_matrix(r, d, 2);
    const Matrix gain = random_matrix(1, d, 3), dy = random_matrix(r, d, 4);
    const Matrix old_dx = random_matrix(r, d, 5), old_dgain = random_matrix(1, d, 6);
    const Matrix sum = plus(x, delta);
    const auto plain = reference::rmsnorm(x, gain, kEpsilon);
    const auto added = reference::rmsnorm(sum, gain, kEpsilon);
    const auto gradient = reference::rmsnorm_backward(dy, x, gain, plain.inverse_rms);
    cases.push_back({case_name("rmsnorm", r, d), [=](Backend& b) {
                       const DeviceMatrix residual(b, x), addend(b, delta), g(b, gain);
                       const DeviceMatrix y(b, x.rows, x.cols), inverse(b, x.rows, 1);
                       const DeviceMatrix y2(b, x.rows, x.cols), inverse2(b, x.rows, 1);
                       const DeviceMatrix grad(b, dy), dx(b, old_dx), dgain(b, old_dgain);
                       b.rmsnorm_forward(residual, Tensor{}, g, kEpsilon, y, inverse);
                       b.rmsnorm_backward(grad, residual, g, inverse, dx, dgain);
                       std::vector outputs{
                           y.compared("y", plain.y),
                           inverse.compared("inverse_rms", plain.inverse_rms),
                           residual.compared("residual, no delta", x),
                           dx.compared("dresidual +=", plus(old_dx, gradient.dx)),
                           dgain.compared("dgain +=", plus(old_dgain, gradient.dgain))};
                       b.rmsnorm_forward(residual, addend, g, kEpsilon, y2, inverse2);
                       outputs.push_back(y2.compared("y with delta", added.y));
                       outputs.push_back(residual.compared("residual += delta", sum));
                       return outputs;
                     }});
  }
}

/// Attention problems: one row, sequences that end inside every tile, grouped queries, head sizes
/// off the vector width.
inline const std::vector<AttentionDims>& attention_dims() {
  static const std::vector<AttentionDims> dims{
      {0, 16, 2, 1, 8},  {1, 1, 1, 1, 8},    {1, 7, 2, 1, 16},    {2, 33, 4, 2, 24},
      {3, 64, 6, 2, 32}, {1, 130, 2, 2, 64}, {1, 100, 1, 1, 128}, {2, 19, 3, 1, 10},
      {1, 70, 1, 1, 2},  {1, 257, 2, 1, 48}, {2, 128, 1, 1, 20},  {1, 45, 2, 2, 40}};
  return dims;
}

inline void add_attention_cases(std::vector<OpCase>& cases) {
  constexpr float kTheta = 10000.0f;
  for (const AttentionDims& d : attention_dims()) {
    const Matrix qkv = random_matrix(d.rows(), d.qkv_cols(), 1);
    const Matrix dout = random_matrix(d.rows(), d.n_heads * d.d_head, 2);
    const auto name = [&](const char* op) {
      return case_name(op, d.n_seqs, d.seq_len, d.n_heads, d.n_kv_heads, d.d_head);
    };
    const Matrix rotated = reference::rope(qkv, d, kTheta, false);
    const Matrix rotated_back = reference::rope(qkv, d, kTheta, true);
    cases.push_back({name("rope"), [=](Backend& b) {
                       const DeviceMatrix forward(b, qkv), inverse(b, qkv);
                       b.rope(forward, d, kTheta, false);
                       b.rope(inverse, d, kTheta, true);
                       return std::vector{forward.compared("qkv", rotated),
                                          inverse.compared("inverse", rotated_back)};
                     }});
    const auto forward = reference::attention(qkv, d);
    const Matrix gradient = reference::attention_backward(qkv, d, dout);
    cases.push_back({name("attention"), [=](Backend& b) {
                       const DeviceMatrix x(b, qkv), out(b, dout.rows, dout.cols);
                       const DeviceMatrix lse(b, d.rows(), d.n_heads), g(b, dout);
                       const DeviceMatrix dx(b, qkv.rows, qkv.cols);
                       b.attention_forward(x, d, out, lse);
                       b.attention_backward(x, d, out, lse, g, dx);
                       return std::vector{out.compared("out", forward.out),
                                          lse.compared("log_sum_exp", forward.log_sum_exp),
                                          x.compared("qkv (unchanged)", qkv),
                                          dx.compared("dqkv", gradient)};
                     }});
  }
}

inline void add_activation_cases(std::vector<OpCase>& cases) {
  for (const auto& [r, f] : {std::array{0, 8}, std::array{1, 1}, std::array{3, 7},
                             std::array{5, 24}, std::array{2, 64}, std::array{4, 45}}) {
    const Matrix gate_up = random_matrix(r, 2 * f, 1, 4), dact = random_matrix(r, f, 2);
    const Matrix x = random_matrix(r, f, 3, 3);
    cases.push_back({case_name("swiglu", r, f), [=](Backend& b) {
                       const DeviceMatrix in(b, gate_up), act(b, dact.rows, dact.cols), g(b, dact);
                       b.swiglu_forward(in, act);
                       b.swiglu_backward(g, in);
                       return std::vector{
                           act.compared("act", reference::swiglu(gate_up)),
                           in.compared("gradient", reference::swiglu_backward(dact, gate_up))};
                     }});
    cases.push_back({case_name("gelu", r, f), [=](Backend& b) {
                       const DeviceMatrix in(b, x), act(b, dact.rows, dact.cols), g(b, dact);
                       b.gelu_forward(in, act);
                       b.gelu_backward(g, in);
                       return std::vector{
                           act.compared("act", reference::gelu(x)),
                           in.compared("gradient", reference::gelu_backward(dact, x))};
                     }});
  }
}

inline void add_cross_entropy_cases(std::vector<OpCase>& cases) {
  for (const auto& [r, vocab, spread] :
       {std::array{0, 8, 1}, std::array{1, 1, 1}, std::array{3, 5, 2}, std::array{9, 257, 3},
        std::array{4, 256, 40}, std::array{2, 1000, 1}, std::array{33, 31, 1}}) {
    const Matrix logits = random_matrix(r, vocab, 1, spread);
    const Ids targets = random_ids(r, vocab, 2);
    constexpr float kScale = 0.125f;
    const auto want = reference::cross_entropy(logits, targets, kScale);
    cases.push_back({case_name("cross_entropy", r, vocab, spread), [=](Backend& b) {
                       const DeviceMatrix x(b, logits), ids(b, targets), losses(b, logits.rows, 1);
                       const DeviceMatrix kept(b, logits), losses2(b, logits.rows, 1);
                       b.cross_entropy(x, ids, kScale, losses);
                       b.cross_entropy(kept, ids, 0.0f, losses2);
                       return std::vector{losses.compared("losses", want.losses),
                                          x.compared("gradient", want.dlogits),
                                          losses2.compared("losses, scale 0", want.losses),
                                          kept.compared("logits, scale 0", logits)};
                     }});
  }
}

inline Matrix columns(const Matrix& x, std::int64_t first, std::int64_t n) {
  Matrix part(x.rows, n);
  for (std::int64_t r = 0; r < x.rows; ++r)
    for (std::int64_t c = 0; c < n; ++c) part(r, c) = x(r, first + c);
  return part;
}

/// The outputs of ranks that hold columns of one matrix.
inline OpOutput joined(const std::string& name, const std::vector<OpOutput>& shards,
                       const Matrix& want) {
  OpOutput whole{name, want.cols, {}, want.values};
  for (std::int64_t r = 0; r < want.rows; ++r)
    for (const OpOutput& shard : shards)
      whole.got.insert(whole.got.end(), shard.got.begin() + r * shard.cols,
                       shard.got.begin() + (r + 1) * shard.cols);
  for (const OpOutput& shard : shards) whole.guards_intact &= shard.guards_intact;
  return whole;
}

/// Runs the loss over a vocabulary that ranks share: what comes out is what the whole gives.
inline std::vector<OpOutput> run_vocabulary(Backend& b, const Matrix& logits, const Ids& targets,
                                            const std::vector<std::int64_t>& shards, float scale) {
  const std::int64_t rows = logits.rows, n_ranks = static_cast<std::int64_t>(shards.size());
  const DeviceMatrix ids(b, targets), statistics(b, n_ranks * rows, 3);
  const auto each_shard = [&](const auto& body) {
    std::int64_t rank = 0, first = 0;
    for (const std::int64_t n : shards) {
      body(rank++, first, columns(logits, first, n));
      first += n;
    }
  };
  each_shard([&](std::int64_t rank, std::int64_t first, const Matrix& shard) {
    const DeviceMatrix x(b, shard);
    b.vocabulary_statistics(x, ids, first, Tensor(statistics).slice(rank * rows, rows));
  });
  const auto want = reference::cross_entropy(logits, targets, static_cast<double>(scale));
  std::vector<OpOutput> outputs, gradients, kept;
  each_shard([&](std::int64_t, std::int64_t first, const Matrix& shard) {
    const DeviceMatrix x(b, shard), same(b, shard), losses(b, rows, 1), losses2(b, rows, 1);
    b.vocabulary_cross_entropy(x, ids, first, statistics, scale, losses);
    b.vocabulary_cross_entropy(same, ids, first, statistics, 0.0f, losses2);
    outputs.push_back(losses.compared("losses", want.losses));
    outputs.push_back(losses2.compared("losses, scale 0", want.losses));
    gradients.push_back(x.compared("gradient", shard));
    kept.push_back(same.compared("logits, scale 0", shard));
  });
  outputs.push_back(joined("gradient", gradients, want.dlogits));
  outputs.push_back(joined("logits, scale 0", kept, logits));
  return outputs;
}

inline void add_vocabulary_cases(std::vector<OpCase>& cases) {
  struct Split {
    std::int64_t rows;
    int spread;
    std::vector<std::int64_t> shards;  // tokens of each rank
  };
  for (const Split& split :
       {Split{0, 1, {4, 4}}, Split{3, 2, {5}}, Split{9, 3, {200, 57}}, Split{7, 40, {17, 1, 46}},
        Split{12, 5, {3, 0, 30, 8}}, Split{33, 1, {0, 31}}, Split{2, 1, {300, 300, 301, 99}}}) {
    std::int64_t vocab = 0;
    std::string name = case_name("vocabulary_cross_entropy", split.rows, split.spread, "over");
    for (const std::int64_t n : split.shards) {
      vocab += n;
      name = case_name(name, n);
    }
    const Matrix logits = random_matrix(split.rows, vocab, 1, split.spread);
    const Ids targets = random_ids(split.rows, vocab, 2);
    cases.push_back({name, [=, shards = split.shards](Backend& b) {
                       return run_vocabulary(b, logits, targets, shards, 0.125f);
                     }});
  }
}

inline void add_sum_cases(std::vector<OpCase>& cases) {
  for (const std::int64_t n : {0, 1, 3, 16, 45, 200, 1027})
    for (const std::int64_t n_inputs : {1, 2, 3, 5})
      // The output is one of the inputs, or none of them where that is n_inputs.
      for (const std::int64_t target : {std::int64_t{0}, n_inputs - 1, n_inputs}) {
        std::vector<Matrix> inputs;
        Matrix want(1, n);
        for (std::int64_t k = 0; k < n_inputs; ++k) {
          inputs.push_back(random_matrix(1, n, 10 + static_cast<std::uint64_t>(k)));
          want = plus(want, inputs.back());
        }
        cases.push_back({case_name("sum", n, n_inputs, target), [=](Backend& b) {
                           std::vector<DeviceMatrix> on_device;
                           for (const Matrix& x : inputs) on_device.emplace_back(b, x);
                           on_device.emplace_back(b, want.rows, want.cols);
                           const std::vector<Tensor> x(on_device.begin(), on_device.end() - 1);
                           const auto& y = on_device[static_cast<std::size_t>(target)];
                           b.sum(x, y);
                           return std::vector{y.compared("y", want)};
                         }});
      }
}

inline void add_adamw_cases(std::vector<OpCase>& cases) {
  for (const std::int64_t n : {0, 1, 3, 16, 45, 200, 1027}) {
    const Matrix x = random_matrix(1, n, 1), y = random_matrix(1, n, 2);
    Matrix variance = random_matrix(1, n, 3);
    for (double& v : variance.values) v = static_cast<double>(static_cast<float>(v * v));
    const AdamWSettings settings{0.01f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.271f, 0.1426f, 0.25f};
    const Matrix grad = random_matrix(1, n, 4);
    const auto want = reference::adamw({x, y, variance}, grad, settings);
    cases.push_back({case_name("adamw", n), [=](Backend& b) {
                       const DeviceMatrix w(b, x), m(b, y), v(b, variance), g(b, grad);
                       b.adamw(w, g, m, v, settings, Tensor{});
                       return std::vector{w.compared("w", want.w), m.compared("m", want.m),
                                          v.compared("v", want.v)};
                     }});
  }
}

inline const std::vector<OpCase>& op_cases() {
  static const std::vector<OpCase> table = [] {
    std::vector<OpCase> cases;
    add_linear_cases(cases);
    add_embedding_cases(cases);
    add_rmsnorm_cases(cases);
    add_attention_cases(cases);
    add_activation_cases(cases);
    add_cross_entropy_cases(cases);
    add_vocabulary_cases(cases);
    add_sum_cases(cases);
    add_adamw_cases(cases);
    return cases;
  }();
  return table;
}

/// Differences of an output from its reference.
struct OpError {
  double nmse = 0;     // sum (got - want)^2 / sum want^2
  double worst = 0;    // largest |got - want| / (|want| + root mean square of want)
  std::size_t at = 0;  // where
};
inline OpError error_of(const OpOutput& output) {
  double squares = 0, differences = 0;
  for (std::size_t i = 0; i < output.want.size(); ++i) {
    const double difference = static_cast<double>(output.got[i]) - output.want[i];
    squares += output.want[i] * output.want[i];
    differences += difference * difference;
  }
  OpError error;
  if (output.want.empty() || differences == 0) return error;
  error.nmse = differences / squares;
  const double rms = std::sqrt(squares / static_cast<double>(output.want.size()));
  for (std::size_t i = 0; i < output.want.size(); ++i) {
    const double difference = std::abs(static_cast<double>(output.got[i]) - output.want[i]);
    const double relative = difference / (std::abs(output.want[i]) + rms);
    if (!(relative <= error.worst)) {
      error.worst = relative;
      error.at = i;
      if (std::isnan(relative)) break;
    }
  }
  return error;
}
inline std::string describe(const OpCase& op, const OpOutput& output) {
  const OpError error = error_of(output);
  std::ostringstream text;
  text.precision(9);
  text << op.name << ": " << output.name << ": NMSE " << error.nmse << ", worst element "
       << error.worst;
  if (error.at < output.got.size()) {
    const auto at = static_cast<std::int64_t>(error.at);
    text << " at [" << at / output.cols << ", " << at % output.cols << "]: " << output.got[error.at]
         << ", not " << output.want[error.at];
  }
  if (!output.guards_intact) text << "; memory around it was overwritten";
  return text.str();
}

}  // namespace isoflop::test
