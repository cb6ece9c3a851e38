// SPDX-License-Identifier: Apache-2.0
#include "data/dataset_json.h"

#include "base/json.h"
#include "base/text.h"
#include "data/generated_dataset.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

constexpr const char* kSchema = "isoflop.dataset/1";
constexpr std::int64_t kMaxVocabulary = std::int64_t{1} << 31;
constexpr std::int64_t kMaxTokens = std::int64_t{1} << 60;

SplitInfo read_split(const JsonReader& json) {
  json.allow_only({"tokens", "bytes", "documents"});
  SplitInfo split;
  split.tokens = json.at("tokens").integer(2, kMaxTokens);
  split.bytes = json.at("bytes").integer(0, kMaxTokens);
  split.documents = json.at("documents").integer(0, kMaxTokens);
  return split;
}

Json split_json(const SplitInfo& split) {
  return Json::object(
      {{"tokens", split.tokens}, {"bytes", split.bytes}, {"documents", split.documents}});
}

// One byte per token of text and none per separator: the counts must agree, or bits per byte would
// be silently wrong.
void check_byte_counts(const JsonReader& json, const SplitInfo& split) {
  if (split.tokens != split.bytes + split.documents) {
    json.at("tokens").fail(
        "must be bytes + documents = " + std::to_string(split.bytes + split.documents) +
        " for tokenizer bytes, got " + std::to_string(split.tokens));
  }
}

std::int64_t read_file_width(const JsonReader& json, std::int64_t vocab_size) {
  const std::int64_t width = json.integer(1, 4);
  if (width == 3) json.fail("must be 1, 2 or 4, got 3");
  if (width < 4 && vocab_size > (std::int64_t{1} << (8 * width))) {
    json.fail("cannot hold " + std::to_string(vocab_size) + " different tokens, got " +
              std::to_string(width));
  }
  return width;
}

std::vector<std::uint8_t> read_token_bytes(const JsonReader& json, const DatasetInfo& info) {
  std::vector<std::uint8_t> implied = implied_token_bytes(info.tokenizer, info.vocab_size);
  if (!implied.empty()) return implied;
  std::vector<std::uint8_t> table;
  for (const JsonReader& entry :
       json.at("token_bytes").elements(static_cast<std::size_t>(info.vocab_size))) {
    table.push_back(static_cast<std::uint8_t>(entry.integer(0, 255)));
  }
  return table;
}

std::string read_hash(const JsonReader& json) {
  std::string hash = json.string();
  if (hash.size() != 16 || hash.find_first_not_of("0123456789abcdef") != hash.npos) {
    json.fail("must be 16 lower-case hex digits, got \"" + hash + "\"");
  }
  return hash;
}

}  // namespace

std::vector<std::uint8_t> implied_token_bytes(std::string_view tokenizer, std::int64_t vocab_size) {
  if (tokenizer != "bytes" && tokenizer != "raw_bytes") return {};
  std::vector<std::uint8_t> table(static_cast<std::size_t>(vocab_size), 1);
  if (tokenizer == "bytes") table[0] = 0;
  return table;
}

Sidecar load_sidecar(const std::filesystem::path& file) {
  const JsonFile json = read_json_file(file);
  const JsonReader root = json.reader();
  root.require_schema(kSchema);
  root.allow_only({"schema", "name", "tokenizer", "vocab_size", "bytes_per_token_file", "splits",
                   "hash", "source", "token_bytes"});
  DatasetInfo info;
  info.name = root.at("name").string();
  if (!is_safe_name(info.name)) root.at("name").fail("must be 1 to 100 of [A-Za-z0-9._-]");
  if (is_generated_name(info.name)) {
    root.at("name").fail("must not be that of a built-in source, got \"" + info.name + "\"");
  }
  info.tokenizer = root.at("tokenizer").string();
  const bool bytes = info.tokenizer == "bytes" || info.tokenizer == "raw_bytes";
  info.vocab_size = root.at("vocab_size").integer(2, bytes ? 256 : kMaxVocabulary);
  info.bytes_per_token_file = read_file_width(root.at("bytes_per_token_file"), info.vocab_size);
  const JsonReader splits = root.at("splits");
  splits.allow_only({"train", "validation"});
  info.train = read_split(splits.at("train"));
  info.validation = read_split(splits.at("validation"));
  if (info.tokenizer == "bytes") {
    check_byte_counts(splits.at("train"), info.train);
    check_byte_counts(splits.at("validation"), info.validation);
  }
  info.hash = read_hash(root.at("hash"));
  info.source = root.at("source").string();
  return {info, read_token_bytes(root, info)};
}

void save_sidecar(const Sidecar& sidecar, const std::filesystem::path& file) {
  const DatasetInfo& info = sidecar.info;
  Json json = Json::object({{"schema", kSchema},
                            {"name", info.name},
                            {"tokenizer", info.tokenizer},
                            {"vocab_size", info.vocab_size},
                            {"bytes_per_token_file", info.bytes_per_token_file},
                            {"splits", Json::object({{"train", split_json(info.train)},
                                                     {"validation", split_json(info.validation)}})},
                            {"hash", info.hash},
                            {"source", info.source}});
  if (implied_token_bytes(info.tokenizer, info.vocab_size).empty()) {
    Json table = Json::array();
    for (const std::uint8_t n_bytes : sidecar.token_bytes) table.push_back(std::int64_t{n_bytes});
    json.set("token_bytes", table);
  }
  write_json_file(json, file);
}

}  // namespace isoflop
