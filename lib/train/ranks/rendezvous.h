// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "train/ranks/launch_environment.h"
#include "train/ranks/tcp_socket.h"

namespace isoflop {

/// Where the ranks of a job meet, and the word by which they know that it is their job.
struct MeetingPoint {
  HostPort place;
  std::string word;
};

/// Process 0's side: listens while it lives. For file rendezvous, the file says where from then on.
class OpenMeeting {
 public:
  explicit OpenMeeting(const LaunchEnvironment& environment);
  ~OpenMeeting();
  OpenMeeting(const OpenMeeting&) = delete;
  OpenMeeting& operator=(const OpenMeeting&) = delete;
  [[nodiscard]] const MeetingPoint& point() const { return point_; }
  [[nodiscard]] Descriptor take_listener() { return std::move(listener_); }

 private:
  MeetingPoint point_;
  Descriptor listener_;
  std::filesystem::path file_;
};

/// The other processes': nothing while there is no file, or one of another job. A file of an
/// earlier job that had no name leads to nobody, or to somebody who does not know its word: look
/// again, until process 0 has replaced it.
[[nodiscard]] std::optional<MeetingPoint> find_meeting(const LaunchEnvironment& environment);

}  // namespace isoflop
