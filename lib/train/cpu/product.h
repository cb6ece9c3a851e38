// SPDX-License-Identifier: Apache-2.0
// Register-blocked products of row-major matrices: what the GEMM and attention are made of.
#pragma once

#include "train/cpu/vector.h"

namespace isoflop::ISOFLOP_CPU_ISA {

/// A tile of C in registers has kTileRows rows and up to kTileVectors vectors of columns: 24
/// accumulators where there are 32 registers, 12 of 16 otherwise.
inline constexpr int kTileRows = ISOFLOP_VECTOR_BYTES == 64 ? 8 : 4;
inline constexpr int kTileVectors = 3;
inline constexpr int kPanel = kTileVectors * kLanes;

struct Tile {
  Index k = 0;
  const float* a = nullptr;  // element (row, i) at a[row * a_stride + i], or the transpose
  Index a_stride = 0;
  const float* b = nullptr;  // element (i, column) at b[i * b_stride + column]
  Index b_stride = 0;
  float* c = nullptr;
  Index c_stride = 0;
  bool accumulate = false;
};

/// C [M, n] (+)= sums, n < V * N columns of them.
template <int N, int M, int V>
__attribute__((noinline)) void store_part(const Vec<N> (&sums)[M][V], float* c, Index c_stride,
                                          Index n, bool accumulate) {
  for (int r = 0; r < M; ++r) {
    float row[V * N];
    __builtin_memcpy(row, sums[r], sizeof row);
    for (Index j = 0; j < n; ++j)
      c[r * c_stride + j] = accumulate ? c[r * c_stride + j] + row[j] : row[j];
  }
}

template <int N, int M, int V, bool kAccumulate>
ISOFLOP_INLINE void store_all(const Vec<N> (&sums)[M][V], float* c, Index c_stride) {
#pragma GCC unroll 8
  for (int r = 0; r < M; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      float* target = c + r * c_stride + v * N;
      store<N>(target, kAccumulate ? load<N>(target) + sums[r][v] : sums[r][v]);
    }
}

/// C [M, n] (+)= A [M, k] B [k, V * N], n <= V * N columns stored.
template <int N, int M, int V, bool kTransposedA>
void multiply_tile(const Tile& t, Index n) {
  Vec<N> sums[M][V];
#pragma GCC unroll 8
  for (int r = 0; r < M; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sums[r][v] = Vec<N>{};
  const float* a = t.a;
  const float* b = t.b;
  const Index k = t.k, b_step = t.b_stride;
  const Index a_step = kTransposedA ? t.a_stride : 1;
  const Index row_step = kTransposedA ? 1 : t.a_stride;
  for (Index i = 0; i < k; ++i) {
    Vec<N> column[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) column[v] = load<N>(b + v * N);
#pragma GCC unroll 8
    for (int r = 0; r < M; ++r) {
      const Vec<N> factor = splat<N>(a[r * row_step]);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sums[r][v] += factor * column[v];
    }
    a += a_step;
    b += b_step;
  }
  float* c = t.c;
  const Index c_stride = t.c_stride;
  if (n < V * N)
    store_part<N, M, V>(sums, c, c_stride, n, t.accumulate);
  else if (t.accumulate)
    store_all<N, M, V, true>(sums, c, c_stride);
  else
    store_all<N, M, V, false>(sums, c, c_stride);
}

/// C [m, n] (+)= A B for one panel of B of V * N >= n columns.
template <int N, int V, bool kTransposedA>
void multiply_panel(Tile t, Index m, Index n) {
  const Index a_step = kTransposedA ? 1 : t.a_stride;
  const auto advance = [&](Index rows) {
    t.a += rows * a_step;
    t.c += rows * t.c_stride;
    m -= rows;
  };
  while (m >= kTileRows) {
    multiply_tile<N, kTileRows, V, kTransposedA>(t, n);
    advance(kTileRows);
  }
  if constexpr (kTileRows > 4)
    if (m >= 4) {
      multiply_tile<N, 4, V, kTransposedA>(t, n);
      advance(4);
    }
  while (m > 0) {
    multiply_tile<N, 1, V, kTransposedA>(t, n);
    advance(1);
  }
}

/// How `n` columns are cut into panels: body(Columns<N, V>, first, n_valid), V vectors of N lanes.
template <int N_, int V_>
struct Columns {
  static constexpr int N = N_, V = V_;
};
template <class Body>
ISOFLOP_INLINE void for_each_panel(Index n, Body&& body) {
  Index first = 0;
  while (n - first >= kLanes) {
    const Index vectors = (n - first) / kLanes;
    if (vectors == 1) {
      body(Columns<kLanes, 1>{}, first, Index{kLanes});
      first += kLanes;
    } else if (vectors == 2 || vectors == 4) {
      body(Columns<kLanes, 2>{}, first, Index{2 * kLanes});
      first += 2 * kLanes;
    } else {
      body(Columns<kLanes, 3>{}, first, Index{3 * kLanes});
      first += 3 * kLanes;
    }
  }
  const Index rest = n - first;
  if (rest == 0) return;
  if constexpr (kLanes > 8)
    if (rest > 8) return body(Columns<kLanes, 1>{}, first, rest);
  if constexpr (kLanes > 4)
    if (rest > 4) return body(Columns<8, 1>{}, first, rest);
  body(Columns<4, 1>{}, first, rest);
}

/// C [m, n] (+)= A B with B read where it lies: up to 7 floats behind column n of it are read too.
template <bool kTransposedA>
void multiply_in_place(const Tile& t, Index m, Index n) {
  for_each_panel(n, [&](auto columns, Index first, Index n_valid) {
    Tile panel = t;
    panel.b += first;
    panel.c += first;
    using C = decltype(columns);
    multiply_panel<C::N, C::V, kTransposedA>(panel, m, n_valid);
  });
}

/// packed [k, width] = rows of b, zeros behind column n_valid.
void pack_rows(const float* b, Index b_stride, Index k, Index width, Index n_valid, float* packed);
/// packed [k, width] = b^T, b [n_valid, k]; zeros behind column n_valid. width a multiple of 4.
void pack_columns(const float* b, Index b_stride, Index k, Index width, Index n_valid,
                  float* packed);

}  // namespace isoflop::ISOFLOP_CPU_ISA
