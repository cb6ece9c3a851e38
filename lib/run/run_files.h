// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "isoflop/run_record.h"

namespace isoflop {

/// What the record of a run says, as far as it can be read.
struct RecordFile {
  std::optional<RunRecord> record;
  std::string damage;  // why it is not one; empty where there is no file

  [[nodiscard]] bool is_final() const { return record && isoflop::is_final(record->outcome); }
  /// Why the run has to be done again, where the file says so: "out_of_memory: ..." or the damage.
  [[nodiscard]] std::string complaint() const;
};
[[nodiscard]] RecordFile read_record(const RunStore& store, const std::string& run_id);

/// Moves a damaged record.json out of the way, keeping it. Returns its new name.
std::filesystem::path set_aside(const std::filesystem::path& record_file);

/// `failure.json`: why the last attempt left no record. A note for those who look, of no
/// consequence.
void note_failure(const std::filesystem::path& run_folder, const std::string& message);
void clear_failure(const std::filesystem::path& run_folder);
[[nodiscard]] std::optional<std::string> read_failure(const std::filesystem::path& run_folder);

/// The last line of a text file that is not blank, at most 200 bytes of it.
[[nodiscard]] std::string last_line(const std::filesystem::path& file);

}  // namespace isoflop
