// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/json.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

constexpr std::int64_t kElementBytes = sizeof(float);
constexpr std::size_t kDataAlignment = 8;

[[noreturn]] void refuse(const std::string& file, const std::string& why) {
  throw Error(ErrorCode::parse, file + ": " + why);
}

std::int64_t n_elements(const std::vector<std::int64_t>& shape) {
  std::int64_t n = 1;
  for (const std::int64_t size : shape) n *= size;
  return n;
}

/// Elements of a shape whose product need not be representable; at most `limit`, or an error.
std::int64_t n_elements_within(const JsonReader& shape, std::int64_t limit,
                               std::vector<std::int64_t>& sizes) {
  std::int64_t n = 1;
  for (const JsonReader& element : shape.elements()) {
    const std::int64_t size = element.integer(0, limit);
    if (size > 0 && n > limit / size) shape.fail("the tensor is larger than the file");
    n *= size;
    sizes.push_back(size);
  }
  return n;
}

SafetensorsEntry parse_entry(const std::string& name, const JsonReader& reader,
                             std::int64_t n_data_bytes) {
  reader.allow_only({"dtype", "shape", "data_offsets"});
  (void)reader.at("dtype").one_of({"F32"});
  SafetensorsEntry entry{name, {}, 0, 0};
  const std::int64_t n =
      n_elements_within(reader.at("shape"), n_data_bytes / kElementBytes, entry.shape);
  const std::vector<JsonReader> offsets = reader.at("data_offsets").elements(2);
  entry.begin = offsets[0].integer(0, n_data_bytes);
  entry.end = offsets[1].integer(entry.begin, n_data_bytes);
  if (entry.end - entry.begin != n * kElementBytes) {
    reader.fail("has " + std::to_string(entry.end - entry.begin) + " bytes, its shape asks for " +
                std::to_string(n * kElementBytes));
  }
  return entry;
}

void require_seamless(const std::vector<SafetensorsEntry>& sorted, std::int64_t n_data_bytes,
                      const std::string& file) {
  std::int64_t end = 0;
  for (const SafetensorsEntry& entry : sorted) {
    if (entry.begin != end) {
      refuse(file, "/" + entry.name + ": begins at byte " + std::to_string(entry.begin) +
                       ", the tensor before ends at " + std::to_string(end));
    }
    end = entry.end;
  }
  if (end != n_data_bytes) {
    refuse(file, "the tensors have " + std::to_string(end) + " bytes, the file has " +
                     std::to_string(n_data_bytes) + " for them");
  }
}

}  // namespace

std::string safetensors_header(
    std::span<const std::pair<std::string, std::vector<std::int64_t>>> tensors) {
  // What Transformers asks for; the data are the same for every framework.
  Json object = Json::object({{"__metadata__", Json::object({{"format", "pt"}})}});
  std::int64_t begin = 0;
  for (const auto& [name, shape] : tensors) {
    const std::int64_t end = begin + n_elements(shape) * kElementBytes;
    object.add(name, Json::object({{"dtype", "F32"},
                                   {"shape", Json::array_of(shape)},
                                   {"data_offsets", Json(Json::Array{begin, end})}}));
    begin = end;
  }
  std::string text = object.dump();
  text.resize((text.size() + kDataAlignment - 1) / kDataAlignment * kDataAlignment, ' ');
  const std::uint64_t n_bytes = text.size();
  std::string prefix(kSafetensorsPrefixBytes, '\0');
  std::memcpy(prefix.data(), &n_bytes, sizeof n_bytes);
  return prefix + text;
}

std::int64_t safetensors_header_bytes(std::span<const std::byte, kSafetensorsPrefixBytes> prefix,
                                      std::int64_t n_file_bytes, const std::string& file) {
  std::uint64_t n_bytes = 0;
  std::memcpy(&n_bytes, prefix.data(), sizeof n_bytes);
  const std::int64_t room =
      std::min(n_file_bytes - kSafetensorsPrefixBytes, kSafetensorsMaxHeaderBytes);
  if (room < 0 || n_bytes > static_cast<std::uint64_t>(room)) {
    refuse(file, "a header of " + std::to_string(n_bytes) + " bytes is not possible in a file of " +
                     std::to_string(n_file_bytes));
  }
  return static_cast<std::int64_t>(n_bytes);
}

std::vector<SafetensorsEntry> parse_safetensors_header(std::string_view object,
                                                       std::int64_t n_data_bytes,
                                                       const std::string& file) {
  if (!object.starts_with('{')) refuse(file, "the header does not begin with {");
  const Json document = parse_json(object, file);
  std::vector<SafetensorsEntry> entries;
  for (const auto& [name, member] : JsonReader(document, file).members()) {
    if (name == "__metadata__") {
      for (const auto& [key, value] : member.members()) (void)value.string();
    } else {
      entries.push_back(parse_entry(name, member, n_data_bytes));
    }
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  require_seamless(entries, n_data_bytes, file);
  return entries;
}

}  // namespace isoflop
