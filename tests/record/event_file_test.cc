// SPDX-License-Identifier: Apache-2.0
// A TensorBoard event file, byte by byte: framing and messages are written here from their
// published layouts, and the CRC bit by bit, not by the reader's table.
#include <bit>
#include <cstring>
#include <string>

#include "isoflop/import.h"
#include "isoflop/point.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

using Bytes = std::string;

template <class T>
Bytes fixed(T value) {
  Bytes bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

Bytes varint(std::uint64_t value) {
  Bytes bytes;
  for (; value >= 128; value >>= 7) bytes += static_cast<char>(value | 128);
  return bytes + static_cast<char>(value);
}

Bytes key(std::uint64_t field, std::uint64_t wire_type) { return varint(field << 3 | wire_type); }
Bytes nested(std::uint64_t field, const Bytes& message) {
  return key(field, 2) + varint(message.size()) + message;
}

/// Remainder of division by the Castagnoli polynomial, most significant bit first, of bits in
/// reflected order.
std::uint32_t crc32c(const Bytes& bytes) {
  const auto reflected = [](std::uint32_t value, int n_bits) {
    std::uint32_t result = 0;
    for (int bit = 0; bit < n_bits; ++bit) result |= (value >> bit & 1u) << (n_bits - 1 - bit);
    return result;
  };
  std::uint32_t remainder = ~0u;
  for (const char c : bytes) {
    remainder ^= reflected(static_cast<unsigned char>(c), 8) << 24;
    for (int bit = 0; bit < 8; ++bit) {
      remainder = remainder << 1 ^ (remainder >> 31 != 0 ? 0x1EDC6F41u : 0u);
    }
  }
  return ~reflected(remainder, 32);
}

Bytes record(const Bytes& data) {
  const auto masked = [](const Bytes& bytes) {
    return fixed<std::uint32_t>(std::rotr(crc32c(bytes), 15) + 0xa282ead8u);
  };
  const Bytes length = fixed<std::uint64_t>(data.size());
  return length + masked(length) + data + masked(data);
}

Bytes event(double wall_time, std::uint64_t step, const Bytes& values) {
  return record(key(1, 1) + fixed(wall_time) + key(2, 0) + varint(step) + nested(5, values));
}

Bytes simple_value(const Bytes& tag, float value) {
  return nested(1, nested(1, tag) + key(2, 5) + fixed(value));
}

/// DT_FLOAT, no dimensions, one element of float_val; metadata of the plugin before it.
Bytes tensor_value(const Bytes& tag, float value) {
  const Bytes tensor = key(1, 0) + varint(1) + nested(2, "") + nested(5, fixed(value));
  return nested(1, nested(1, tag) + nested(9, nested(1, nested(1, "scalars"))) + nested(8, tensor));
}

/// The same as bytes.
Bytes tensor_content(const Bytes& tag, float value) {
  const Bytes tensor = key(1, 0) + varint(1) + nested(4, fixed(value));
  return nested(1, nested(1, tag) + nested(8, tensor));
}

Bytes good_file() {
  return record(key(1, 1) + fixed(99.0) + nested(3, "brain.Event:2")) +
         event(100, 1, simple_value("eval/loss", 5.5f) + tensor_value("tokens", 1024)) +
         event(101.5, 300, simple_value("eval/loss", 3.25f)) +
         event(102, 300, tensor_value("tokens", 307200));
}

ImportOptions tensorboard() {
  ImportOptions options;
  options.format = ImportFormat::tensorboard;
  options.columns = {{"loss", "eval/loss"}};
  options.constants = {{"params", "1000000"}};
  return options;
}

Point imported(const test::TempDir& dir, const Bytes& bytes) {
  const auto out = dir.path() / "points.csv";
  import_points(dir.write("run/events.out.tfevents.1", bytes), out, tensorboard());
  return load_points_csv(out).points.at(0);
}

}  // namespace

TEST_CASE("the checksum of the test is CRC-32C by its check value") {
  CHECK(crc32c("123456789") == 0xE3069283u);
}

TEST_CASE("an event file gives the last value of every tag, simple or a tensor") {
  const test::TempDir dir;
  const Point point = imported(dir, good_file());
  CHECK(point.loss == 3.25);
  CHECK(point.tokens == 307200);
  CHECK(point.params == 1e6);
  CHECK(point.other.at("step") == "300");
  CHECK(point.other.at("wall_time") == "102");
  const Point content =
      imported(dir, event(1, 2, tensor_content("eval/loss", 2.5f) + tensor_content("tokens", 64)));
  CHECK(content.loss == 2.5);
  CHECK(content.tokens == 64);
}

TEST_CASE("an event file torn anywhere in its last record ends before it") {
  const test::TempDir dir;
  const Bytes last = event(103, 400, simple_value("eval/loss", 3.0f));
  CHECK(imported(dir, good_file() + last).loss == 3.0);
  for (std::size_t n = 0; n < last.size(); n += 7) {
    const Point point = imported(dir, good_file() + last.substr(0, n));
    CHECK(point.loss == 3.25);
    CHECK(point.other.at("step") == "300");
  }
}

TEST_CASE("a flipped bit of a record is refused with the record's number") {
  const test::TempDir dir;
  const auto message = [&](std::size_t at) {
    Bytes bytes = good_file();
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    return ISOFLOP_ERROR_MESSAGE(imported(dir, bytes));
  };
  CHECK_THAT(message(0), contains("record 1: is no event file"));
  CHECK_THAT(message(14), contains("tfevents.1: record 1: its data fail their CRC"));
  CHECK_THAT(message(good_file().size() - 6), contains("record 4: its data fail their CRC"));
}

TEST_CASE("a folder of runs gives a row each, whatever order their files come in") {
  const test::TempDir dir;
  dir.write("runs/a/events.tfevents.1", good_file());
  dir.write("runs/b/events.tfevents.1",
            event(1, 7, simple_value("eval/loss", 4.0f) + simple_value("tokens", 512)));
  const auto out = dir.path() / "points.csv";
  import_points(dir.path() / "runs", out, tensorboard());
  const PointSet set = load_points_csv(out);
  REQUIRE(set.points.size() == 2);
  CHECK(set.points[0].loss == 3.25);
  CHECK(set.points[1].loss == 4.0);
  CHECK(set.points[1].tokens == 512);
}

}  // namespace isoflop
