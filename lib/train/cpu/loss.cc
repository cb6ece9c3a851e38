// SPDX-License-Identifier: Apache-2.0
#include "train/cpu/table.h"

namespace isoflop::ISOFLOP_CPU_ISA {
namespace {

float largest_of(Index n, const float* x) {
  Vec<kLanes> wide = splat<kLanes>(x[0]);
  float rest = x[0];
  sweep(n, [&](auto w, Index i) {
    constexpr int N = decltype(w)::kWidth;
    if constexpr (N == kLanes) {
      wide = larger<N>(wide, load<N>(x + i));
    } else {
      const float here = max_of<N>(load<N>(x + i));
      rest = here > rest ? here : rest;
    }
  });
  const float here = max_of<kLanes>(wide);
  return here > rest ? here : rest;
}

}  // namespace

void cross_entropy(Index n_rows, Index n_cols, float* logits, const std::int32_t* targets,
                   float scale, float* losses) {
  const bool backward = scale != 0.0f;
  for (Index r = 0; r < n_rows; ++r, logits += n_cols) {
    const float largest = largest_of(n_cols, logits);
    const float target = logits[targets[r]];
    const float shift = largest * kLog2E;
    Sum sum;
    sweep(n_cols, [&](auto w, Index i) {
      constexpr int N = decltype(w)::kWidth;
      const Vec<N> e = exp2_of<N>(load<N>(logits + i) * kLog2E - shift);
      if (backward) store<N>(logits + i, e);
      sum.add<N>(e);
    });
    const float total = sum.total();
    losses[r] = __builtin_logf(total) + (largest - target);
    if (!backward) continue;
    const float factor = scale / total;
    sweep(n_cols, [&](auto w, Index i) {
      constexpr int N = decltype(w)::kWidth;
      store<N>(logits + i, load<N>(logits + i) * factor);
    });
    logits[targets[r]] -= scale;
  }
}

}  // namespace isoflop::ISOFLOP_CPU_ISA
