// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace isoflop {

/// An open file, closed with the object. What the system refuses is an Error(io) that names the
/// file and the reason.
class PosixFile {
 public:
  /// A file that is not there yet, for writing. Errors name it `destined`, what it will be called.
  [[nodiscard]] static PosixFile create(const std::filesystem::path& file,
                                        std::filesystem::path destined);
  /// A regular file, for reading. Links are not followed.
  [[nodiscard]] static PosixFile open(std::filesystem::path file);
  PosixFile(PosixFile&& other) noexcept;
  PosixFile& operator=(PosixFile&&) = delete;
  ~PosixFile();

  void write(std::span<const std::byte> content);
  /// Fills `content`; false where the file ends before.
  [[nodiscard]] bool read(std::span<std::byte> content);
  [[nodiscard]] std::int64_t size() const;
  /// What was written is on the disk when this returns. A failure is final: after it the kernel
  /// may count lost pages as clean, and a second fsync() would succeed.
  void sync();
  /// Some file systems report only here that a write failed.
  void close();

 private:
  PosixFile(std::filesystem::path file, int descriptor);
  std::filesystem::path file_;
  int descriptor_;
};

/// Throws Error(io) "<file>: cannot <action>: <the reason in errno>".
[[noreturn]] void throw_system_error(const std::filesystem::path& file, const char* action);

/// Makes the names in `folder` durable, where the file system can.
void sync_folder(const std::filesystem::path& folder);

}  // namespace isoflop
