// SPDX-License-Identifier: Apache-2.0
#include "train/cpu/table.h"

namespace isoflop::ISOFLOP_CPU_ISA {

namespace {

void adamw_block(Index n, float* __restrict w, const float* __restrict grad, float* __restrict m,
                 float* __restrict v, const AdamWArgs& args) {
  const AdamWArgs a = args;
  const float m_scale = a.learning_rate / a.bias_correction1, v_scale = 1.0f / a.bias_correction2;
  const float decay = a.learning_rate * a.weight_decay;
  for (Index i = 0; i < n; ++i) {
    const float g = grad[i] * a.grad_scale;
    const float mi = a.beta1 * m[i] + (1.0f - a.beta1) * g;
    const float vi = a.beta2 * v[i] + (1.0f - a.beta2) * (g * g);
    m[i] = mi;
    v[i] = vi;
    w[i] -= mi * m_scale / (__builtin_sqrtf(vi * v_scale) + a.epsilon) + decay * w[i];
  }
}

}  // namespace

void sum(Index n, Index n_inputs, const float* const* x, float* y) {
  sweep(n, [&](auto w, Index i) {
    constexpr int N = decltype(w)::kWidth;
    Vec<N> total = load<N>(x[0] + i);
    for (Index k = 1; k < n_inputs; ++k) total += load<N>(x[k] + i);
    store<N>(y + i, total);
  });
}

double squared_norm(Index n, const float* x) {
  constexpr int N = kLanes / 2, kChains = 4;
  DoubleVec<N> sums[kChains] = {};
  Index i = 0;
  for (; i + kChains * N <= n; i += kChains * N)
    for (int c = 0; c < kChains; ++c) {
      const DoubleVec<N> v = __builtin_convertvector(load<N>(x + i + c * N), DoubleVec<N>);
      sums[c] += v * v;
    }
  double total = 0;
  for (; i < n; ++i) total += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  const DoubleVec<N> all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  for (int l = 0; l < N; ++l) total += all[l];
  return total;
}

void adamw(Index n, float* w, const float* grad, float* m, float* v, std::uint16_t* rounded,
           const AdamWArgs& args) {
  if (rounded == nullptr) return adamw_block(n, w, grad, m, v, args);
  constexpr Index kBlock = 1024;  // still in L1 when it is rounded
  for (Index i = 0; i < n; i += kBlock) {
    const Index size = n - i < kBlock ? n - i : kBlock;
    adamw_block(size, w + i, grad + i, m + i, v + i, args);
    round_to_bf16(size, w + i, rounded + i);
  }
}

}  // namespace isoflop::ISOFLOP_CPU_ISA
