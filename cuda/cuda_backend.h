// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <cuda_runtime_api.h>

#include "attention.h"
#include "device_memory.h"
#include "devices.h"
#include "matmul.h"
#include "peak_flops.h"
#include "step_graph.h"
#include "stream.h"
#include "train/contract/backend.h"
#include "train/device/rope_table.h"

namespace isoflop {

/// The operations on one GPU, enqueued on one stream of its own. No operation waits or allocates,
/// but a shape's first run may allocate.
class CudaBackend final : public Backend {
 public:
  /// Throws Error(unavailable) where there is no such device.
  explicit CudaBackend(int device_index);
  /// Waits for what is enqueued.
  ~CudaBackend() override;
  CudaBackend(const CudaBackend&) = delete;
  CudaBackend& operator=(const CudaBackend&) = delete;

  [[nodiscard]] cudaStream_t stream() const { return stream_.get(); }
  [[nodiscard]] int device() const { return device_; }
  [[nodiscard]] StepGraphs& graphs() { return graphs_; }

  [[nodiscard]] std::string name() const override;
  [[nodiscard]] std::unique_ptr<Buffer> allocate(std::int64_t n_bytes) override;
  [[nodiscard]] std::unique_ptr<Staging> make_staging(std::int64_t n_bytes) override;
  void upload(void* device, const void* host, std::int64_t n_bytes) override;
  void download(void* host, const void* device, std::int64_t n_bytes) override;
  void zero(Tensor x) override;
  void copy(Tensor from, Tensor to) override;
  void synchronize() override;
  [[nodiscard]] std::int64_t available_memory() const override;
  [[nodiscard]] std::int64_t peak_memory() const override { return use_->peak; }
  [[nodiscard]] std::int64_t scratch_bytes(const ModelShape& shape, std::int64_t n_rows,
                                           DType dtype) const override;
  void repeat(int number, const std::function<void()>& work) override;
  [[nodiscard]] int steps_ahead() const override { return 1; }
  [[nodiscard]] std::unique_ptr<Communicator> connect(Communicator& host) override;
  [[nodiscard]] std::int64_t counted_flops() const override { return flops_; }
  [[nodiscard]] double peak_flops(DType dtype) const override {
    return dtype == DType::bf16 ? peak_bf16_flops(cuda_device_name(device_)) : 0;
  }

  void linear_forward(Tensor x, Tensor w, Tensor y) override;
  void linear_backward_input(Tensor dy, Tensor w, Tensor dx) override;
  void linear_backward_weight(Tensor dy, Tensor x, Tensor dw) override;
  void embedding_forward(Tensor tokens, Tensor w, std::int64_t first_token, Tensor x) override;
  void embedding_backward(Tensor tokens, Tensor dx, std::int64_t first_token, Tensor dw) override;
  void rmsnorm_forward(Tensor residual, Tensor delta, Tensor gain, float epsilon, Tensor y,
                       Tensor inverse_rms) override;
  void rmsnorm_backward(Tensor dy, Tensor residual, Tensor gain, Tensor inverse_rms,
                        Tensor dresidual, Tensor dgain) override;
  void rope(Tensor qkv, const AttentionDims& dims, float theta, bool inverse) override;
  void attention_forward(Tensor qkv, const AttentionDims& dims, Tensor out,
                         Tensor log_sum_exp) override;
  void attention_backward(Tensor qkv, const AttentionDims& dims, Tensor out, Tensor log_sum_exp,
                          Tensor dout, Tensor dqkv) override;
  void swiglu_forward(Tensor gate_up, Tensor act) override;
  void swiglu_backward(Tensor dact, Tensor gate_up) override;
  void gelu_forward(Tensor x, Tensor act) override;
  void gelu_backward(Tensor dact, Tensor x) override;
  void cross_entropy(Tensor logits, Tensor targets, float scale, Tensor losses) override;
  void vocabulary_statistics(Tensor logits, Tensor targets, std::int64_t first_token,
                             Tensor statistics) override;
  void vocabulary_cross_entropy(Tensor logits, Tensor targets, std::int64_t first_token,
                                Tensor statistics, float scale, Tensor losses) override;
  void cast(Tensor x, Tensor y) override;
  void sum(std::span<const Tensor> x, Tensor y) override;
  void squared_norms(Tensor x, std::span<const Range> parts, Tensor sums) override;
  void row_sums(Tensor x, Tensor sums) override;
  void dot(Tensor a, Tensor b, Tensor result) override;
  void clip_scale(Tensor measures, double max_norm, Tensor scale) override;
  void adamw(std::span<const AdamWPart> parts, float beta1, float beta2, const AdamWStep* step,
             const float* scale) override;

 private:
  /// Angles in the device's memory; the host's stay until the copy is done.
  struct DeviceRope {
    RopeTable host;
    std::unique_ptr<DeviceMemory> cosines, sines;
  };
  [[nodiscard]] DeviceRope& rope_table(const AttentionDims& dims, float theta);
  /// The stream, with its device the current one of the thread.
  [[nodiscard]] cudaStream_t here() const;
  [[nodiscard]] void* workspace(std::int64_t n_bytes);

  int device_;
  Stream stream_;
  std::shared_ptr<MemoryUse> use_ = std::make_shared<MemoryUse>();
  Workspace workspace_;
  DeviceMemory matmul_workspace_;
  Matmul matmul_;
  std::unique_ptr<Attention> attention_;
  std::vector<std::unique_ptr<DeviceRope>> rope_tables_;
  StepGraphs graphs_;
  std::int64_t flops_ = 0;
};

/// 0 where there is no GPU, or no driver.
[[nodiscard]] int count_cuda_devices();

/// A CudaBackend. Throws Error(unavailable), in one line, where no device or driver is found.
[[nodiscard]] std::unique_ptr<Backend> make_cuda_backend_on(int device_index);

}  // namespace isoflop
