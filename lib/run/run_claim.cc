// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "isoflop/error.h"
#include "isoflop/run.h"

namespace isoflop {
namespace {

[[noreturn]] void throw_io(const std::filesystem::path& file, const char* action) {
  throw Error(ErrorCode::io, file.string() + ": cannot " + action + ": " + std::strerror(errno));
}

// flock(2) belongs to the open file: children inherit it, and it ends with the last descriptor.
bool try_lock(int descriptor, int kind, const std::filesystem::path& file) {
  while (::flock(descriptor, kind | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) throw_io(file, "lock");
  }
  return true;
}

}  // namespace

std::optional<RunClaim> RunClaim::acquire(const std::filesystem::path& run_folder) {
  std::error_code status;
  std::filesystem::create_directories(run_folder, status);
  if (status) {
    throw Error(ErrorCode::io, run_folder.string() + ": cannot create: " + status.message());
  }
  const std::filesystem::path file = run_folder / "lock";
  RunClaim claim(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (claim.descriptor_ < 0) throw_io(file, "open");
  if (!try_lock(claim.descriptor_, LOCK_EX, file)) return std::nullopt;
  return claim;
}

bool RunClaim::is_held(const std::filesystem::path& run_folder) {
  const std::filesystem::path file = run_folder / "lock";
  const RunClaim probe(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  // A shared lock, so that those who only look do not see each other. Whoever claims in this
  // instant finds the run held and comes back to it.
  return probe.descriptor_ >= 0 && !try_lock(probe.descriptor_, LOCK_SH, file);
}

RunClaim::RunClaim(RunClaim&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

RunClaim& RunClaim::operator=(RunClaim&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

RunClaim::~RunClaim() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace isoflop
