// SPDX-License-Identifier: Apache-2.0
#include "train/cpu/table.h"

namespace isoflop::ISOFLOP_CPU_ISA {
namespace {

// gelu(x) = x/2 (1 + tanh u) = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3).
constexpr float kGeluScale = 1.5957691216057308f;  // 2 sqrt(2/pi)
constexpr float kGeluCubic = 0.044715f;

template <int N>
ISOFLOP_INLINE Vec<N> gelu_gate(Vec<N> x) {
  return sigmoid_of<N>(kGeluScale * x * (1.0f + kGeluCubic * (x * x)));
}

}  // namespace

void swiglu_forward(Index n_rows, Index d_ff, const float* gate_up, float* act) {
  for (Index r = 0; r < n_rows; ++r, gate_up += 2 * d_ff, act += d_ff)
    sweep(d_ff, [&](auto w, Index i) {
      constexpr int N = decltype(w)::kWidth;
      const Vec<N> gate = load<N>(gate_up + i);
      store<N>(act + i, gate * sigmoid_of<N>(gate) * load<N>(gate_up + d_ff + i));
    });
}

void swiglu_backward(Index n_rows, Index d_ff, const float* dact, float* gate_up) {
  for (Index r = 0; r < n_rows; ++r, gate_up += 2 * d_ff, dact += d_ff)
    sweep(d_ff, [&](auto w, Index i) {
      constexpr int N = decltype(w)::kWidth;
      const Vec<N> gate = load<N>(gate_up + i), up = load<N>(gate_up + d_ff + i);
      const Vec<N> g = load<N>(dact + i), s = sigmoid_of<N>(gate);
      const Vec<N> silu = gate * s;
      store<N>(gate_up + i, g * up * (s + silu * (1.0f - s)));
      store<N>(gate_up + d_ff + i, g * silu);
    });
}

void gelu_forward(Index n, const float* x, float* act) {
  sweep(n, [&](auto w, Index i) {
    constexpr int N = decltype(w)::kWidth;
    const Vec<N> v = load<N>(x + i);
    store<N>(act + i, v * gelu_gate<N>(v));
  });
}

void gelu_backward(Index n, const float* dact, float* x) {
  sweep(n, [&](auto w, Index i) {
    constexpr int N = decltype(w)::kWidth;
    const Vec<N> v = load<N>(x + i), s = gelu_gate<N>(v);
    const Vec<N> slope = kGeluScale * (1.0f + 3.0f * kGeluCubic * (v * v));
    store<N>(x + i, load<N>(dact + i) * (s + v * s * (1.0f - s) * slope));
  });
}

void exp2(Index n, const float* x, float* y) {
  sweep(n, [&](auto w, Index i) {
    constexpr int N = decltype(w)::kWidth;
    store<N>(y + i, exp2_of<N>(load<N>(x + i)));
  });
}

}  // namespace isoflop::ISOFLOP_CPU_ISA
