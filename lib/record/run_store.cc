// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <system_error>

#include "base/text.h"
#include "isoflop/error.h"
#include "isoflop/run_record.h"

namespace isoflop {

RunStore::RunStore(std::filesystem::path root) : root_(std::move(root)) {}

std::filesystem::path RunStore::run_folder(const std::string& run_id) const {
  if (!is_safe_name(run_id)) {
    throw Error(ErrorCode::invalid_argument,
                "run_id: must be 1 to 100 of A-Z a-z 0-9 . _ -, got \"" + run_id + "\"");
  }
  return root_ / run_id;
}

std::optional<RunRecord> RunStore::find(const std::string& run_id) const {
  const std::filesystem::path file = run_folder(run_id) / "record.json";
  std::error_code status;
  if (!std::filesystem::exists(file, status)) return std::nullopt;
  RunRecord record = load_run_record(file);
  if (record.run_id != run_id) {
    throw Error(ErrorCode::parse, file.string() + ": /run_id: must be " + run_id +
                                      ", the folder's name, got " + record.run_id);
  }
  return record;
}

std::vector<RunRecord> RunStore::all() const {
  std::error_code status;
  std::vector<std::string> ids;
  for (const auto& entry : std::filesystem::directory_iterator(root_, status)) {
    std::string name = entry.path().filename().string();
    if (is_safe_name(name) && entry.is_directory(status)) ids.push_back(std::move(name));
  }
  std::sort(ids.begin(), ids.end());
  std::vector<RunRecord> records;
  for (const std::string& id : ids) {
    if (std::optional<RunRecord> record = find(id)) records.push_back(std::move(*record));
  }
  return records;
}

void RunStore::append(const RunRecord& record) const {
  const std::filesystem::path folder = run_folder(record.run_id);
  std::error_code status;
  std::filesystem::create_directories(folder, status);
  if (status) {
    throw Error(ErrorCode::io, folder.string() + ": cannot create: " + status.message());
  }
  save_run_record(record, folder / "record.json");
}

}  // namespace isoflop
