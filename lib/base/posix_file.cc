// SPDX-License-Identifier: Apache-2.0
#include "base/posix_file.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "isoflop/error.h"

namespace isoflop {

void throw_system_error(const std::filesystem::path& file, const char* action) {
  throw Error(ErrorCode::io, file.string() + ": cannot " + action + ": " + std::strerror(errno));
}

void sync_folder(const std::filesystem::path& folder) {
  const std::filesystem::path name = folder.empty() ? "." : folder;
  const int descriptor = ::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) throw_system_error(name, "open");
  const int status = ::fsync(descriptor);
  const int reason = errno;
  ::close(descriptor);
  errno = reason;
  if (status != 0 && reason != EINVAL && reason != EOPNOTSUPP) throw_system_error(name, "sync");
}

PosixFile::PosixFile(std::filesystem::path file, int descriptor)
    : file_(std::move(file)), descriptor_(descriptor) {}

PosixFile PosixFile::create(const std::filesystem::path& file, std::filesystem::path destined) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (descriptor < 0) throw_system_error(destined, "create");
  return {std::move(destined), descriptor};
}

PosixFile PosixFile::open(std::filesystem::path file) {
  // O_NONBLOCK: a pipe of that name must not hold us up.
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) throw_system_error(file, "open");
  PosixFile result(std::move(file), descriptor);
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) throw_system_error(result.file_, "look at");
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::io, result.file_.string() + ": is not a regular file");
  }
  return result;
}

PosixFile::PosixFile(PosixFile&& other) noexcept
    : file_(std::move(other.file_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

PosixFile::~PosixFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void PosixFile::write(std::span<const std::byte> content) {
  while (!content.empty()) {
    const ssize_t n = ::write(descriptor_, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_system_error(file_, "write");
    content = content.subspan(static_cast<std::size_t>(n));
  }
}

bool PosixFile::read(std::span<std::byte> content) {
  while (!content.empty()) {
    const ssize_t n = ::read(descriptor_, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_system_error(file_, "read");
    if (n == 0) return false;
    content = content.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

std::int64_t PosixFile::size() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) throw_system_error(file_, "look at");
  return status.st_size;
}

void PosixFile::sync() {
  if (::fsync(descriptor_) != 0) throw_system_error(file_, "sync");
}

void PosixFile::close() {
  // Linux frees the descriptor whatever close() says; EINTR is no failure.
  if (::close(std::exchange(descriptor_, -1)) != 0 && errno != EINTR) {
    throw_system_error(file_, "close");
  }
}

}  // namespace isoflop
