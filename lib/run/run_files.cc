// SPDX-License-Identifier: Apache-2.0
#include "run/run_files.h"

#include <algorithm>
#include <fstream>

#include "base/json.h"
#include "base/text.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

constexpr char kFailureSchema[] = "isoflop.failure/1";

std::filesystem::path failure_file(const std::filesystem::path& run_folder) {
  return run_folder / "failure.json";
}

}  // namespace

std::string RecordFile::complaint() const {
  if (!record || is_final()) return damage;
  const std::string outcome(to_string(record->outcome));
  return record->message.empty() ? outcome : outcome + ": " + record->message;
}

RecordFile read_record(const RunStore& store, const std::string& run_id) {
  try {
    return {store.find(run_id), ""};
  } catch (const Error& error) {
    return {std::nullopt, error.what()};
  }
}

std::filesystem::path set_aside(const std::filesystem::path& record_file) {
  std::filesystem::path aside;
  for (int i = 1; aside.empty() || std::filesystem::exists(aside); ++i) {
    aside = record_file.string() + ".damaged." + std::to_string(i);
  }
  std::error_code status;
  std::filesystem::rename(record_file, aside, status);
  if (status) {
    throw Error(ErrorCode::io, record_file.string() + ": cannot rename: " + status.message());
  }
  return aside;
}

void note_failure(const std::filesystem::path& run_folder, const std::string& message) {
  write_json_file(Json::object({{"schema", kFailureSchema}, {"message", message}}),
                  failure_file(run_folder));
}

void clear_failure(const std::filesystem::path& run_folder) {
  std::error_code ignored;
  std::filesystem::remove(failure_file(run_folder), ignored);
}

std::optional<std::string> read_failure(const std::filesystem::path& run_folder) {
  std::error_code status;
  if (!std::filesystem::exists(failure_file(run_folder), status)) return std::nullopt;
  try {
    return read_json_file(failure_file(run_folder)).reader().at("message").string();
  } catch (const Error& error) {
    return error.what();
  }
}

std::string last_line(const std::filesystem::path& file) {
  constexpr std::streamoff kTail = 4096;
  constexpr std::size_t kLongest = 200;
  std::ifstream stream(file, std::ios::binary | std::ios::ate);
  if (!stream) return "";
  const std::streamoff size = stream.tellg();
  stream.seekg(std::max<std::streamoff>(0, size - kTail));
  std::string tail(static_cast<std::size_t>(std::min(size, kTail)), '\0');
  stream.read(tail.data(), static_cast<std::streamsize>(tail.size()));
  const std::string_view text = trim(tail);
  const std::size_t newline = text.rfind('\n');
  const std::string_view line = newline == std::string_view::npos ? text : text.substr(newline + 1);
  return std::string(trim(line).substr(0, kLongest));
}

}  // namespace isoflop
