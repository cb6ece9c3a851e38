// SPDX-License-Identifier: Apache-2.0
#include "data/shard_writer.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "isoflop/error.h"

namespace isoflop {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

[[noreturn]] void throw_io(const std::filesystem::path& file, const char* action) {
  throw Error(ErrorCode::io, file.string() + ": cannot " + action + ": " + std::strerror(errno));
}

}  // namespace

ShardWriter::ShardWriter(const std::filesystem::path& file)
    : file_(file), temporary_(file.string() + ".tmp." + std::to_string(::getpid())) {
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor_ < 0) throw_io(temporary_, "create");
  buffer_.reserve(kBufferBytes);
}

ShardWriter::~ShardWriter() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void ShardWriter::append(std::string_view bytes) {
  buffer_.append(bytes);
  if (buffer_.size() >= kBufferBytes) flush();
}

void ShardWriter::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_io(temporary_, "write");
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  buffer_.clear();
}

void ShardWriter::publish() {
  flush();
  if (::fsync(descriptor_) != 0) throw_io(temporary_, "sync");
  if (::rename(temporary_.c_str(), file_.c_str()) != 0) throw_io(file_, "replace");
  ::close(descriptor_);
  descriptor_ = -1;
}

}  // namespace isoflop
