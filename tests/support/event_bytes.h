// SPDX-License-Identifier: Apache-2.0
// TensorBoard's event files, byte by byte: framing and messages are written here from their
// published layouts, and the CRC bit by bit, not by the reader's table.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

namespace isoflop::test {

using Bytes = std::string;

template <class T>
Bytes fixed(T value) {
  Bytes bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

inline Bytes varint(std::uint64_t value) {
  Bytes bytes;
  for (; value >= 128; value >>= 7) bytes += static_cast<char>(value | 128);
  return bytes + static_cast<char>(value);
}

inline Bytes key(std::uint64_t field, std::uint64_t wire_type) {
  return varint(field << 3 | wire_type);
}
inline Bytes nested(std::uint64_t field, const Bytes& message) {
  return key(field, 2) + varint(message.size()) + message;
}

/// Remainder of division by the Castagnoli polynomial, most significant bit first, of bits in
/// reflected order.
inline std::uint32_t crc32c(const Bytes& bytes) {
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

inline Bytes record(const Bytes& data) {
  const auto masked = [](const Bytes& bytes) {
    return fixed<std::uint32_t>(std::rotr(crc32c(bytes), 15) + 0xa282ead8u);
  };
  const Bytes length = fixed<std::uint64_t>(data.size());
  return length + masked(length) + data + masked(data);
}

inline Bytes event(double wall_time, std::uint64_t step, const Bytes& values) {
  return record(key(1, 1) + fixed(wall_time) + key(2, 0) + varint(step) + nested(5, values));
}

inline Bytes simple_value(const Bytes& tag, float value) {
  return nested(1, nested(1, tag) + key(2, 5) + fixed(value));
}

/// DT_FLOAT, no dimensions, one element of float_val; metadata of the plugin before it.
inline Bytes tensor_value(const Bytes& tag, float value) {
  const Bytes tensor = key(1, 0) + varint(1) + nested(2, "") + nested(5, fixed(value));
  return nested(1, nested(1, tag) + nested(9, nested(1, nested(1, "scalars"))) + nested(8, tensor));
}

/// The same as bytes.
inline Bytes tensor_content(const Bytes& tag, float value) {
  const Bytes tensor = key(1, 0) + varint(1) + nested(4, fixed(value));
  return nested(1, nested(1, tag) + nested(8, tensor));
}

/// A SessionLog that says START.
inline Bytes session_start(double wall_time, std::uint64_t step) {
  return record(key(1, 1) + fixed(wall_time) + key(2, 0) + varint(step) +
                nested(7, key(1, 0) + varint(1)));
}

}  // namespace isoflop::test
