// SPDX-License-Identifier: Apache-2.0
// One run of an operation of train/contract/backend.h on known inputs: places tensors in a
// backend's memory, and gives what came out beside what should have.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "support/op_reference.h"
#include "train/contract/backend.h"
#include "train/device/bf16.h"
#include "train/device/device_table.h"

namespace isoflop::test {

using reference::Ids;
using reference::Matrix;

/// The values that a tensor of this type holds.
inline Matrix stored_as(DType dtype, Matrix m) {
  for (double& v : m.values) {
    const auto x = static_cast<float>(v);
    v = static_cast<double>(dtype == DType::bf16 ? lift_bf16(round_to_bf16(x)) : x);
  }
  return m;
}

/// An output of an operation, or an input after it.
struct OpOutput {
  std::string name;
  DType dtype;
  std::int64_t cols;
  std::vector<double> got, want;
  bool is_input = false;      // which must stay as it was
  bool guards_intact = true;  // nothing was written around it
};

/// A value put into an input before the operation runs.
struct Plant {
  std::string input;
  std::size_t at;
  double value;
};

class OpRun {
 public:
  OpRun(Backend& b, DType storage, const Plant* plant = nullptr)
      : backend(b), storage_(storage), plant_(plant) {}

  Backend& backend;

  // Tensors are of the type that activations are stored in unless another is named.
  Tensor input(const std::string& name, const Matrix& m, std::optional<DType> dtype = {}) {
    return place(name, m, m, dtype, Role::input);
  }
  Tensor in_out(const std::string& name, const Matrix& before, const Matrix& want,
                std::optional<DType> dtype = {}) {
    return place(name, before, want, dtype, Role::in_out);
  }
  /// Not initialised by the caller: filled with NaN.
  Tensor output(const std::string& name, const Matrix& want, std::optional<DType> dtype = {}) {
    Matrix nothing = want;
    std::fill(nothing.values.begin(), nothing.values.end(), NAN);
    return place(name, nothing, want, dtype, Role::output);
  }
  Tensor ids(const Ids& ids) {
    Placed& p = placed_.emplace_back();
    p.buffer = backend.allocate(static_cast<std::int64_t>(ids.size()) * 4);
    backend.upload(p.buffer->data(), ids.data(), static_cast<std::int64_t>(ids.size()) * 4);
    return {p.buffer->data(), DType::i32, static_cast<std::int64_t>(ids.size()), 1};
  }
  /// What an operation reads besides tensors, in the backend's memory.
  template <class T>
  std::span<const T> table(const std::vector<T>& records) {
    const auto table = std::make_shared<DeviceTable<T>>(backend, records);
    tables_.push_back(table);
    return table->view();
  }

  [[nodiscard]] std::vector<OpOutput> outputs() const {
    std::vector<OpOutput> outputs;
    for (const Placed& p : placed_)
      if (p.tensor.data != nullptr) outputs.push_back(read(p));
    return outputs;
  }
  /// Whatever the operation reads, by name and size.
  struct Input {
    std::string name;
    std::size_t size;
  };
  [[nodiscard]] const std::vector<Input>& inputs() const { return inputs_; }

 private:
  enum class Role { input, in_out, output };
  struct Placed {
    std::string name;
    std::vector<double> want;
    Role role = Role::input;
    Tensor tensor;  // none: ids
    std::unique_ptr<Buffer> buffer;
  };
  static constexpr std::size_t kGuardBytes = 64;
  static constexpr std::byte kGuard{0xa5};

  Tensor place(const std::string& name, Matrix values, const Matrix& want,
               std::optional<DType> dtype, Role role) {
    if (role != Role::output) {
      inputs_.push_back({name, values.values.size()});
      if (plant_ != nullptr && plant_->input == name) values.values[plant_->at] = plant_->value;
    }
    Placed& p = placed_.emplace_back();
    p.name = name;
    p.want = want.values;
    p.role = role;
    p.tensor = {nullptr, dtype.value_or(storage_), values.rows, values.cols};
    std::vector<std::byte> bytes(n_bytes(p) + 2 * kGuardBytes, kGuard);
    encode(values.values, p.tensor.dtype, &bytes[kGuardBytes]);
    const auto size = static_cast<std::int64_t>(bytes.size());
    p.buffer = backend.allocate(size);
    backend.upload(p.buffer->data(), bytes.data(), size);
    p.tensor.data = static_cast<std::byte*>(p.buffer->data()) + kGuardBytes;
    return p.tensor;
  }

  [[nodiscard]] OpOutput read(const Placed& p) const {
    std::vector<std::byte> bytes(n_bytes(p) + 2 * kGuardBytes);
    backend.download(bytes.data(), p.buffer->data(), static_cast<std::int64_t>(bytes.size()));
    OpOutput output{p.name,        p.tensor.dtype,
                    p.tensor.cols, decode(&bytes[kGuardBytes], p.want.size(), p.tensor.dtype),
                    p.want,        p.role == Role::input};
    for (std::size_t i = 0; i < kGuardBytes; ++i)
      if (bytes[i] != kGuard || bytes[bytes.size() - 1 - i] != kGuard) output.guards_intact = false;
    return output;
  }

  static void encode(const std::vector<double>& values, DType dtype, std::byte* bytes) {
    if (dtype == DType::f64) {
      std::ranges::copy(std::as_bytes(std::span(values)), bytes);
      return;
    }
    const std::vector<float> floats(values.begin(), values.end());
    if (dtype == DType::f32) {
      std::ranges::copy(std::as_bytes(std::span(floats)), bytes);
    } else {
      std::vector<std::uint16_t> halves(floats.size());
      std::ranges::transform(floats, halves.begin(), round_to_bf16);
      std::ranges::copy(std::as_bytes(std::span(halves)), bytes);
    }
  }
  [[nodiscard]] static std::vector<double> decode(const std::byte* bytes, std::size_t n,
                                                  DType dtype) {
    if (dtype == DType::f64) {
      std::vector<double> values(n);
      std::copy_n(bytes, 8 * n, std::as_writable_bytes(std::span(values)).begin());
      return values;
    }
    std::vector<float> floats(n);
    if (dtype == DType::f32) {
      std::copy_n(bytes, 4 * n, std::as_writable_bytes(std::span(floats)).begin());
    } else {
      std::vector<std::uint16_t> halves(n);
      std::copy_n(bytes, 2 * n, std::as_writable_bytes(std::span(halves)).begin());
      std::ranges::transform(halves, floats.begin(), lift_bf16);
    }
    return {floats.begin(), floats.end()};
  }

  [[nodiscard]] static std::size_t n_bytes(const Placed& p) {
    return static_cast<std::size_t>(p.tensor.size() * size_of(p.tensor.dtype));
  }

  DType storage_;
  const Plant* plant_;
  std::vector<Placed> placed_;
  std::vector<std::shared_ptr<const void>> tables_;
  std::vector<Input> inputs_;
};

/// Half the distance of bf16 numbers at x: the most that rounding x to the nearest can change it,
/// 2^-8 of a power of two, 2^-9 of what is just below the next.
inline double half_ulp_of_bf16(double x) {
  return x == 0 ? 0 : std::ldexp(1.0, std::max(std::ilogb(x), -126) - 8);
}

/// Differences of an output from its reference. Of those in bf16, what its one rounding cannot
/// explain.
struct OpError {
  double nmse = 0;     // sum difference^2 / sum want^2
  double worst = 0;    // largest difference / (|want| + root mean square of want)
  std::size_t at = 0;  // where
};
inline OpError error_of(const OpOutput& output) {
  const auto difference_at = [&](std::size_t i) {
    const double got = output.got[i], want = output.want[i];
    if (got == want) return 0.0;  // infinities, too
    const double difference = std::abs(got - want);
    const double rounding = output.dtype == DType::bf16 ? half_ulp_of_bf16(want) : 0;
    return difference <= rounding ? 0.0 : difference - rounding;
  };
  double squares = 0, differences = 0;
  for (std::size_t i = 0; i < output.want.size(); ++i) {
    if (std::isfinite(output.want[i])) squares += output.want[i] * output.want[i];
    differences += std::pow(difference_at(i), 2);
  }
  OpError error;
  if (output.want.empty() || differences == 0) return error;
  error.nmse = differences / squares;
  const double rms = std::sqrt(squares / static_cast<double>(output.want.size()));
  for (std::size_t i = 0; i < output.want.size(); ++i) {
    const double relative = difference_at(i) / (std::abs(output.want[i]) + rms);
    if (relative <= error.worst) continue;
    error.worst = relative;
    error.at = i;
    if (std::isnan(relative)) break;
  }
  return error;
}
inline std::string describe(const std::string& op, const OpOutput& output) {
  const OpError error = error_of(output);
  std::ostringstream text;
  text.precision(9);
  text << op << ": " << output.name << ": NMSE " << error.nmse << ", worst element " << error.worst;
  if (error.at < output.got.size()) {
    const auto at = static_cast<std::int64_t>(error.at);
    text << " at [" << at / output.cols << ", " << at % output.cols << "]: " << output.got[error.at]
         << ", not " << output.want[error.at];
  }
  if (!output.guards_intact) text << "; memory around it was overwritten";
  return text.str();
}

}  // namespace isoflop::test
