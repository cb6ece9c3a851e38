// SPDX-License-Identifier: Apache-2.0
#include "data/publish_lock.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/posix_file.h"

namespace isoflop {

PublishLock::PublishLock(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / ".publish.lock";
  descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (descriptor_ < 0) throw_system_error(file, "create");
  while (::flock(descriptor_, LOCK_EX) != 0) {
    if (errno == EINTR) continue;
    const int error = errno;
    ::close(descriptor_);
    errno = error;
    throw_system_error(file, "lock");
  }
}

PublishLock::~PublishLock() { ::close(descriptor_); }

}  // namespace isoflop
