// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <type_traits>

#include "train/contract/backend.h"

namespace isoflop {

/// Records that were copied to a backend's memory.
template <class T>
class DeviceTable {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  DeviceTable(Backend& backend, std::span<const T> records)
      : size_(records.size()),
        buffer_(backend.allocate(static_cast<std::int64_t>(records.size_bytes()))) {
    backend.upload(buffer_->data(), records.data(),
                   static_cast<std::int64_t>(records.size_bytes()));
  }
  /// Memory of the backend.
  [[nodiscard]] std::span<const T> view() const {
    return {static_cast<const T*>(buffer_->data()), size_};
  }

 private:
  std::size_t size_;
  std::unique_ptr<Buffer> buffer_;
};

}  // namespace isoflop
