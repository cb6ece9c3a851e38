// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint/checkpoint_state.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "base/build_info.h"
#include "base/hash.h"
#include "base/json.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

constexpr std::string_view kSchema = "isoflop.checkpoint/1";
constexpr std::string_view kBeforeHash = "  \"hash\": \"", kAfterHash = "\"\n}\n";
constexpr std::size_t kHashDigits = 16;
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

/// A number; a string with the bits in hexadecimal where JSON has no number for it.
Json exact_json(double value) {
  if (std::isfinite(value) && !(value == 0 && std::signbit(value))) return value;
  char digits[16];
  const auto end = std::to_chars(digits, digits + 16, std::bit_cast<std::uint64_t>(value), 16).ptr;
  return std::string_view(digits, static_cast<std::size_t>(end - digits));
}

double exact_double(const JsonReader& reader) {
  if (!reader.is_string()) return reader.number();
  const std::string digits = reader.string();
  const char* end = digits.data() + digits.size();
  std::uint64_t bits = 0;
  const auto [stop, error] = std::from_chars(digits.data(), end, bits, 16);
  if (error != std::errc() || stop != end) reader.fail("must be a number or the bits of one");
  return std::bit_cast<double>(bits);
}

Json to_json(const Progress& progress) {
  Json health = Json::array();
  for (const double value : progress.health) health.push_back(exact_json(value));
  return Json::object({{"steps_done", progress.steps_done},
                       {"last_loss", exact_json(progress.last_loss)},
                       {"late_loss_sum", exact_json(progress.late_loss_sum)},
                       {"late_steps", progress.late_steps},
                       {"train_seconds", exact_json(progress.train_seconds)},
                       {"health", health}});
}

Progress progress_from(const JsonReader& reader) {
  reader.allow_only(
      {"steps_done", "last_loss", "late_loss_sum", "late_steps", "train_seconds", "health"});
  Progress progress;
  progress.steps_done = reader.at("steps_done").integer(0, kMax);
  progress.last_loss = exact_double(reader.at("last_loss"));
  progress.late_loss_sum = exact_double(reader.at("late_loss_sum"));
  progress.late_steps = reader.at("late_steps").integer(0, kMax);
  progress.train_seconds = exact_double(reader.at("train_seconds"));
  for (const JsonReader& value : reader.at("health").elements()) {
    progress.health.push_back(exact_double(value));
  }
  return progress;
}

Json to_json(const CheckpointFile& file) {
  Json tensors = Json::object();
  for (const auto& [name, hash] : file.tensor_hashes) tensors.add(name, hash);
  return Json::object(
      {{"bytes", file.n_bytes}, {"header", file.header_hash}, {"tensors", std::move(tensors)}});
}

CheckpointFile file_from(const std::string& name, const JsonReader& reader) {
  reader.allow_only({"bytes", "header", "tensors"});
  CheckpointFile file{name, reader.at("bytes").integer(0, kMax), reader.at("header").string(), {}};
  for (const auto& [tensor, hash] : reader.at("tensors").members()) {
    file.tensor_hashes.emplace(tensor, hash.string());
  }
  return file;
}

std::string last_line(std::string_view before) {
  return std::string(kBeforeHash) + hash_hex(before) + std::string(kAfterHash);
}

bool is_whole(std::string_view text) {
  constexpr std::size_t kLength = kBeforeHash.size() + kHashDigits + kAfterHash.size();
  if (text.size() < kLength) return false;
  const std::string_view before = text.substr(0, text.size() - kLength);
  return text.substr(before.size()) == last_line(before);
}

}  // namespace

std::string checkpoint_state_text(const CheckpointState& state) {
  const BuildInfo build = build_info();
  Json files = Json::object();
  for (const CheckpointFile& file : state.files) files.set(file.name, to_json(file));
  const Json document = Json::object({{"schema", kSchema},
                                      {"identity", state.identity},
                                      {"version", build.version},
                                      {"git_commit", build.git_commit},
                                      {"progress", to_json(state.progress)},
                                      {"files", std::move(files)},
                                      {"hash", ""}});
  std::string text = document.pretty();
  text.resize(text.size() - kBeforeHash.size() - kAfterHash.size());
  return text + last_line(text);
}

CheckpointState parse_checkpoint_state(std::string_view text, const std::string& file) {
  const Json document = parse_json(text, file);
  const JsonReader reader(document, file);
  reader.require_schema(kSchema);
  if (!is_whole(text)) {
    throw Error(ErrorCode::parse, file + ": is damaged: its hash is not that of its content");
  }
  reader.allow_only({"schema", "identity", "version", "git_commit", "progress", "files", "hash"});
  CheckpointState state;
  state.identity = reader.at("identity").string();
  state.progress = progress_from(reader.at("progress"));
  for (const auto& [name, member] : reader.at("files").members()) {
    state.files.push_back(file_from(name, member));
  }
  return state;
}

}  // namespace isoflop
