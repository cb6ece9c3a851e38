// SPDX-License-Identifier: Apache-2.0
#include "base/atomic_file.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "isoflop/error.h"

namespace isoflop {
namespace {

[[noreturn]] void throw_io(const std::filesystem::path& file, const char* action) {
  throw Error(ErrorCode::io, file.string() + ": cannot " + action + ": " + std::strerror(errno));
}

constexpr const char* kTemporarySuffix = ".tmp.";

std::filesystem::path temporary_name(const std::filesystem::path& file) {
  static std::atomic<unsigned> counter{0};
  return file.string() + kTemporarySuffix + std::to_string(::getpid()) + "." +
         std::to_string(counter++);
}

void sync_folder(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return;
  (void)::fsync(descriptor);  // refused by some file systems
  ::close(descriptor);
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
  AtomicFile out(file);
  out.write(std::as_bytes(std::span(content)));
  out.commit();
}

AtomicFile::AtomicFile(std::filesystem::path file)
    : file_(std::move(file)), temporary_(temporary_name(file_)) {
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (descriptor_ < 0) throw_io(temporary_, "create");
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> content) {
  while (!content.empty()) {
    const ssize_t written = ::write(descriptor_, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_io(file_, "write");
    content = content.subspan(static_cast<std::size_t>(written));
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) throw_io(temporary_, "sync");
  if (::rename(temporary_.c_str(), file_.c_str()) != 0) throw_io(file_, "replace");
  ::close(descriptor_);
  descriptor_ = -1;
  sync_folder(file_.parent_path());
}

void remove_abandoned_temporaries(const std::filesystem::path& file) {
  const std::string prefix = file.filename().string() + kTemporarySuffix;
  const std::filesystem::path parent = file.parent_path();
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(
           parent.empty() ? std::filesystem::path(".") : parent, ignored)) {
    if (entry.path().filename().string().rfind(prefix, 0) != 0) continue;
    std::filesystem::remove(entry.path(), ignored);
  }
}

}  // namespace isoflop
