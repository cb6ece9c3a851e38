// SPDX-License-Identifier: Apache-2.0
#include "record/rows/file_input.h"

#include <cerrno>
#include <cstring>

#include "isoflop/error.h"

namespace isoflop {

FileInput::FileInput(const std::filesystem::path& file)
    : file_(file.string()), stream_(std::fopen(file.c_str(), "rbe"), &std::fclose) {
  if (!stream_) fail(errno);
  std::error_code status;
  if (std::filesystem::is_directory(file, status)) {
    throw Error(ErrorCode::parse, file_ + ": cannot be read: is a folder");
  }
}

std::size_t FileInput::read(std::span<char> bytes) {
  const std::size_t got = std::fread(bytes.data(), 1, bytes.size(), stream_.get());
  if (got < bytes.size() && std::ferror(stream_.get()) != 0) fail(errno);
  return got;
}

void FileInput::fail(int error) const {
  throw Error(ErrorCode::parse, file_ + ": cannot be read: " + std::strerror(error));
}

void require_rereadable(const std::filesystem::path& file) {
  std::error_code failure;
  const std::filesystem::file_status status = std::filesystem::status(file, failure);
  if (failure || !std::filesystem::exists(status) || std::filesystem::is_regular_file(status) ||
      std::filesystem::is_directory(status)) {
    return;
  }
  throw Error(
      ErrorCode::parse,
      file.string() + ": is a pipe or a device, and this format is read twice; save it as a file");
}

}  // namespace isoflop
