// SPDX-License-Identifier: Apache-2.0
#include "train/ranks/rendezvous.h"

#include <random>
#include <system_error>
#include <vector>

#include "base/atomic_file.h"
#include "base/text.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

constexpr std::string_view kFilePrefix = "file:";
constexpr std::string_view kFileHeader = "isoflop rendezvous 1";

std::filesystem::path rendezvous_file(const LaunchEnvironment& environment) {
  if (!environment.rendezvous.starts_with(kFilePrefix)) return {};
  return environment.rendezvous.substr(kFilePrefix.size());
}

std::string random_word() {
  std::random_device random;
  return std::to_string(random()) + std::to_string(random());
}

/// Where others reach this machine.
std::string own_host(const LaunchEnvironment& environment) {
  return environment.n_local_processes == environment.n_processes ? "127.0.0.1" : host_name();
}

}  // namespace

OpenMeeting::OpenMeeting(const LaunchEnvironment& environment)
    : file_(rendezvous_file(environment)) {
  if (file_.empty()) {
    point_ = {parse_host_port(environment.rendezvous), environment.job};
    listener_ = listen_at(point_.place, point_.place.port);
    return;
  }
  point_.place.host = own_host(environment);
  point_.word = random_word();
  listener_ = listen_at(point_.place, point_.place.port);
  write_file_atomically(file_, std::string(kFileHeader) + "\n" + environment.job + "\n" +
                                   to_text(point_.place) + "\n" + point_.word + "\n");
}

OpenMeeting::~OpenMeeting() {
  std::error_code ignored;
  if (!file_.empty()) std::filesystem::remove(file_, ignored);
}

std::optional<MeetingPoint> find_meeting(const LaunchEnvironment& environment) {
  const std::filesystem::path file = rendezvous_file(environment);
  if (file.empty()) return MeetingPoint{parse_host_port(environment.rendezvous), environment.job};
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return std::nullopt;
  try {
    const std::vector<std::string> lines = split(read_text_file(file), '\n');
    if (lines.size() < 4 || lines[0] != kFileHeader || lines[1] != environment.job) {
      return std::nullopt;
    }
    return MeetingPoint{parse_host_port(lines[2]), lines[3]};
  } catch (const Error&) {  // deleted or replaced in the middle, or none of ours
    return std::nullopt;
  }
}

}  // namespace isoflop
