// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>

namespace isoflop {

/// Who looks on while the ranks of several processes meet.
struct MeetingWatch {
  std::function<void(const std::string&)> on_wait = {};  // told from any thread whom one waits for
  std::function<bool()> stop = {};                       // polled; true: do not wait any longer
};

/// Thrown where MeetingWatch::stop() has ended a wait: nothing is wrong.
struct StoppedWaiting : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// One wait. Short ones are not worth a word.
class Waiting {
 public:
  explicit Waiting(const MeetingWatch& watch) : watch_(watch) {}
  /// Says `what` where it is time to: after 3 s, and then every half minute.
  void tell(const std::string& what);
  [[nodiscard]] bool is_stopped() const { return watch_.stop && watch_.stop(); }

 private:
  using Clock = std::chrono::steady_clock;
  const MeetingWatch& watch_;
  Clock::time_point next_ = Clock::now() + std::chrono::seconds(3);
};

}  // namespace isoflop
