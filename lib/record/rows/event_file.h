// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// What TensorBoard's writers put down at one moment.
struct ScalarEvent {
  struct Scalar {
    std::string tag;
    std::optional<double> value;
  };
  double wall_time = 0;  // seconds since 1970
  std::int64_t step = 0;
  bool starts_session = false;  // a SessionLog that says START: what is at `step` or above is void
  std::vector<Scalar> scalars;
};

/// Calls `on_event` with every record of an event file, up to the end, to a record that is cut off,
/// as a killed writer leaves it, or until it returns false. Throws Error(parse) naming file and
/// record.
void read_event_file(const std::filesystem::path& file,
                     const std::function<bool(const ScalarEvent&)>& on_event);

}  // namespace isoflop
