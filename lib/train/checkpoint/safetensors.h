// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace isoflop {

/// The header of a safetensors file (github.com/huggingface/safetensors): eight bytes with the
/// length of a JSON object, little-endian; the object, which says of each tensor its dtype, shape
/// and bytes [begin, end) in what follows; the data, row-major and little-endian. Ours hold f32
/// only, and their data begin at a multiple of 8 bytes.
inline constexpr std::int64_t kSafetensorsPrefixBytes = 8;
inline constexpr std::int64_t kSafetensorsMaxHeaderBytes = 100'000'000;  // the reference's limit

struct SafetensorsEntry {
  std::string name;
  std::vector<std::int64_t> shape;
  std::int64_t begin = 0, end = 0;  // in bytes of the data
  bool operator==(const SafetensorsEntry&) const = default;
};

/// Prefix and object for tensors of these names and shapes, their data one after the other.
[[nodiscard]] std::string safetensors_header(
    std::span<const std::pair<std::string, std::vector<std::int64_t>>> tensors);

/// Bytes of the object. Throws Error(parse) where a file of `n_file_bytes` cannot hold it.
[[nodiscard]] std::int64_t safetensors_header_bytes(
    std::span<const std::byte, kSafetensorsPrefixBytes> prefix, std::int64_t n_file_bytes,
    const std::string& file);

/// The tensors by ascending place in the data. Throws Error(parse) unless they are f32, have the
/// bytes that their shapes ask for, and cover `n_data_bytes` without gap or overlap.
[[nodiscard]] std::vector<SafetensorsEntry> parse_safetensors_header(std::string_view object,
                                                                     std::int64_t n_data_bytes,
                                                                     const std::string& file);

}  // namespace isoflop
