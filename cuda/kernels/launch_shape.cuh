// SPDX-License-Identifier: Apache-2.0
// What launchers have in common: pointers out of tensors, and grids out of shapes.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/vector.cuh"
#include "train/contract/backend.h"

namespace isoflop {

template <class T>
[[nodiscard]] T* data_of(Tensor x) {
  return static_cast<T*>(x.data);
}

[[nodiscard]] constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}
[[nodiscard]] constexpr std::int64_t round_up(std::int64_t a, std::int64_t unit) {
  return ceil_div(a, unit) * unit;
}

template <class... Pointers>
[[nodiscard]] bool are_aligned(Pointers... pointers) {
  return ((reinterpret_cast<std::uintptr_t>(pointers) % 16 == 0) && ...);
}

/// Whether all rows of n_cols elements from these addresses on may be read by packs of
/// kVectorSize<T>.
template <class T, class... Pointers>
[[nodiscard]] bool rows_are_vectorizable(std::int64_t n_cols, Pointers... rows) {
  return n_cols % kVectorSize<T> == 0 && are_aligned(rows...);
}

/// visit(Width<W>{}) with the width of packs of T, or 1.
template <class T, class Visit>
void visit_width(bool wide, Visit visit) {
  if (wide)
    visit(Width<kVectorSize<T>>{});
  else
    visit(Width<1>{});
}

/// One tile per block: see load_tile().
[[nodiscard]] inline LaunchShape tiles(std::int64_t n, int width) {
  return {dim3(static_cast<unsigned>(ceil_div(n, std::int64_t{kTilePacks} * kTileThreads * width))),
          dim3(kTileThreads)};
}

/// A thread for each of n_units units of each of n_rows rows: see unit_of_thread().
[[nodiscard]] inline LaunchShape thread_per_unit(std::int64_t n_rows, std::int64_t n_units) {
  const auto x = static_cast<unsigned>(std::clamp<std::int64_t>(round_up(n_units, 32), 32, 256));
  const unsigned y = 256 / x;
  return {
      dim3(static_cast<unsigned>(ceil_div(n_rows, y)), static_cast<unsigned>(ceil_div(n_units, x))),
      dim3(x, y)};
}
struct RowUnit {
  std::int64_t row;
  int unit;
};
__device__ __forceinline__ RowUnit unit_of_thread() {
  return {std::int64_t{blockIdx.x} * blockDim.y + threadIdx.y,
          static_cast<int>(blockIdx.y * blockDim.x + threadIdx.x)};
}

}  // namespace isoflop
