// SPDX-License-Identifier: Apache-2.0
// What every operation of train/contract/backend.h computes, in double and in the plainest loops.
// Shapes as there; the gradients are checked against finite differences of the forward functions.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "support/adamw_step.h"
#include "train/contract/backend.h"

namespace isoflop::test::reference {

using Doubles = std::vector<double>;
using Ids = std::vector<std::int32_t>;

/// A row-major matrix over a vector.
struct Matrix {
  std::int64_t rows = 0, cols = 0;
  Doubles values;

  Matrix() = default;
  Matrix(std::int64_t n_rows, std::int64_t n_cols, double value = 0)
      : rows(n_rows), cols(n_cols), values(static_cast<std::size_t>(n_rows * n_cols), value) {}
  double& operator()(std::int64_t r, std::int64_t c) {
    return values[static_cast<std::size_t>(r * cols + c)];
  }
  double operator()(std::int64_t r, std::int64_t c) const {
    return values[static_cast<std::size_t>(r * cols + c)];
  }
};

/// A B^T.
inline Matrix times_transposed(const Matrix& a, const Matrix& b) {
  Matrix c(a.rows, b.rows);
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t j = 0; j < b.rows; ++j)
      for (std::int64_t k = 0; k < a.cols; ++k) c(i, j) += a(i, k) * b(j, k);
  return c;
}
inline Matrix transposed(const Matrix& a) {
  Matrix t(a.cols, a.rows);
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t j = 0; j < a.cols; ++j) t(j, i) = a(i, j);
  return t;
}
inline Matrix times(const Matrix& a, const Matrix& b) { return times_transposed(a, transposed(b)); }
inline Matrix plus(Matrix a, const Matrix& b) {
  for (std::size_t i = 0; i < a.values.size(); ++i) a.values[i] += b.values[i];
  return a;
}

struct Embedding {
  Matrix x, dw;
};
/// Of a table w of rows from token `first` on; dw + the gradient.
inline Embedding embedding(const Ids& ids, const Matrix& w, const Matrix& dx, std::int64_t first,
                           const Matrix& dw) {
  Embedding result{Matrix(dx.rows, dx.cols), dw};
  for (std::int64_t r = 0; r < dx.rows; ++r) {
    const std::int64_t row = ids[static_cast<std::size_t>(r)] - first;
    if (row < 0 || row >= w.rows) continue;
    for (std::int64_t c = 0; c < dx.cols; ++c) {
      result.x(r, c) = w(row, c);
      result.dw(row, c) += dx(r, c);
    }
  }
  return result;
}

struct RmsNorm {
  Matrix y, inverse_rms;
};
inline RmsNorm rmsnorm(const Matrix& x, const Matrix& gain, double epsilon) {
  RmsNorm result{Matrix(x.rows, x.cols), Matrix(x.rows, 1)};
  for (std::int64_t r = 0; r < x.rows; ++r) {
    double sum = 0;
    for (std::int64_t c = 0; c < x.cols; ++c) sum += x(r, c) * x(r, c);
    const double inverse = 1 / std::sqrt(sum / static_cast<double>(x.cols) + epsilon);
    result.inverse_rms(r, 0) = inverse;
    for (std::int64_t c = 0; c < x.cols; ++c) result.y(r, c) = x(r, c) * inverse * gain(0, c);
  }
  return result;
}
struct RmsNormGradient {
  Matrix dx, dgain;
};
inline RmsNormGradient rmsnorm_backward(const Matrix& dy, const Matrix& x, const Matrix& gain,
                                        const Matrix& inverse_rms) {
  RmsNormGradient result{Matrix(x.rows, x.cols), Matrix(1, x.cols)};
  for (std::int64_t r = 0; r < x.rows; ++r) {
    const double u = inverse_rms(r, 0);
    double mean = 0;
    for (std::int64_t c = 0; c < x.cols; ++c)
      mean += dy(r, c) * gain(0, c) * x(r, c) / static_cast<double>(x.cols);
    for (std::int64_t c = 0; c < x.cols; ++c) {
      result.dx(r, c) = u * dy(r, c) * gain(0, c) - x(r, c) * u * u * u * mean;
      result.dgain(0, c) += dy(r, c) * x(r, c) * u;
    }
  }
  return result;
}

inline Matrix rope(Matrix qkv, const AttentionDims& dims, double theta, bool inverse) {
  const std::int64_t half = dims.d_head / 2;
  for (std::int64_t r = 0; r < qkv.rows; ++r)
    for (std::int64_t h = 0; h < dims.n_heads + dims.n_kv_heads; ++h)
      for (std::int64_t i = 0; i < half; ++i) {
        const double power =
            std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(dims.d_head));
        const double angle = static_cast<double>(r % dims.seq_len) * power * (inverse ? -1 : 1);
        double &a = qkv(r, h * dims.d_head + i), &b = qkv(r, h * dims.d_head + half + i);
        const double x = a, y = b;
        a = x * std::cos(angle) - y * std::sin(angle);
        b = y * std::cos(angle) + x * std::sin(angle);
      }
  return qkv;
}

/// Columns of query head h and of its key and value heads.
struct HeadColumns {
  std::int64_t q, k, v;
  HeadColumns(const AttentionDims& d, std::int64_t h) {
    const std::int64_t group = h / (d.n_heads / d.n_kv_heads);
    q = h * d.d_head;
    k = (d.n_heads + group) * d.d_head;
    v = (d.n_heads + d.n_kv_heads + group) * d.d_head;
  }
};
/// Probabilities of row r, head h over the keys of rows first ... r, and their log-sum-exp.
struct Probabilities {
  std::int64_t first;
  Doubles p;
  double log_sum_exp;
};
inline Probabilities probabilities(const Matrix& qkv, const AttentionDims& d, std::int64_t r,
                                   std::int64_t h) {
  const HeadColumns at(d, h);
  Probabilities result{r - r % d.seq_len, {}, 0};
  double largest = -INFINITY, sum = 0;
  for (std::int64_t j = result.first; j <= r; ++j) {
    double score = 0;
    for (std::int64_t i = 0; i < d.d_head; ++i) score += qkv(r, at.q + i) * qkv(j, at.k + i);
    result.p.push_back(score / std::sqrt(static_cast<double>(d.d_head)));
    largest = std::max(largest, result.p.back());
  }
  for (const double score : result.p) sum += std::exp(score - largest);
  result.log_sum_exp = largest + std::log(sum);
  for (double& score : result.p) score = std::exp(score - result.log_sum_exp);
  return result;
}
struct Attention {
  Matrix out, log_sum_exp;
};
inline Attention attention(const Matrix& qkv, const AttentionDims& d) {
  Attention result{Matrix(qkv.rows, d.n_heads * d.d_head), Matrix(qkv.rows, d.n_heads)};
  for (std::int64_t r = 0; r < qkv.rows; ++r)
    for (std::int64_t h = 0; h < d.n_heads; ++h) {
      const Probabilities row = probabilities(qkv, d, r, h);
      result.log_sum_exp(r, h) = row.log_sum_exp;
      for (std::size_t j = 0; j < row.p.size(); ++j)
        for (std::int64_t i = 0; i < d.d_head; ++i)
          result.out(r, h * d.d_head + i) +=
              row.p[j] * qkv(row.first + static_cast<std::int64_t>(j), HeadColumns(d, h).v + i);
    }
  return result;
}
/// Of what the forward pass left: out and log_sum_exp are inputs.
inline Matrix attention_backward(const Matrix& qkv, const AttentionDims& d, const Matrix& out,
                                 const Matrix& log_sum_exp, const Matrix& dout) {
  Matrix dqkv(qkv.rows, qkv.cols);
  const double scale = 1 / std::sqrt(static_cast<double>(d.d_head));
  for (std::int64_t r = 0; r < qkv.rows; ++r)
    for (std::int64_t h = 0; h < d.n_heads; ++h) {
      const HeadColumns at(d, h);
      double delta = 0;
      for (std::int64_t i = h * d.d_head; i < (h + 1) * d.d_head; ++i)
        delta += dout(r, i) * out(r, i);
      for (std::int64_t key = r - r % d.seq_len; key <= r; ++key) {
        double score = 0, dp = 0;
        for (std::int64_t i = 0; i < d.d_head; ++i) {
          score += scale * qkv(r, at.q + i) * qkv(key, at.k + i);
          dp += dout(r, h * d.d_head + i) * qkv(key, at.v + i);
        }
        const double p = std::exp(score - log_sum_exp(r, h)), ds = scale * p * (dp - delta);
        for (std::int64_t i = 0; i < d.d_head; ++i) {
          dqkv(r, at.q + i) += ds * qkv(key, at.k + i);
          dqkv(key, at.k + i) += ds * qkv(r, at.q + i);
          dqkv(key, at.v + i) += p * dout(r, h * d.d_head + i);
        }
      }
    }
  return dqkv;
}

inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
inline Matrix swiglu(const Matrix& gate_up) {
  Matrix act(gate_up.rows, gate_up.cols / 2);
  for (std::int64_t r = 0; r < act.rows; ++r)
    for (std::int64_t c = 0; c < act.cols; ++c)
      act(r, c) = gate_up(r, c) * sigmoid(gate_up(r, c)) * gate_up(r, act.cols + c);
  return act;
}
inline Matrix swiglu_backward(const Matrix& dact, const Matrix& gate_up) {
  Matrix d(gate_up.rows, gate_up.cols);
  for (std::int64_t r = 0; r < dact.rows; ++r)
    for (std::int64_t c = 0; c < dact.cols; ++c) {
      const double gate = gate_up(r, c), s = sigmoid(gate);
      d(r, c) = dact(r, c) * gate_up(r, dact.cols + c) * (s + gate * s * (1 - s));
      d(r, dact.cols + c) = dact(r, c) * gate * s;
    }
  return d;
}

inline double gelu_argument(double x) {
  return std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x);
}
inline Matrix gelu(Matrix x) {
  for (double& v : x.values) v = 0.5 * v * (1 + std::tanh(gelu_argument(v)));
  return x;
}
inline Matrix gelu_backward(const Matrix& dact, Matrix x) {
  for (std::size_t i = 0; i < x.values.size(); ++i) {
    const double v = x.values[i], t = std::tanh(gelu_argument(v));
    const double slope = std::sqrt(2 / std::numbers::pi) * (1 + 3 * 0.044715 * v * v);
    x.values[i] = dact.values[i] * (0.5 * (1 + t) + 0.5 * v * (1 - t * t) * slope);
  }
  return x;
}

struct CrossEntropy {
  Matrix losses, dlogits;
};
inline CrossEntropy cross_entropy(const Matrix& logits, const Ids& targets, double scale) {
  CrossEntropy result{Matrix(logits.rows, 1), Matrix(logits.rows, logits.cols)};
  for (std::int64_t r = 0; r < logits.rows; ++r) {
    const std::int64_t target = targets[static_cast<std::size_t>(r)];
    double largest = -INFINITY, sum = 0;
    for (std::int64_t c = 0; c < logits.cols; ++c) largest = std::max(largest, logits(r, c));
    for (std::int64_t c = 0; c < logits.cols; ++c) sum += std::exp(logits(r, c) - largest);
    result.losses(r, 0) = std::log(sum) + largest - logits(r, target);
    for (std::int64_t c = 0; c < logits.cols; ++c)
      result.dlogits(r, c) =
          scale * (std::exp(logits(r, c) - largest) / sum - (c == target ? 1 : 0));
  }
  return result;
}

/// Ranges of these sizes, one after the other.
inline std::vector<Range> consecutive(const std::vector<std::int64_t>& sizes) {
  std::vector<Range> ranges;
  std::int64_t end = 0;
  for (const std::int64_t n : sizes) {
    ranges.push_back({end, end + n});
    end += n;
  }
  return ranges;
}
inline Matrix columns(const Matrix& x, Range range) {
  Matrix part(x.rows, range.size());
  for (std::int64_t r = 0; r < x.rows; ++r)
    for (std::int64_t c = 0; c < part.cols; ++c) part(r, c) = x(r, range.begin + c);
  return part;
}
/// [n R, 3]: of each shard of the vocabulary the largest logit, sum of exp(logit - largest), and
/// the target's logit.
inline Matrix vocabulary_statistics(const Matrix& logits, const Ids& targets,
                                    const std::vector<Range>& shards) {
  Matrix statistics(static_cast<std::int64_t>(shards.size()) * logits.rows, 3);
  for (std::size_t i = 0; i < shards.size(); ++i)
    for (std::int64_t r = 0; r < logits.rows; ++r) {
      const std::int64_t at = static_cast<std::int64_t>(i) * logits.rows + r;
      const std::int64_t target = targets[static_cast<std::size_t>(r)];
      double largest = -INFINITY, sum = 0;
      for (std::int64_t c = shards[i].begin; c < shards[i].end; ++c)
        largest = std::max(largest, logits(r, c));
      for (std::int64_t c = shards[i].begin; c < shards[i].end; ++c)
        sum += std::exp(logits(r, c) - largest);
      statistics(at, 0) = largest;
      statistics(at, 1) = sum;
      if (target >= shards[i].begin && target < shards[i].end)
        statistics(at, 2) = logits(r, target);
    }
  return statistics;
}

inline Doubles squared_norms(const Matrix& x, const std::vector<Range>& parts) {
  Doubles sums;
  for (const Range& part : parts) {
    double sum = 0;
    for (std::int64_t i = part.begin; i < part.end; ++i)
      sum += std::pow(x.values[static_cast<std::size_t>(i)], 2);
    sums.push_back(sum);
  }
  return sums;
}

struct AdamW {
  Matrix w, m, v;
};
inline AdamW adamw(AdamW state, const Matrix& grad, const AdamWSettings& s) {
  for (std::size_t i = 0; i < grad.values.size(); ++i) {
    const double g = grad.values[i] * s.grad_scale;
    double &m = state.m.values[i], &v = state.v.values[i], &w = state.w.values[i];
    m = s.beta1 * m + (1.0 - s.beta1) * g;
    v = s.beta2 * v + (1.0 - s.beta2) * g * g;
    w -= s.learning_rate *
         (m / s.bias_correction1 / (std::sqrt(v / s.bias_correction2) + s.epsilon) +
          s.weight_decay * w);
  }
  return state;
}

}  // namespace isoflop::test::reference
