// SPDX-License-Identifier: Apache-2.0
#include "data/token_file.h"

#include <bit>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "isoflop/error.h"

namespace isoflop {
namespace {

static_assert(std::endian::native == std::endian::little, "shards are little-endian");

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& complaint) {
  throw Error(ErrorCode::parse, file.string() + ": " + complaint);
}

}  // namespace

TokenFile::TokenFile(std::filesystem::path file, std::int64_t n_tokens,
                     std::int64_t bytes_per_token, std::int64_t vocab_size)
    : file_(std::move(file)),
      n_tokens_(n_tokens),
      bytes_per_token_(bytes_per_token),
      vocab_size_(vocab_size) {
  const int descriptor = ::open(file_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(file_, std::string("cannot be opened: ") + std::strerror(errno));
  struct stat status {};
  const bool readable = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  const std::int64_t n_bytes = n_tokens * bytes_per_token;
  if (readable && status.st_size == n_bytes && n_bytes > 0) {
    data_ =
        ::mmap(nullptr, static_cast<std::size_t>(n_bytes), PROT_READ, MAP_SHARED, descriptor, 0);
  }
  const int map_error = errno;
  ::close(descriptor);
  if (!readable) fail(file_, "is not a regular file");
  if (status.st_size != n_bytes) {
    fail(file_, "has " + std::to_string(status.st_size) + " bytes, but dataset.json says " +
                    std::to_string(n_tokens) + " tokens of " + std::to_string(bytes_per_token));
  }
  if (data_ == MAP_FAILED) {
    data_ = nullptr;
    throw Error(ErrorCode::io, file_.string() + ": cannot map: " + std::strerror(map_error));
  }
}

TokenFile::~TokenFile() {
  if (data_ != nullptr) ::munmap(data_, content().size());
}

std::span<const std::byte> TokenFile::content() const {
  return {static_cast<const std::byte*>(data_),
          static_cast<std::size_t>(n_tokens_ * bytes_per_token_)};
}

template <class Stored>
void TokenFile::read_as(std::int64_t first, std::span<std::int32_t> out) const {
  const Stored* tokens = static_cast<const Stored*>(data_) + first;
  Stored largest = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    largest = tokens[i] > largest ? tokens[i] : largest;
    out[i] = static_cast<std::int32_t>(tokens[i]);
  }
  if (std::int64_t{largest} < vocab_size_) return;
  std::size_t bad = 0;
  while (std::int64_t{tokens[bad]} < vocab_size_) ++bad;
  fail(file_, "token " + std::to_string(first + static_cast<std::int64_t>(bad)) + " is " +
                  std::to_string(tokens[bad]) + ", allowed are 0 to " +
                  std::to_string(vocab_size_ - 1));
}

void TokenFile::read(std::int64_t first, std::span<std::int32_t> out) const {
  ISOFLOP_CHECK(first >= 0 && first + static_cast<std::int64_t>(out.size()) <= n_tokens_,
                "tokens outside the shard");
  if (bytes_per_token_ == 1) return read_as<std::uint8_t>(first, out);
  if (bytes_per_token_ == 2) return read_as<std::uint16_t>(first, out);
  read_as<std::uint32_t>(first, out);
}

}  // namespace isoflop
