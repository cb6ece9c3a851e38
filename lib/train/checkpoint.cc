// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>
#include <vector>

#include "isoflop/error.h"

namespace isoflop {
namespace {

static_assert(std::endian::native == std::endian::little, "checkpoints are little-endian");

constexpr std::array<char, 8> kMagic = {'i', 's', 'o', 'f', 'l', 'o', 'p', '\n'};
constexpr std::int64_t kVersion = 1;
constexpr std::int64_t kHashBytes = 16;
constexpr std::int64_t kPieceBytes = std::int64_t{1} << 20;
constexpr std::array<const char*, kSections> kSectionNames = {"weights", "first moment",
                                                              "second moment"};

/// Progress as it lies in the file.
struct StoredProgress {
  std::int64_t steps_done = 0;
  double last_loss = 0, late_loss_sum = 0;
  std::int64_t late_steps = 0;
  double train_seconds = 0;
};

struct Header {
  std::array<char, 8> magic = kMagic;
  std::int64_t version = kVersion;
  std::array<char, kHashBytes> identity = {};
  std::int64_t n_elements = 0;
  StoredProgress progress;
};
static_assert(std::is_trivially_copyable_v<Header> && sizeof(Header) == 80, "no padding");

constexpr std::int64_t kHeaderBytes = sizeof(Header) + kHashBytes;

std::int64_t section_bytes(std::int64_t n_elements) {
  return n_elements * static_cast<std::int64_t>(sizeof(float)) + kHashBytes;
}

std::int64_t section_offset(int section, std::int64_t n_elements) {
  return kHeaderBytes + section * section_bytes(n_elements);
}

std::string_view text_of(const std::array<char, kHashBytes>& digits) {
  return {digits.data(), digits.size()};
}

}  // namespace

CheckpointWriter::CheckpointWriter(const std::filesystem::path& file, const std::string& identity,
                                   const Progress& progress, std::int64_t n_elements)
    : file_(file), n_elements_(n_elements) {
  ISOFLOP_CHECK(identity.size() == kHashBytes, "an identity is a hash");
  Header header;
  std::copy(identity.begin(), identity.end(), header.identity.begin());
  header.n_elements = n_elements;
  header.progress = {progress.steps_done, progress.last_loss, progress.late_loss_sum,
                     progress.late_steps, progress.train_seconds};
  write_hashed(std::as_bytes(std::span(&header, 1)), hasher_);
  end_section();
}

void CheckpointWriter::write(std::span<const float> elements) {
  while (!elements.empty()) {
    const std::int64_t room = n_elements_ - n_written_ % n_elements_;
    const auto n = std::min(elements.size(), static_cast<std::size_t>(room));
    write_hashed(std::as_bytes(elements.first(n)), hasher_);
    elements = elements.subspan(n);
    n_written_ += static_cast<std::int64_t>(n);
    if (n_written_ % n_elements_ == 0) end_section();
  }
}

void CheckpointWriter::commit() {
  ISOFLOP_CHECK(n_written_ == kSections * n_elements_, "checkpoint is not complete");
  file_.commit();
}

void CheckpointWriter::write_hashed(std::span<const std::byte> content, Hasher& hasher) {
  hasher.add(content);
  file_.write(content);
}

void CheckpointWriter::end_section() {
  const std::string digits = hasher_.hex();
  file_.write(std::as_bytes(std::span(digits)));
  hasher_ = Hasher();
}

CheckpointReader::CheckpointReader(const std::filesystem::path& file, const std::string& identity,
                                   std::int64_t n_elements)
    : file_(file), stream_(file, std::ios::binary), n_elements_(n_elements) {
  if (!stream_) refuse("cannot be read");
  verify_header(identity);
  for (int section = 0; section < kSections; ++section) verify_section(section);
}

void CheckpointReader::read(Section section, Range range, std::span<float> out) {
  const std::int64_t first = section_offset(static_cast<int>(section), n_elements_);
  read_bytes(first + range.begin * static_cast<std::int64_t>(sizeof(float)),
             std::as_writable_bytes(out));
}

void CheckpointReader::refuse(const std::string& why) const {
  throw Error(ErrorCode::parse, file_.string() + ": " + why);
}

void CheckpointReader::verify_header(const std::string& identity) {
  std::array<std::byte, kHeaderBytes> bytes{};
  read_bytes(0, bytes);
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != kMagic) refuse("is not a checkpoint");
  if (header.version != kVersion) {
    refuse("has version " + std::to_string(header.version) + ", this program reads version " +
           std::to_string(kVersion));
  }
  std::array<char, kHashBytes> stored{};
  std::memcpy(stored.data(), bytes.data() + sizeof header, kHashBytes);
  Hasher hasher;
  hasher.add(std::span(bytes).first(sizeof header));
  if (hasher.hex() != text_of(stored)) refuse("the header is damaged");
  if (text_of(header.identity) != identity) {
    refuse("belongs to another run (" + std::string(text_of(header.identity)) + ", expected " +
           identity + ")");
  }
  if (header.n_elements != n_elements_) refuse("holds another number of parameters");
  stream_.seekg(0, std::ios::end);
  const std::int64_t size = stream_.tellg();
  const std::int64_t expected = section_offset(kSections, n_elements_);
  if (size != expected) {
    refuse("has " + std::to_string(size) + " bytes, expected " + std::to_string(expected));
  }
  const StoredProgress& stored_progress = header.progress;
  progress_ = {stored_progress.steps_done,    stored_progress.last_loss,
               stored_progress.late_loss_sum, stored_progress.late_steps,
               stored_progress.train_seconds, {}};
}

void CheckpointReader::verify_section(int section) {
  std::int64_t offset = section_offset(section, n_elements_);
  const std::int64_t end = offset + section_bytes(n_elements_) - kHashBytes;
  std::vector<std::byte> piece(static_cast<std::size_t>(std::min(end - offset, kPieceBytes)));
  Hasher hasher;
  while (offset < end) {
    const auto n = std::min<std::int64_t>(end - offset, static_cast<std::int64_t>(piece.size()));
    const std::span<std::byte> part = std::span(piece).first(static_cast<std::size_t>(n));
    read_bytes(offset, part);
    hasher.add(part);
    offset += n;
  }
  std::array<char, kHashBytes> stored{};
  read_bytes(end, std::as_writable_bytes(std::span(stored)));
  if (hasher.hex() != text_of(stored)) {
    refuse(std::string("section \"") + kSectionNames[static_cast<std::size_t>(section)] +
           "\" is damaged");
  }
}

void CheckpointReader::read_bytes(std::int64_t offset, std::span<std::byte> out) {
  stream_.clear();
  stream_.seekg(offset);
  stream_.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size()));
  if (!stream_) refuse("is truncated");
}

}  // namespace isoflop
