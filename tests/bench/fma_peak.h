// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace isoflop {

/// Floating-point operations per second (2 for each fused multiply-add) of `n_threads` threads that
/// do nothing but fp32 FMAs on registers, with the widest vectors the kernels use here. The best of
/// many windows of some milliseconds: a bound, not an average.
[[nodiscard]] double fma_peak(int n_threads);

}  // namespace isoflop
