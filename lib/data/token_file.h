// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>

namespace isoflop {

/// A shard: little-endian unsigned tokens of 1, 2 or 4 bytes, without a header. It is read, not
/// mapped: a file that is truncated or fails while a run uses it is an Error, no signal. May be
/// read by several threads at once.
class TokenFile {
 public:
  /// Throws Error(parse) naming the file if it is missing or does not hold `n_tokens` tokens.
  TokenFile(std::filesystem::path file, std::int64_t n_tokens, std::int64_t bytes_per_token,
            std::int64_t vocab_size);
  ~TokenFile();
  TokenFile(const TokenFile&) = delete;
  TokenFile& operator=(const TokenFile&) = delete;

  [[nodiscard]] std::int64_t size() const { return n_tokens_; }
  /// Tokens first ... first + out.size() - 1. Throws Error(parse) naming file, token number and
  /// value for a token outside the vocabulary, and naming the file where it has become shorter;
  /// Error(io) where the system cannot read it.
  void read(std::int64_t first, std::span<std::int32_t> out) const;
  /// The same of the file's bytes as they are.
  void read_bytes(std::int64_t first, std::span<std::byte> out) const;
  /// All bytes of the file in order, a block at a time.
  void for_each_block(const std::function<void(std::span<const std::byte>)>& visit) const;
  [[nodiscard]] std::int64_t n_bytes() const { return n_tokens_ * bytes_per_token_; }
  [[nodiscard]] const std::filesystem::path& path() const { return file_; }

 private:
  template <class Stored>
  void read_as(std::int64_t first, std::span<std::int32_t> out) const;

  std::filesystem::path file_;
  std::int64_t n_tokens_, bytes_per_token_, vocab_size_;
  int descriptor_ = -1;
};

}  // namespace isoflop
