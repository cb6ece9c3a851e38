// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "record/rows/event_file.h"

namespace isoflop {

/// What a run logged, scalar by scalar, in the order of its steps. A run that is killed and goes on
/// from an earlier checkpoint logs some steps again: what it had logged from there on is void, in
/// every scalar, as TensorBoard has it.
class RunScalars {
 public:
  /// Events come in the order in which they were written.
  void add(const ScalarEvent& event);

  [[nodiscard]] std::vector<std::string> tags() const;
  [[nodiscard]] std::optional<std::int64_t> last_step(const std::string& tag) const;
  /// Of any scalar; 0 where there is none.
  [[nodiscard]] std::int64_t last_step() const;
  /// The last value of a scalar up to `step`, or its last of all where it has none there.
  [[nodiscard]] std::optional<double> value_at(const std::string& tag, std::int64_t step) const;
  /// When the last value up to `step` was written.
  [[nodiscard]] double wall_time_at(std::int64_t step) const;

 private:
  struct Value {
    std::int64_t step;
    double value, wall_time;
  };
  void forget_from(std::int64_t step);
  std::map<std::string, std::vector<Value>> series_;  // steps ascend, each once
};

}  // namespace isoflop
