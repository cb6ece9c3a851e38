// SPDX-License-Identifier: Apache-2.0
// The interface of cuda/device/tensor_core.cuh on the host, lane by lane.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "device/device.cuh"

namespace isoflop {
namespace emulation {

/// The lower (0) or upper (1) bf16 of a register.
inline float half_of(std::uint32_t pair, unsigned half) {
  return std::bit_cast<float>(half == 0 ? pair << 16 : pair & 0xffff0000u);
}

struct MmaFragments {
  std::array<std::uint32_t, 4> a;
  std::array<std::uint32_t, 2> b;
};

using MatrixRow = std::array<std::uint16_t, 8>;
inline WarpValues<MatrixRow> exchange_rows(const char* instruction, const void* shared_row) {
  check_alignment(shared_row, 16, instruction);
  MatrixRow row;
  std::memcpy(&row, shared_row, sizeof row);
  return {instruction, row};
}
inline std::uint32_t pair_of(std::uint16_t low, std::uint16_t high) {
  return low | static_cast<std::uint32_t>(high) << 16;
}

}  // namespace emulation

inline void mma_m16n8k16(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  const emulation::WarpValues<emulation::MmaFragments> warp(
      "mma_m16n8k16", {{a[0], a[1], a[2], a[3]}, {b[0], b[1]}});
  const unsigned group = emulation::lane() / 4, pair = 2 * (emulation::lane() % 4);
  float sums[4] = {};
  for (unsigned k = 0; k < 16; ++k) {
    // Column k of a lies in the lanes of k's pair, registers 0, 1 or, from 8 on, 2, 3; so does row
    // k of b, registers 0 or 1.
    const unsigned owner = k % 8 / 2, upper = k / 8;
    const auto rows = warp[group * 4 + owner].a;
    const float a_top = emulation::half_of(rows[2 * upper], k % 2);
    const float a_bottom = emulation::half_of(rows[2 * upper + 1], k % 2);
    for (unsigned c = 0; c < 2; ++c) {
      const float b_column = emulation::half_of(warp[(pair + c) * 4 + owner].b[upper], k % 2);
      sums[c] += a_top * b_column;
      sums[2 + c] += a_bottom * b_column;
    }
  }
  for (unsigned i = 0; i < 4; ++i) d[i] += sums[i];
}

inline void load_matrices(std::uint32_t (&r)[4], const void* shared_row) {
  const auto rows = emulation::exchange_rows("load_matrices", shared_row);
  const unsigned group = emulation::lane() / 4, pair = 2 * (emulation::lane() % 4);
  for (unsigned m = 0; m < 4; ++m) {
    const emulation::MatrixRow row = rows[8 * m + group];
    r[m] = emulation::pair_of(row[pair], row[pair + 1]);
  }
}

inline void load_matrices_transposed(std::uint32_t (&r)[4], const void* shared_row) {
  const auto rows = emulation::exchange_rows("load_matrices_transposed", shared_row);
  const unsigned group = emulation::lane() / 4, pair = 2 * (emulation::lane() % 4);
  for (unsigned m = 0; m < 4; ++m)
    r[m] = emulation::pair_of(rows[8 * m + pair][group], rows[8 * m + pair + 1][group]);
}

/// Read and written when the copying thread waits for it, no sooner; until then the target is NaN.
inline void copy_async(void* shared, const void* global, bool valid = true) {
  emulation::start_copy(shared, global, valid);
}
inline void commit_copies() { emulation::end_copy_group(); }
template <int kPending>
void wait_for_copies() {
  emulation::wait_for_copy_groups(kPending);
}

}  // namespace isoflop
