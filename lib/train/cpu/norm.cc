// SPDX-License-Identifier: Apache-2.0
#include "train/cpu/table.h"

namespace isoflop::ISOFLOP_CPU_ISA {

void rmsnorm_forward(Index n_rows, Index n_cols, float* residual, const float* delta,
                     const float* gain, float epsilon, float* y, float* inverse_rms) {
  for (Index r = 0; r < n_rows; ++r, residual += n_cols, y += n_cols) {
    Sum squares;
    sweep(n_cols, [&](auto w, Index i) {
      constexpr int N = decltype(w)::kWidth;
      Vec<N> x = load<N>(residual + i);
      if (delta != nullptr) {
        x += load<N>(delta + r * n_cols + i);
        store<N>(residual + i, x);
      }
      squares.add<N>(x * x);
    });
    const float mean = squares.total() / static_cast<float>(n_cols) + epsilon;
    // NaN where the mean is infinite, or the norm of squares that overflow would be zeros.
    const float inverse = 1.0f / __builtin_sqrtf(mean) + (mean - mean);
    inverse_rms[r] = inverse;
    sweep(n_cols, [&](auto w, Index i) {
      constexpr int N = decltype(w)::kWidth;
      store<N>(y + i, load<N>(residual + i) * inverse * load<N>(gain + i));
    });
  }
}

// With u = 1 / rms: y = x u g, so dx = u (dy g) - x u^3 mean(dy g x), dg = sum over rows of dy x u.
void rmsnorm_backward(Index n_rows, Index n_cols, const float* dy, const float* residual,
                      const float* gain, const float* inverse_rms, float* dresidual, float* dgain) {
  for (Index r = 0; r < n_rows; ++r, dy += n_cols, residual += n_cols, dresidual += n_cols) {
    Sum dot;
    sweep(n_cols, [&](auto w, Index i) {
      constexpr int N = decltype(w)::kWidth;
      dot.add<N>(load<N>(dy + i) * load<N>(gain + i) * load<N>(residual + i));
    });
    const float inverse = inverse_rms[r];
    const float shift = dot.total() * inverse * inverse / static_cast<float>(n_cols);
    sweep(n_cols, [&](auto w, Index i) {
      constexpr int N = decltype(w)::kWidth;
      const Vec<N> g = load<N>(dy + i), x = load<N>(residual + i);
      store<N>(dresidual + i,
               load<N>(dresidual + i) + inverse * (g * load<N>(gain + i) - shift * x));
      store<N>(dgain + i, load<N>(dgain + i) + g * (x * inverse));
    });
  }
}

void rope(Index n_rows, Index row_stride, Index n_heads, Index d_head, Index seq_len,
          const float* cosines, const float* sines, float sign, float* x) {
  const Index half = d_head / 2;
  for (Index r = 0; r < n_rows; ++r) {
    const float* cosine = cosines + r % seq_len * half;
    const float* sine = sines + r % seq_len * half;
    for (Index h = 0; h < n_heads; ++h) {
      float* low = x + r * row_stride + h * d_head;
      float* high = low + half;
      sweep(half, [&](auto w, Index i) {
        constexpr int N = decltype(w)::kWidth;
        const Vec<N> a = load<N>(low + i), b = load<N>(high + i);
        const Vec<N> c = load<N>(cosine + i), s = load<N>(sine + i) * sign;
        store<N>(low + i, a * c - b * s);
        store<N>(high + i, b * c + a * s);
      });
    }
  }
}

}  // namespace isoflop::ISOFLOP_CPU_ISA
