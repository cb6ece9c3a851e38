// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace isoflop {

/// A shard: little-endian unsigned tokens of 1, 2 or 4 bytes, without a header, mapped read-only.
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
  /// value for a token outside the vocabulary.
  void read(std::int64_t first, std::span<std::int32_t> out) const;
  [[nodiscard]] std::span<const std::byte> content() const;
  [[nodiscard]] const std::filesystem::path& path() const { return file_; }

 private:
  template <class Stored>
  void read_as(std::int64_t first, std::span<std::int32_t> out) const;

  std::filesystem::path file_;
  std::int64_t n_tokens_, bytes_per_token_, vocab_size_;
  void* data_ = nullptr;
};

}  // namespace isoflop
