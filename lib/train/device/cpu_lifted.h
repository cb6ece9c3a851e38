// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "train/contract/backend.h"
#include "train/cpu/kernels.h"

namespace isoflop {

/// Aligned floats that grow and are not initialised.
class Scratch {
 public:
  [[nodiscard]] float* at_least(std::int64_t n_floats) {
    if (n_floats > size_) {
      data_.reset();
      data_.reset(static_cast<float*>(
          ::operator new(static_cast<std::size_t>(n_floats) * sizeof(float), kAlignment)));
      size_ = n_floats;
    }
    return data_.get();
  }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(float* p) const { ::operator delete(p, kAlignment); }
  };
  std::unique_ptr<float, Free> data_;
  std::int64_t size_ = 0;
};

[[nodiscard]] inline std::uint16_t* bf16_of(Tensor x) {
  return static_cast<std::uint16_t*>(x.data);
}

/// Lends memory for lifted tensors, last lent, first returned. Allocates nothing once it has seen
/// the largest operation.
class LiftScratch {
 public:
  [[nodiscard]] float* lend(std::int64_t n_floats) {
    if (n_lent_ == pieces_.size()) pieces_.emplace_back();
    return pieces_[n_lent_++].at_least(n_floats);
  }
  void take_back() { --n_lent_; }

 private:
  std::vector<Scratch> pieces_;
  std::size_t n_lent_ = 0;
};

enum class Access { read, write, update };

/// A tensor as floats while an operation works on it: its own where it is f32; where it is bf16 a
/// lifted copy, which is rounded into the tensor in the end where the operation writes.
class Lifted {
 public:
  Lifted(const CpuKernels& kernels, LiftScratch& scratch, Tensor x, Access access)
      : kernels_(kernels), scratch_(scratch), tensor_(x), access_(access), floats_(x.f32()) {
    if (!is_copy()) return;
    floats_ = scratch.lend(x.size());
    if (access != Access::write) kernels.lift(x.size(), bf16_of(x), floats_);
  }
  ~Lifted() {
    if (!is_copy()) return;
    if (access_ != Access::read) kernels_.round_to_bf16(tensor_.size(), floats_, bf16_of(tensor_));
    scratch_.take_back();
  }
  Lifted(const Lifted&) = delete;
  Lifted& operator=(const Lifted&) = delete;

  operator float*() const { return floats_; }

 private:
  [[nodiscard]] bool is_copy() const { return tensor_.dtype == DType::bf16; }

  const CpuKernels& kernels_;
  LiftScratch& scratch_;
  Tensor tensor_;
  Access access_;
  float* floats_;
};

}  // namespace isoflop
