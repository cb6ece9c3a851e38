// SPDX-License-Identifier: Apache-2.0
// The warp-wide matrix instructions and asynchronous copies of sm_80 and later (PTX ISA 8.0,
// sections 9.7.13 and 9.7.8). All lanes of a warp call them together. There is one other
// implementation of this header, which runs on the host (tests/cuda/emulation).
#pragma once

#include <cstdint>

#include "device/device.cuh"

namespace isoflop {

/// d [16, 8] += a [16, 16] b [16, 8], bf16 in, fp32 sums; fragments as in PTX mma.m16n8k16: with
/// group = lane / 4 and pair = 2 (lane % 4), d holds rows group, group + 8 and columns pair, pair +
/// 1: {d[g][p], d[g][p+1], d[g+8][p], d[g+8][p+1]}; a holds {a[g][p..], a[g+8][p..], a[g][p+8..],
/// a[g+8][p+8..]}, b holds {b[p..][g], b[p+8..][g]}, two neighbours in k per register.
__device__ __forceinline__ void mma_m16n8k16(float (&d)[4], const std::uint32_t (&a)[4],
                                             const std::uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};\n"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/// Four 8x8 matrices of 16-bit elements from shared memory: lane i gives the address of row i % 8
/// of matrix i / 8 (16 bytes, aligned); r[m] gets elements 2 (lane % 4) and the next of row lane /
/// 4 of matrix m.
__device__ __forceinline__ void load_matrices(std::uint32_t (&r)[4], const void* shared_row) {
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(shared_row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}

/// The same, each matrix transposed: r[m] gets column lane / 4, rows 2 (lane % 4) and the next.
__device__ __forceinline__ void load_matrices_transposed(std::uint32_t (&r)[4],
                                                         const void* shared_row) {
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(shared_row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}

/// Starts a copy of 16 bytes (both addresses aligned to 16) from global to shared memory; where
/// `valid` is false nothing is read and zeros are written.
__device__ __forceinline__ void copy_async(void* shared, const void* global, bool valid = true) {
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
  const int n_bytes = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n"
               :
               : "r"(address), "l"(global), "r"(n_bytes)
               : "memory");
}
/// Ends a group of this thread's copies.
__device__ __forceinline__ void commit_copies() {
  asm volatile("cp.async.commit_group;\n" ::: "memory");
}
/// Waits until at most `kPending` of this thread's groups are under way. A barrier must follow
/// before other threads read what was copied.
template <int kPending>
__device__ __forceinline__ void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;\n" : : "n"(kPending) : "memory");
}

}  // namespace isoflop
