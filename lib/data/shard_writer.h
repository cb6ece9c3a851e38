// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace isoflop {

/// A shard in the making, under a temporary name that is removed unless publish() is called.
class ShardWriter {
 public:
  /// Throws Error(io) naming the file, as all members do.
  explicit ShardWriter(const std::filesystem::path& file);
  ~ShardWriter();
  ShardWriter(const ShardWriter&) = delete;
  ShardWriter& operator=(const ShardWriter&) = delete;

  void append(std::string_view bytes);
  void flush();
  /// Flushes, syncs and gives the shard its name.
  void publish();
  [[nodiscard]] const std::filesystem::path& temporary() const { return temporary_; }

 private:
  std::filesystem::path file_, temporary_;
  int descriptor_ = -1;
  std::string buffer_;
};

}  // namespace isoflop
