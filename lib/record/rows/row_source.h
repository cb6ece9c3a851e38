// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

/// Rows of cells under named columns, one at a time, whatever the file's format.
class RowSource {
 public:
  RowSource() = default;
  virtual ~RowSource() = default;
  RowSource(const RowSource&) = delete;
  RowSource& operator=(const RowSource&) = delete;

  [[nodiscard]] virtual const std::vector<std::string>& header() const = 0;
  /// For runs of many moments: each row is to be of the last moment that has values in these
  /// fields, those of what was measured, whatever else was written later.
  virtual void align_to(std::span<const std::size_t> fields) { static_cast<void>(fields); }
  /// Moves to the next row; false at the end. Throws Error(parse) where the file cannot be followed
  /// any further.
  virtual bool next() = 0;
  /// Makes fields() those of the row, as many as the header has. Throws Error(parse) for a defect
  /// of this row alone.
  virtual void read() = 0;
  /// Valid until next(); an empty one is absent.
  [[nodiscard]] virtual std::span<const std::string_view> fields() const = 0;
  [[nodiscard]] virtual std::int64_t row() const = 0;
  /// Throws Error(parse) naming file and row.
  [[noreturn]] virtual void fail(const std::string& complaint) const = 0;
  /// The same, and the column.
  [[noreturn]] virtual void fail_in(const std::string& column,
                                    const std::string& complaint) const = 0;
  /// "row 1" where a complaint about the header is to be placed; empty where there is none.
  [[nodiscard]] virtual std::string header_place() const = 0;
};

[[nodiscard]] std::unique_ptr<RowSource> csv_rows(const std::filesystem::path& file);
[[nodiscard]] std::unique_ptr<RowSource> jsonl_rows(const std::filesystem::path& file);
/// A chart's runs, each with the last value it has; with `runs_table`, joined by name.
[[nodiscard]] std::unique_ptr<RowSource> wandb_chart_rows(const std::filesystem::path& file,
                                                          const std::filesystem::path& runs_table);
/// Whether a CSV's header is that of a chart: columns "<run> - <metric>".
[[nodiscard]] bool is_wandb_chart(const std::vector<std::string>& header);
/// A row per folder with event files: every scalar as it was at the run's last step, or, once
/// aligned, at that of the last loss; that `step`, and `wall_time`.
[[nodiscard]] std::unique_ptr<RowSource> event_rows(const std::filesystem::path& file_or_folder);

}  // namespace isoflop
