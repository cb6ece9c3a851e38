// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint/safetensors.h"

#include <cstring>

#include "support/catch.h"

namespace isoflop {
namespace {

using Shapes = std::vector<std::pair<std::string, std::vector<std::int64_t>>>;

std::string refusal(const std::string& object, std::int64_t n_data_bytes) {
  return ISOFLOP_ERROR_MESSAGE(parse_safetensors_header(object, n_data_bytes, "w.safetensors"));
}

std::string tensor(const std::string& shape, const std::string& offsets,
                   const std::string& dtype = "F32") {
  return R"({"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

std::string length_refusal(std::uint64_t n_bytes, std::int64_t n_file_bytes) {
  std::array<std::byte, 8> prefix{};
  std::memcpy(prefix.data(), &n_bytes, sizeof n_bytes);
  return ISOFLOP_ERROR_MESSAGE(safetensors_header_bytes(prefix, n_file_bytes, "w.safetensors"));
}

}  // namespace

TEST_CASE("a safetensors header is written byte for byte as the format says") {
  const Shapes shapes = {{"a", {2, 3}}, {"b", {5}}};
  std::string object = R"({"__metadata__":{"format":"pt"},)"
                       R"("a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
                       R"("b":{"dtype":"F32","shape":[5],"data_offsets":[24,44]}})";
  CHECK(object.size() == 143);
  object += " ";
  CHECK(safetensors_header(shapes) == std::string("\x90\0\0\0\0\0\0\0", 8) + object);
}

TEST_CASE("a safetensors header reads back, whatever the order of its tensors") {
  const Shapes shapes = {{"a", {2, 3}}, {"b", {5}}, {"none", {0, 7}}, {"scalar", {}}};
  const std::string text = safetensors_header(shapes);
  CHECK(text.size() % 8 == 0);
  const std::vector<SafetensorsEntry> expected = {
      {"a", {2, 3}, 0, 24}, {"b", {5}, 24, 44}, {"none", {0, 7}, 44, 44}, {"scalar", {}, 44, 48}};
  CHECK(parse_safetensors_header(std::string_view(text).substr(8), 48, "w") == expected);
  const std::string other =
      "{\"b\":" + tensor("[5]", "[24,44]") + ",\"a\":" + tensor("[2,3]", "[0,24]") + "}";
  CHECK(parse_safetensors_header(other, 44, "w") ==
        std::vector<SafetensorsEntry>(expected.begin(), expected.begin() + 2));
}

TEST_CASE("a header that lies about its length is refused before anything is allocated") {
  CHECK(length_refusal(100, 108) == "(nothing was thrown)");
  CHECK_THAT(length_refusal(101, 108), contains("w.safetensors: a header of 101 bytes"));
  CHECK_THAT(length_refusal(0, 7), contains("is not possible in a file of 7"));
  CHECK_THAT(length_refusal(~std::uint64_t{0}, 1'000'000), contains("18446744073709551615"));
  CHECK_THAT(length_refusal(std::uint64_t{1} << 63, INT64_MAX), contains("is not possible"));
  CHECK(length_refusal(100'000'000, 200'000'000) == "(nothing was thrown)");
  CHECK_THAT(length_refusal(100'000'001, 200'000'000), contains("is not possible"));
}

TEST_CASE("headers whose tensors do not tile the data are refused") {
  const std::string a = "{\"a\":" + tensor("[2]", "[0,8]");
  CHECK(refusal(a + "}", 8) == "(nothing was thrown)");
  CHECK_THAT(refusal(a + "}", 12), contains("the tensors have 8 bytes, the file has 12"));
  CHECK_THAT(refusal(a + "}", 4), contains("w.safetensors: /a/shape/0: must be an integer from 0"));
  CHECK_THAT(refusal(a + ",\"b\":" + tensor("[1]", "[12,16]") + "}", 16),
             contains("/b: begins at byte 12, the tensor before ends at 8"));
  CHECK_THAT(refusal(a + ",\"b\":" + tensor("[2]", "[4,12]") + "}", 12), contains("/b: begins"));
  CHECK_THAT(refusal(a + ",\"b\":" + tensor("[2]", "[0,8]") + "}", 8),
             contains("begins at byte 0"));
  CHECK_THAT(refusal("{\"a\":" + tensor("[2]", "[4,12]") + "}", 12), contains("begins at byte 4"));
}

TEST_CASE("headers with impossible tensors are refused") {
  const auto one = [](const std::string& entry) { return refusal("{\"a\":" + entry + "}", 8); };
  CHECK_THAT(one(tensor("[3]", "[0,8]")), contains("/a/shape/0"));
  CHECK_THAT(one(tensor("[1]", "[0,8]")), contains("has 8 bytes, its shape asks for 4"));
  CHECK_THAT(one(tensor("[2]", "[8,0]")), contains("/a/data_offsets/1"));
  CHECK_THAT(one(tensor("[2]", "[0,9]")), contains("/a/data_offsets/1"));
  CHECK_THAT(one(tensor("[2]", "[0,8,8]")), contains("/a/data_offsets"));
  CHECK_THAT(one(tensor("[-1]", "[0,8]")), contains("/a/shape/0"));
  CHECK_THAT(one(tensor("[2,2,2]", "[0,8]")), contains("larger than the file"));
  CHECK_THAT(one(tensor("[4611686018427387904,2]", "[0,8]")), contains("/a/shape/0"));
  CHECK_THAT(one(tensor("[2]", "[0,8]", "F16")), contains("/a/dtype: must be one of F32"));
  CHECK_THAT(one(R"({"dtype":"F32","shape":[2]})"), contains("data_offsets"));
  CHECK_THAT(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1})"), contains("/a/x"));
  CHECK_THAT(refusal("[]", 0), contains("does not begin with {"));
  CHECK_THAT(refusal(" {}", 0), contains("does not begin with {"));
  CHECK_THAT(refusal("{", 0), contains("line 1"));
  CHECK_THAT(refusal(R"({"__metadata__":{"format":1}})", 0), contains("/__metadata__/format"));
  const std::string twice = "\"a\":" + tensor("[2]", "[0,8]");
  CHECK_THAT(refusal("{" + twice + "," + twice + "}", 8), contains("appears twice"));
}

}  // namespace isoflop
