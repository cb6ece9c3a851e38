// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/output_path.h"
#include "base/process_tag.h"
#include "base/text.h"
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

constexpr char kLauncherVariable[] = "ISOFLOP_LAUNCHER";
constexpr char kLockFile[] = "lock";

/// "<process tag>@<host>"
std::string this_holder() {
  std::array<char, 256> host{};
  (void)::gethostname(host.data(), host.size() - 1);
  return process_tag() + "@" + host.data();
}

/// What the holder of a folder has written into its lock; for those who meet it, of no consequence.
void sign(int descriptor) {
  const std::string holder = this_holder();
  if (::ftruncate(descriptor, 0) != 0) return;
  (void)!::pwrite(descriptor, holder.data(), holder.size(), 0);
}

std::string signature(const std::filesystem::path& run_folder) {
  const int descriptor =
      ::open((run_folder / kLockFile).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor < 0) return "";
  std::array<char, 512> text{};
  const ssize_t n = ::read(descriptor, text.data(), text.size());
  ::close(descriptor);
  return {text.data(), n > 0 ? static_cast<std::size_t>(n) : 0};
}

[[noreturn]] void refuse_held(const std::filesystem::path& run_folder) {
  throw Error(ErrorCode::io, run_folder.string() + ": " + RunClaim::holder(run_folder) +
                                 " is at work there; let it end, or name another folder");
}

}  // namespace

std::optional<RunClaim> RunClaim::acquire(const std::filesystem::path& run_folder) {
  make_output_folder(run_folder);
  const std::filesystem::path file = run_folder / kLockFile;
  RunClaim claim(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (claim.descriptor_ < 0) throw_io(file, "open");
  // Who only looks holds the lock for an instant, who works there for longer than this.
  constexpr int kLooks = 5;
  constexpr std::chrono::microseconds kBetweenLooks{200};
  for (int i = 0; i < kLooks; ++i) {
    if (i > 0) std::this_thread::sleep_for(kBetweenLooks);
    if (!try_lock(claim.descriptor_, LOCK_EX, file)) continue;
    sign(claim.descriptor_);
    return claim;
  }
  return std::nullopt;
}

RunClaim RunClaim::share(const std::filesystem::path& run_folder) {
  constexpr int kAttempts = 500;
  constexpr std::chrono::milliseconds kBetweenAttempts{10};
  make_output_folder(run_folder);
  const std::filesystem::path file = run_folder / kLockFile;
  RunClaim claim(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (claim.descriptor_ < 0) throw_io(file, "open");
  for (int i = 0; i < kAttempts; ++i) {
    if (try_lock(claim.descriptor_, LOCK_SH, file)) return claim;
    std::this_thread::sleep_for(kBetweenAttempts);
  }
  refuse_held(run_folder);
}

void RunClaim::begin_sharing() {
  while (::flock(descriptor_, LOCK_SH) != 0) {
    if (errno != EINTR) throw_io(std::filesystem::path(kLockFile), "lock");
  }
}

std::optional<RunClaim> RunClaim::acquire_or_inherit(const std::filesystem::path& run_folder) {
  std::optional<RunClaim> claim = acquire(run_folder);
  if (claim) return claim;
  const char* launcher = std::getenv(kLauncherVariable);
  if (launcher != nullptr && signature(run_folder) == launcher) return std::nullopt;
  refuse_held(run_folder);
}

std::string RunClaim::holder(const std::filesystem::path& run_folder) {
  const std::vector<std::string> parts = split(signature(run_folder), '@');
  if (parts.size() != 2) return "another process";
  return "process " + split(parts[0], '-').front() + " on host " + parts[1];
}

std::pair<std::string, std::string> RunClaim::launcher_variable() {
  return {kLauncherVariable, this_holder()};
}

bool RunClaim::is_held(const std::filesystem::path& run_folder) {
  const std::filesystem::path file = run_folder / kLockFile;
  const RunClaim probe(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  // A shared lock, so that those who only look do not see each other; whoever claims looks again.
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
