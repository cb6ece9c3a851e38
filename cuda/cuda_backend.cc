// SPDX-License-Identifier: Apache-2.0
#include "cuda_backend.h"

#include <algorithm>
#include <utility>

#include <cuda_bf16.h>

#include "cuda_error.h"
#include "devices.h"
#include "isoflop/error.h"
#include "kernels/adamw.h"
#include "kernels/cast.h"
#include "kernels/cross_entropy.h"
#include "kernels/embedding.h"
#include "kernels/gelu.h"
#include "kernels/measures.h"
#include "kernels/rmsnorm.h"
#include "kernels/rope.h"
#include "kernels/sum.h"
#include "kernels/swiglu.h"
#include "nccl_communicator.h"
#include "train/contract/communicator.h"
#include "train/network/block.h"

namespace isoflop {
namespace {

/// visit<T>() with the type of weights and activations.
template <class Visit>
void visit_float(DType dtype, Visit visit) {
  if (dtype == DType::bf16)
    visit.template operator()<__nv_bfloat16>();
  else
    visit.template operator()<float>();
}

std::size_t bytes_of(Tensor x) { return static_cast<std::size_t>(x.size() * size_of(x.dtype)); }

/// Makes the device current, or says in one line why there is none.
int select_device(int index) {
  require_cuda_device(index);
  ISOFLOP_CUDA(cudaSetDevice(index));
  return index;
}

}  // namespace

CudaBackend::CudaBackend(int device_index)
    : device_(select_device(device_index)),
      stream_(make_stream()),
      workspace_(use_),
      matmul_workspace_(Matmul::kWorkspaceBytes, use_, stream_.get()),
      matmul_(matmul_workspace_.data(), Matmul::kWorkspaceBytes),
      attention_(make_attention()) {}

CudaBackend::~CudaBackend() {
  (void)cudaSetDevice(device_);
  (void)cudaStreamSynchronize(stream_.get());
}

std::string CudaBackend::name() const {
  cudaDeviceProp properties{};
  ISOFLOP_CUDA(cudaGetDeviceProperties(&properties, device_));
  return std::string("cuda (") + properties.name + ", sm_" + std::to_string(properties.major) +
         std::to_string(properties.minor) + ")";
}

cudaStream_t CudaBackend::here() const {
  ISOFLOP_CUDA(cudaSetDevice(device_));
  return stream_.get();
}
void* CudaBackend::workspace(std::int64_t n_bytes) { return workspace_.at_least(n_bytes, here()); }

std::unique_ptr<Buffer> CudaBackend::allocate(std::int64_t n_bytes) {
  return std::make_unique<DeviceMemory>(n_bytes, use_, here());
}
std::unique_ptr<Staging> CudaBackend::make_staging(std::int64_t n_bytes) {
  return std::make_unique<PinnedStaging>(n_bytes, device_, here());
}
void CudaBackend::upload(void* device, const void* host, std::int64_t n_bytes) {
  if (n_bytes == 0) return;
  ISOFLOP_CUDA(
      cudaMemcpyAsync(device, host, static_cast<std::size_t>(n_bytes), cudaMemcpyDefault, here()));
  synchronize();
}
void CudaBackend::download(void* host, const void* device, std::int64_t n_bytes) {
  if (n_bytes == 0) return;
  ISOFLOP_CUDA(
      cudaMemcpyAsync(host, device, static_cast<std::size_t>(n_bytes), cudaMemcpyDefault, here()));
  synchronize();
}
void CudaBackend::zero(Tensor x) {
  if (x.size() > 0) ISOFLOP_CUDA(cudaMemsetAsync(x.data, 0, bytes_of(x), here()));
}
void CudaBackend::copy(Tensor from, Tensor to) {
  if (to.size() > 0)
    ISOFLOP_CUDA(cudaMemcpyAsync(to.data, from.data, bytes_of(to), cudaMemcpyDefault, here()));
}
void CudaBackend::synchronize() { ISOFLOP_CUDA(cudaStreamSynchronize(here())); }

std::int64_t CudaBackend::available_memory() const {
  (void)here();
  std::size_t free = 0, total = 0;
  ISOFLOP_CUDA(cudaMemGetInfo(&free, &total));
  return static_cast<std::int64_t>(free) + Matmul::kWorkspaceBytes;
}

void CudaBackend::repeat(int number, const std::function<void()>& work) {
  if (graphs_.have_seen(number)) workspace_.keep();
  graphs_.run(number, here(), flops_, work);
}

std::int64_t CudaBackend::scratch_bytes(const ModelShape& shape, std::int64_t n_rows,
                                        DType dtype) const {
  const AttentionDims dims = attention_dims(shape, n_rows);
  const std::int64_t rope_tables = shape.seq_len * shape.d_head * size_of(DType::f32);
  return Matmul::kWorkspaceBytes + rope_tables +
         std::max({attention_->workspace_bytes(dims, dtype),
                   embedding_workspace_bytes(n_rows, shape.d_model),
                   rmsnorm_workspace_bytes(n_rows, shape.d_model)});
}

std::unique_ptr<Communicator> CudaBackend::connect(Communicator& host) {
  return host.size() == 1 ? nullptr : connect_by_nccl(device_, here(), graphs_, host);
}

void CudaBackend::linear_forward(Tensor x, Tensor w, Tensor y) {
  matmul_.forward(x, w, y, here());
  flops_ += 2 * y.size() * x.cols;
}
void CudaBackend::linear_backward_input(Tensor dy, Tensor w, Tensor dx) {
  matmul_.backward_input(dy, w, dx, here());
  flops_ += 2 * dx.size() * dy.cols;
}
void CudaBackend::linear_backward_weight(Tensor dy, Tensor x, Tensor dw) {
  matmul_.backward_weight(dy, x, dw, here());
  flops_ += 2 * dw.size() * dy.rows;
}

void CudaBackend::embedding_forward(Tensor tokens, Tensor w, std::int64_t first_token, Tensor x) {
  visit_float(x.dtype,
              [&]<class T>() { launch_embedding_forward<T>(tokens, w, first_token, x, here()); });
}
void CudaBackend::embedding_backward(Tensor tokens, Tensor dx, std::int64_t first_token,
                                     Tensor dw) {
  void* memory = workspace(embedding_workspace_bytes(dx.rows, dx.cols));
  visit_float(dx.dtype, [&]<class T>() {
    launch_embedding_backward<T>(tokens, dx, first_token, dw, memory, here());
  });
}

void CudaBackend::rmsnorm_forward(Tensor residual, Tensor delta, Tensor gain, float epsilon,
                                  Tensor y, Tensor inverse_rms) {
  visit_float(residual.dtype, [&]<class T>() {
    launch_rmsnorm_forward<T>(residual, delta, gain, epsilon, y, inverse_rms, here());
  });
}
void CudaBackend::rmsnorm_backward(Tensor dy, Tensor residual, Tensor gain, Tensor inverse_rms,
                                   Tensor dresidual, Tensor dgain) {
  void* memory = workspace(rmsnorm_workspace_bytes(residual.rows, residual.cols));
  visit_float(residual.dtype, [&]<class T>() {
    launch_rmsnorm_backward<T>(dy, residual, gain, inverse_rms, dresidual, dgain, memory, here());
  });
}

CudaBackend::DeviceRope& CudaBackend::rope_table(const AttentionDims& dims, float theta) {
  for (const auto& table : rope_tables_)
    if (table->host.is_for(dims.seq_len, dims.d_head, theta)) return *table;
  ISOFLOP_CHECK(!is_capturing(here()), "what is captured must have run before");
  const std::int64_t n_bytes = dims.seq_len * (dims.d_head / 2) * size_of(DType::f32);
  rope_tables_.push_back(std::make_unique<DeviceRope>(
      DeviceRope{RopeTable(dims.seq_len, dims.d_head, theta),
                 std::make_unique<DeviceMemory>(n_bytes, use_, here()),
                 std::make_unique<DeviceMemory>(n_bytes, use_, here())}));
  DeviceRope& table = *rope_tables_.back();
  const auto fill = [&](DeviceMemory& memory, const float* angles) {
    ISOFLOP_CUDA(cudaMemcpyAsync(memory.data(), angles, static_cast<std::size_t>(n_bytes),
                                 cudaMemcpyHostToDevice, here()));
  };
  fill(*table.cosines, table.host.cosines());
  fill(*table.sines, table.host.sines());
  return table;
}
void CudaBackend::rope(Tensor qkv, const AttentionDims& dims, float theta, bool inverse) {
  const DeviceRope& table = rope_table(dims, theta);
  const auto* cosines = static_cast<const float*>(table.cosines->data());
  const auto* sines = static_cast<const float*>(table.sines->data());
  visit_float(qkv.dtype,
              [&]<class T>() { launch_rope<T>(qkv, dims, cosines, sines, inverse, here()); });
}

void CudaBackend::attention_forward(Tensor qkv, const AttentionDims& dims, Tensor out,
                                    Tensor log_sum_exp) {
  void* memory = workspace(attention_->workspace_bytes(dims, qkv.dtype));
  attention_->forward(qkv, dims, out, log_sum_exp, memory, here());
  flops_ += attention_forward_flops(dims);
}
void CudaBackend::attention_backward(Tensor qkv, const AttentionDims& dims, Tensor out,
                                     Tensor log_sum_exp, Tensor dout, Tensor dqkv) {
  void* memory = workspace(attention_->workspace_bytes(dims, qkv.dtype));
  attention_->backward(qkv, dims, out, log_sum_exp, dout, dqkv, memory, here());
  flops_ += attention_backward_flops(dims);
}

void CudaBackend::swiglu_forward(Tensor gate_up, Tensor act) {
  visit_float(act.dtype, [&]<class T>() { launch_swiglu_forward<T>(gate_up, act, here()); });
}
void CudaBackend::swiglu_backward(Tensor dact, Tensor gate_up) {
  visit_float(dact.dtype, [&]<class T>() { launch_swiglu_backward<T>(dact, gate_up, here()); });
}
void CudaBackend::gelu_forward(Tensor x, Tensor act) {
  visit_float(x.dtype, [&]<class T>() { launch_gelu_forward<T>(x, act, here()); });
}
void CudaBackend::gelu_backward(Tensor dact, Tensor x) {
  visit_float(x.dtype, [&]<class T>() { launch_gelu_backward<T>(dact, x, here()); });
}

void CudaBackend::cross_entropy(Tensor logits, Tensor targets, float scale, Tensor losses) {
  visit_float(logits.dtype,
              [&]<class T>() { launch_cross_entropy<T>(logits, targets, scale, losses, here()); });
}
void CudaBackend::vocabulary_statistics(Tensor logits, Tensor targets, std::int64_t first_token,
                                        Tensor statistics) {
  visit_float(logits.dtype, [&]<class T>() {
    launch_vocabulary_statistics<T>(logits, targets, first_token, statistics, here());
  });
}
void CudaBackend::vocabulary_cross_entropy(Tensor logits, Tensor targets, std::int64_t first_token,
                                           Tensor statistics, float scale, Tensor losses) {
  visit_float(logits.dtype, [&]<class T>() {
    launch_vocabulary_cross_entropy<T>(logits, targets, first_token, statistics, scale, losses,
                                       here());
  });
}

void CudaBackend::cast(Tensor x, Tensor y) { launch_cast(x, y, here()); }
void CudaBackend::sum(std::span<const Tensor> x, Tensor y) {
  if (y.dtype == DType::f64) return launch_sum<double>(x, y, here());
  visit_float(y.dtype, [&]<class T>() { launch_sum<T>(x, y, here()); });
}
void CudaBackend::squared_norms(Tensor x, std::span<const Range> parts, Tensor sums) {
  visit_float(x.dtype, [&]<class T>() { launch_squared_norms<T>(x, parts, sums, here()); });
}
void CudaBackend::row_sums(Tensor x, Tensor sums) { launch_row_sums(x, sums, here()); }
void CudaBackend::dot(Tensor a, Tensor b, Tensor result) { launch_dot(a, b, result, here()); }
void CudaBackend::clip_scale(Tensor measures, double max_norm, Tensor scale) {
  launch_clip_scale(measures, max_norm, scale, here());
}
void CudaBackend::adamw(std::span<const AdamWPart> parts, float beta1, float beta2,
                        const AdamWStep* step, const float* scale) {
  launch_adamw(parts, beta1, beta2, step, scale, here());
}

int count_cuda_devices() {
  int n_devices = 0;
  if (cudaGetDeviceCount(&n_devices) == cudaSuccess) return n_devices;
  (void)cudaGetLastError();
  return 0;
}

std::unique_ptr<Backend> make_cuda_backend_on(int device_index) {
  return std::make_unique<CudaBackend>(device_index);
}

}  // namespace isoflop
