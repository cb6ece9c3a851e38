// SPDX-License-Identifier: Apache-2.0
#include "kernels/adamw.h"
#include "kernels/launch_shape.cuh"

namespace isoflop {
namespace {

constexpr int kThreads = 256;
constexpr unsigned kMinBlocksPerPart = 16;  // a part of 16,384 elements is one pack a thread
constexpr unsigned kMinBlocks = 1024;       // where there are few parts

struct Factors {
  float grad_scale, beta1, beta2, m_scale, v_scale, epsilon, learning_rate_decay;
};

__device__ __forceinline__ void update(const Factors& f, float grad, float& m, float& v, float& w) {
  const float g = grad * f.grad_scale;
  m = fmaf(f.beta1, m, (1.0f - f.beta1) * g);
  v = fmaf(f.beta2, v, (1.0f - f.beta2) * (g * g));
  const float change = m * f.m_scale / (sqrtf(v * f.v_scale) + f.epsilon);
  w -= fmaf(f.learning_rate_decay, w, change);
}

template <int kWidth>
__device__ __forceinline__ void update_pack(const Factors& f, const AdamWPart& part,
                                            std::int64_t i) {
  const auto grad = load<kWidth>(part.grad + i);
  auto m = load<kWidth>(part.m + i), v = load<kWidth>(part.v + i), w = load<kWidth>(part.w + i);
  Pack<__nv_bfloat16, kWidth> rounded;
#pragma unroll
  for (int j = 0; j < kWidth; ++j) {
    update(f, grad.values[j], m.values[j], v.values[j], w.values[j]);
    rounded.values[j] = round_to<__nv_bfloat16>(w.values[j]);
  }
  store(part.m + i, m);
  store(part.v + i, v);
  store(part.w + i, w);
  if (part.rounded != nullptr) store(static_cast<__nv_bfloat16*>(part.rounded) + i, rounded);
}

/// Whether all arrays are aligned for packs of 4 from element `first` on.
__device__ __forceinline__ bool packs_from(const AdamWPart& part, int first) {
  const auto is_aligned = [&](const auto* x) {
    return reinterpret_cast<std::uintptr_t>(x + first) % (4 * sizeof(*x)) == 0;
  };
  const auto* rounded = static_cast<const __nv_bfloat16*>(part.rounded);
  return is_aligned(part.grad) && is_aligned(part.m) && is_aligned(part.v) && is_aligned(part.w) &&
         (rounded == nullptr || is_aligned(rounded));
}

/// Multi-tensor apply: blocks_per_part blocks for each part, in grid-stride loops over it.
__global__ void __launch_bounds__(kThreads)
    adamw_kernel(const AdamWPart* parts, unsigned blocks_per_part, float beta1, float beta2,
                 const AdamWStep* step, const float* scale) {
  const unsigned block_of_part = blockIdx.x % blocks_per_part;
  const AdamWPart part = parts[blockIdx.x / blocks_per_part];
  const float grad_scale = *scale;
  if (grad_scale < 0) return;
  const auto learning_rate = static_cast<float>(part.learning_rate * step->learning_rate);
  const Factors f{grad_scale,
                  beta1,
                  beta2,
                  learning_rate / step->bias_correction1,
                  1.0f / step->bias_correction2,
                  part.epsilon,
                  learning_rate * part.weight_decay};
  const std::int64_t thread = std::int64_t{block_of_part} * kThreads + threadIdx.x;
  const std::int64_t n_threads = std::int64_t{blocks_per_part} * kThreads;
  const int head = until_aligned(part.w);
  if (!packs_from(part, head) || head >= part.size) {
    for (std::int64_t i = thread; i < part.size; i += n_threads) update_pack<1>(f, part, i);
    return;
  }
  if (thread < head) update_pack<1>(f, part, thread);
  for (std::int64_t i = head + 4 * thread; i + 4 <= part.size; i += 4 * n_threads)
    update_pack<4>(f, part, i);
  const std::int64_t rest = head + (part.size - head) / 4 * 4 + thread;
  if (rest < part.size) update_pack<1>(f, part, rest);
}

}  // namespace

void launch_adamw(std::span<const AdamWPart> parts, float beta1, float beta2, const AdamWStep* step,
                  const float* scale, cudaStream_t stream) {
  const auto n_parts = static_cast<unsigned>(parts.size());
  if (n_parts == 0) return;
  const unsigned blocks_per_part =
      std::max(kMinBlocksPerPart, (kMinBlocks + n_parts - 1) / n_parts);
  launch(adamw_kernel, {dim3(n_parts * blocks_per_part), dim3(kThreads)}, stream, parts.data(),
         blocks_per_part, beta1, beta2, step, scale);
}

}  // namespace isoflop
