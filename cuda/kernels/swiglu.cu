// SPDX-License-Identifier: Apache-2.0
#include "kernels/launch_shape.cuh"
#include "kernels/sigmoid.cuh"
#include "kernels/swiglu.h"

namespace isoflop {
namespace {

template <class T, int kWidth>
__global__ void __launch_bounds__(256)
    swiglu_forward_kernel(std::int64_t n_rows, std::int64_t d_ff, const T* gate_up, T* act) {
  const auto [row, unit] = unit_of_thread();
  const std::int64_t col = std::int64_t{unit} * kWidth;
  if (row >= n_rows || col >= d_ff) return;
  const T* gates = gate_up + row * 2 * d_ff + col;
  const auto gate = load<kWidth>(gates), up = load<kWidth>(gates + d_ff);
  Pack<T, kWidth> result;
#pragma unroll
  for (int i = 0; i < kWidth; ++i) {
    const float x = upcast(gate.values[i]);
    result.values[i] = round_to<T>(x * sigmoid(x) * upcast(up.values[i]));
  }
  store(act + row * d_ff + col, result);
}

template <class T, int kWidth>
__global__ void __launch_bounds__(256)
    swiglu_backward_kernel(std::int64_t n_rows, std::int64_t d_ff, const T* dact, T* gate_up) {
  const auto [row, unit] = unit_of_thread();
  const std::int64_t col = std::int64_t{unit} * kWidth;
  if (row >= n_rows || col >= d_ff) return;
  T* gates = gate_up + row * 2 * d_ff + col;
  auto gate = load<kWidth>(gates), up = load<kWidth>(gates + d_ff);
  const auto gradient = load<kWidth>(dact + row * d_ff + col);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) {
    const float x = upcast(gate.values[i]), g = upcast(gradient.values[i]);
    const float s = sigmoid(x), silu = x * s;
    gate.values[i] = round_to<T>(g * upcast(up.values[i]) * (s + silu * (1.0f - s)));
    up.values[i] = round_to<T>(g * silu);
  }
  store(gates, gate);
  store(gates + d_ff, up);
}

}  // namespace

template <class T>
void launch_swiglu_forward(Tensor gate_up, Tensor act, cudaStream_t stream) {
  visit_width<T>(rows_are_vectorizable<T>(act.cols, gate_up.data, act.data), [&](auto width) {
    launch(swiglu_forward_kernel<T, width()>, thread_per_unit(act.rows, act.cols / width()), stream,
           act.rows, act.cols, data_of<T>(gate_up), data_of<T>(act));
  });
}

template <class T>
void launch_swiglu_backward(Tensor dact, Tensor gate_up, cudaStream_t stream) {
  visit_width<T>(rows_are_vectorizable<T>(dact.cols, dact.data, gate_up.data), [&](auto width) {
    launch(swiglu_backward_kernel<T, width()>, thread_per_unit(dact.rows, dact.cols / width()),
           stream, dact.rows, dact.cols, data_of<T>(dact), data_of<T>(gate_up));
  });
}

template void launch_swiglu_forward<float>(Tensor, Tensor, cudaStream_t);
template void launch_swiglu_forward<__nv_bfloat16>(Tensor, Tensor, cudaStream_t);
template void launch_swiglu_backward<float>(Tensor, Tensor, cudaStream_t);
template void launch_swiglu_backward<__nv_bfloat16>(Tensor, Tensor, cudaStream_t);

}  // namespace isoflop
