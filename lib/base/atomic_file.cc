// SPDX-License-Identifier: Apache-2.0
#include "base/atomic_file.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

#include "isoflop/error.h"

namespace isoflop {
namespace {

[[noreturn]] void throw_io(const std::filesystem::path& file, const char* action) {
  throw Error(ErrorCode::io, file.string() + ": cannot " + action + ": " + std::strerror(errno));
}

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return value_; }

 private:
  int value_;
};

std::filesystem::path temporary_name(const std::filesystem::path& file) {
  static std::atomic<unsigned> counter{0};
  return file.string() + ".tmp." + std::to_string(::getpid()) + "." + std::to_string(counter++);
}

void write_all(int descriptor, std::string_view content, const std::filesystem::path& file) {
  while (!content.empty()) {
    const ssize_t written = ::write(descriptor, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_io(file, "write");
    content.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

std::string read_text_file(const std::filesystem::path& file) {
  std::error_code status;
  if (std::filesystem::is_directory(file, status)) {
    throw Error(ErrorCode::parse, file.string() + ": is a folder, expected a file");
  }
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream content;
  if (stream && stream.peek() != std::ifstream::traits_type::eof()) content << stream.rdbuf();
  if (!stream.is_open() || stream.bad()) {
    throw Error(ErrorCode::parse, file.string() + ": cannot be read: " + std::strerror(errno));
  }
  return std::move(content).str();
}

void write_file_atomically(const std::filesystem::path& file, std::string_view content) {
  const std::filesystem::path temporary = temporary_name(file);
  try {
    const Descriptor out(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (out.get() < 0) throw_io(temporary, "create");
    write_all(out.get(), content, file);
    if (::fsync(out.get()) != 0) throw_io(temporary, "sync");
    if (::rename(temporary.c_str(), file.c_str()) != 0) throw_io(file, "replace");
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  const std::filesystem::path parent = file.parent_path();
  const Descriptor folder(::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_CLOEXEC));
  if (folder.get() >= 0) (void)::fsync(folder.get());  // refused by some file systems
}

}  // namespace isoflop
