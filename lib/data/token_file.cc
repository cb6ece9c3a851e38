// SPDX-License-Identifier: Apache-2.0
#include "data/token_file.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
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
      vocab_size_(vocab_size),
      descriptor_(::open(file_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  if (descriptor_ < 0) fail(file_, std::string("cannot be opened: ") + std::strerror(errno));
  struct stat status {};
  const bool readable = ::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode);
  if (readable && status.st_size == n_bytes()) return;
  ::close(descriptor_);
  if (!readable) fail(file_, "is not a regular file");
  fail(file_, "has " + std::to_string(status.st_size) + " bytes, but dataset.json says " +
                  std::to_string(n_tokens) + " tokens of " + std::to_string(bytes_per_token));
}

TokenFile::~TokenFile() { ::close(descriptor_); }

void TokenFile::read_bytes(std::int64_t first, std::span<std::byte> out) const {
  while (!out.empty()) {
    const ssize_t got = ::pread(descriptor_, out.data(), out.size(), first);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      throw Error(ErrorCode::io, file_.string() + ": cannot be read: " + std::strerror(errno));
    }
    if (got == 0) {
      struct stat status {};
      ::fstat(descriptor_, &status);
      fail(file_, "has " + std::to_string(status.st_size) + " bytes now and had " +
                      std::to_string(n_bytes()) + " when it was opened");
    }
    first += got;
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

void TokenFile::for_each_block(const std::function<void(std::span<const std::byte>)>& visit) const {
  std::vector<std::byte> block(std::size_t{1} << 20);
  for (std::int64_t first = 0; first < n_bytes(); first += std::ssize(block)) {
    block.resize(static_cast<std::size_t>(std::min(std::ssize(block), n_bytes() - first)));
    read_bytes(first, block);
    visit(block);
  }
}

template <class Stored>
void TokenFile::read_as(std::int64_t first, std::span<std::int32_t> out) const {
  std::vector<Stored> tokens(out.size());
  read_bytes(first * bytes_per_token_, std::as_writable_bytes(std::span(tokens)));
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
