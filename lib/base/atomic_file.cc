// SPDX-License-Identifier: Apache-2.0
#include "base/atomic_file.h"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "base/output_path.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

constexpr const char* kTemporarySuffix = ".tmp.";

std::filesystem::path temporary_name(const std::filesystem::path& file) {
  static std::atomic<unsigned> counter{0};
  return file.string() + kTemporarySuffix + std::to_string(::getpid()) + "." +
         std::to_string(counter++);
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

bool create_file_atomically(const std::filesystem::path& file, std::string_view content) {
  AtomicFile out(file);
  out.write(std::as_bytes(std::span(content)));
  return out.commit_new();
}

AtomicFile::AtomicFile(const std::filesystem::path& file)
    : file_(output_file(file)),
      temporary_(temporary_name(file_)),
      content_(PosixFile::create(temporary_, file_)) {}

AtomicFile::~AtomicFile() {
  if (!committed_) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> content) { content_.write(content); }

void AtomicFile::finish_content() {
  content_.sync();
  content_.close();
}

void AtomicFile::commit() {
  finish_content();
  if (std::rename(temporary_.c_str(), file_.c_str()) != 0) throw_system_error(file_, "replace");
  committed_ = true;
  sync_folder(file_.parent_path());
}

bool AtomicFile::commit_new() {
  finish_content();
  // rename() would replace what another process has made since; a second name does not.
  bool created = ::link(temporary_.c_str(), file_.c_str()) == 0;
  if (!created && (errno == EPERM || errno == EOPNOTSUPP)) {  // a file system without second names
    created =
        ::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, file_.c_str(), RENAME_NOREPLACE) == 0;
  }
  if (!created && errno == EEXIST) return false;
  if (!created) throw_system_error(file_, "create");
  sync_folder(file_.parent_path());
  return true;
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
