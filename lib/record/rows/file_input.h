// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace isoflop {

/// The bytes of an input from first to last: a file's, a pipe's. What the system refuses midway is
/// an error, never the end.
class FileInput {
 public:
  /// Throws Error(parse) "<file>: cannot be read: <reason>".
  explicit FileInput(const std::filesystem::path& file);
  /// Fills `bytes` and returns how many there were: fewer at the end alone. Throws Error(parse).
  std::size_t read(std::span<char> bytes);
  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  [[noreturn]] void fail(int error) const;
  std::string file_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream_;
};

/// For what has to be read twice. Throws Error(parse) where `file` is a pipe or a device, which
/// would be at its end the second time.
void require_rereadable(const std::filesystem::path& file);

}  // namespace isoflop
