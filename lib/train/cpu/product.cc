// SPDX-License-Identifier: Apache-2.0
#include "train/cpu/product.h"

#include "train/cpu/table.h"

namespace isoflop::ISOFLOP_CPU_ISA {
namespace {

/// Depth of a packed panel of B at most: 192 bytes of each of its rows, just within a 32 KiB L1.
constexpr Index kMaxDepth = 160;
/// Rows of A and C that all panels of B meet in turn: 256 KiB of A, half of a usual L2.
constexpr Index kRowBlock = 512;

ISOFLOP_INLINE void transpose4(const float* source, Index stride, float* target, Index width) {
  const Vec<4> a = load<4>(source), b = load<4>(source + stride);
  const Vec<4> c = load<4>(source + 2 * stride), d = load<4>(source + 3 * stride);
  const Vec<4> ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const Vec<4> ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Vec<4> cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const Vec<4> cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  store<4>(target, __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5));
  store<4>(target + width, __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7));
  store<4>(target + 2 * width, __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5));
  store<4>(target + 3 * width, __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7));
}

void pack(const Product& p, Index first, Index depth, Index column, Index width, Index n_valid,
          float* packed) {
  if (p.b_transposed)
    pack_columns(p.b + column * p.b_stride + first, p.b_stride, depth, width, n_valid, packed);
  else
    pack_rows(p.b + first * p.b_stride + column, p.b_stride, depth, width, n_valid, packed);
}

/// Depth of equal passes over k.
Index depth_of(Index k) {
  const Index n_passes = (k + kMaxDepth - 1) / kMaxDepth;
  return (k + n_passes - 1) / n_passes;
}

template <bool kTransposedA>
void product_by_panels(const Product& p, float* scratch) {
  const Index pass = depth_of(p.k);
  const Index row_step = kTransposedA ? 1 : p.a_stride, step = kTransposedA ? p.a_stride : 1;
  for (Index row = 0; row < p.m; row += kRowBlock) {
    const Index rows = p.m - row < kRowBlock ? p.m - row : kRowBlock;
    for (Index first = 0; first < p.k; first += pass) {
      const Index depth = p.k - first < pass ? p.k - first : pass;
      for_each_panel(p.n, [&](auto columns, Index column, Index n_valid) {
        using C = decltype(columns);
        constexpr Index kWidth = C::N * C::V;
        pack(p, first, depth, column, kWidth, n_valid, scratch);
        const Tile tile{
            depth,  p.a + row * row_step + first * step, p.a_stride, scratch,
            kWidth, p.c + row * p.c_stride + column,     p.c_stride, p.accumulate || first > 0};
        multiply_panel<C::N, C::V, kTransposedA>(tile, rows, n_valid);
      });
    }
  }
}

}  // namespace

void pack_rows(const float* b, Index b_stride, Index k, Index width, Index n_valid, float* packed) {
  for (Index i = 0; i < k; ++i) {
    const float* row = b + i * b_stride;
    float* target = packed + i * width;
    sweep(n_valid, [&](auto w, Index j) {
      constexpr int N = decltype(w)::kWidth;
      store<N>(target + j, load<N>(row + j));
    });
    for (Index j = n_valid; j < width; ++j) target[j] = 0;
  }
}

void pack_columns(const float* b, Index b_stride, Index k, Index width, Index n_valid,
                  float* packed) {
  Index j = 0;
  for (; j + 4 <= n_valid; j += 4) {
    const float* source = b + j * b_stride;
    Index i = 0;
    for (; i + 4 <= k; i += 4) transpose4(source + i, b_stride, packed + i * width + j, width);
    for (; i < k; ++i)
      for (Index l = 0; l < 4; ++l) packed[i * width + j + l] = source[l * b_stride + i];
  }
  for (; j < width; ++j)
    for (Index i = 0; i < k; ++i) packed[i * width + j] = j < n_valid ? b[j * b_stride + i] : 0.0f;
}

void product(const Product& p, float* scratch) {
  if (p.a_transposed)
    product_by_panels<true>(p, scratch);
  else
    product_by_panels<false>(p, scratch);
}

Index product_scratch(const Product&) { return kMaxDepth * kPanel; }

}  // namespace isoflop::ISOFLOP_CPU_ISA
