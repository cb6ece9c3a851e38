// SPDX-License-Identifier: Apache-2.0
// TensorBoard's event files: TFRecord framing (length, CRC of the length, data, CRC of the data;
// all little-endian) around Event messages in protobuf's wire format, of which this reads the
// scalars: Event {1: double wall_time, 2: int64 step, 5: Summary, 7: SessionLog}, Summary
// {1: repeated Value}, Value {1: string tag, 2: float simple_value, 8: TensorProto}, TensorProto
// {4: bytes tensor_content, 5: packed float float_val, 6: packed double double_val}, SessionLog
// {1: status, of which 1 is START}.
#include "record/rows/event_file.h"

#include <array>
#include <bit>
#include <cstring>

#include <boost/crc.hpp>

#include "isoflop/error.h"
#include "record/rows/file_input.h"

namespace isoflop {
namespace {

constexpr std::uint64_t kMaxRecord = std::uint64_t{64} << 20;

using Crc32c = boost::crc_optimal<32, 0x1edc6f41, 0xffffffff, 0xffffffff, true, true>;

// TFRecord's: so that the CRC of bytes which hold CRCs is one, too.
std::uint32_t masked_crc(std::string_view bytes) {
  Crc32c crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return ((crc.checksum() >> 15) | (crc.checksum() << 17)) + 0xa282ead8u;
}

template <class T>
T little_endian(const char* bytes) {
  static_assert(std::endian::native == std::endian::little);
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

/// One field of a message; for wire type 2 its bytes, else its bits.
struct WireField {
  std::uint64_t number = 0, type = 0, bits = 0;
  std::string_view bytes;
};

/// Walks the fields of a message. next() is empty at the end and where the bytes are no message.
class WireReader {
 public:
  explicit WireReader(std::string_view message) : rest_(message) {}
  std::optional<WireField> next() {
    if (rest_.empty()) return std::nullopt;
    const std::uint64_t key = varint();
    WireField field{key >> 3, key & 7, 0, {}};
    if (field.type == 0) {
      field.bits = varint();
    } else if (field.type == 1 || field.type == 5) {
      const std::size_t size = field.type == 1 ? 8 : 4;
      const std::string_view bytes = take(size);
      if (bytes.size() == size) std::memcpy(&field.bits, bytes.data(), size);
    } else if (field.type == 2) {
      field.bytes = take(varint());
    } else {
      bad_ = true;
    }
    return bad_ ? std::nullopt : std::optional(field);
  }
  bool bad() const { return bad_; }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= std::uint64_t{byte & 127u} << shift;
      if (byte < 128) return value;
    }
    bad_ = true;
    return 0;
  }
  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) bad_ = true;
    const std::string_view bytes = rest_.substr(0, bad_ ? 0 : size);
    rest_.remove_prefix(bytes.size());
    return bytes;
  }
  std::string_view rest_;
  bool bad_ = false;
};

double as_float(std::uint64_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
}

/// A tensor of one element, as newer writers put scalars.
std::optional<double> tensor_scalar(std::string_view tensor) {
  WireReader wire(tensor);
  std::optional<double> value;
  while (const auto field = wire.next()) {
    const std::string_view bytes = field->bytes;
    if (field->number == 5 && field->type == 5) value = as_float(field->bits);
    if ((field->number == 4 || field->number == 5) && bytes.size() == 4) {
      value = little_endian<float>(bytes.data());
    }
    if ((field->number == 4 || field->number == 6) && bytes.size() == 8) {
      value = little_endian<double>(bytes.data());
    }
  }
  return value;
}

ScalarEvent::Scalar scalar_of(std::string_view message) {
  WireReader wire(message);
  ScalarEvent::Scalar scalar;
  while (const auto field = wire.next()) {
    if (field->number == 1 && field->type == 2) scalar.tag = field->bytes;
    if (field->number == 2 && field->type == 5) scalar.value = as_float(field->bits);
    if (field->number == 8 && field->type == 2) scalar.value = tensor_scalar(field->bytes);
  }
  return scalar;
}

bool says_start(std::string_view session_log) {
  WireReader wire(session_log);
  bool start = false;
  while (const auto field = wire.next()) {
    if (field->number == 1 && field->type == 0) start = field->bits == 1;
  }
  return start;
}

ScalarEvent event_of(std::string_view message) {
  WireReader wire(message);
  ScalarEvent event;
  while (const auto field = wire.next()) {
    if (field->number == 1 && field->type == 1) {
      event.wall_time = std::bit_cast<double>(field->bits);
    }
    if (field->number == 2 && field->type == 0) event.step = static_cast<std::int64_t>(field->bits);
    if (field->number == 7 && field->type == 2) event.starts_session = says_start(field->bytes);
    if (field->number != 5 || field->type != 2) continue;
    WireReader summary(field->bytes);
    while (const auto value = summary.next()) {
      if (value->number == 1 && value->type == 2) event.scalars.push_back(scalar_of(value->bytes));
    }
  }
  return event;
}

[[noreturn]] void refuse(const std::string& file, std::int64_t record, const std::string& what) {
  throw Error(ErrorCode::parse, file + ": record " + std::to_string(record) + ": " + what);
}

}  // namespace

void read_event_file(const std::filesystem::path& file,
                     const std::function<bool(const ScalarEvent&)>& on_event) {
  FileInput input(file);
  std::array<char, 12> head{};
  std::string data;
  for (std::int64_t record = 1; input.read(head) == head.size(); ++record) {
    const auto length = little_endian<std::uint64_t>(head.data());
    if (masked_crc({head.data(), 8}) != little_endian<std::uint32_t>(head.data() + 8)) {
      refuse(input.file(), record,
             record == 1 ? "is no event file: its first length fails its CRC"
                         : "its length fails its CRC");
    }
    if (length > kMaxRecord) refuse(input.file(), record, "is longer than 64 MiB");
    data.resize(length + 4);
    if (input.read(data) < data.size()) return;
    const std::string_view event = std::string_view(data).substr(0, length);
    if (masked_crc(event) != little_endian<std::uint32_t>(data.data() + length)) {
      refuse(input.file(), record, "its data fail their CRC");
    }
    if (!on_event(event_of(event))) return;
  }
}

}  // namespace isoflop
