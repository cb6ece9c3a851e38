// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "isoflop/law.h"
#include "isoflop/run_record.h"

namespace isoflop {

/// One training run as a fit sees it; ours or anybody's.
struct Point {
  std::optional<double> params;           // N, by the file's own convention
  std::optional<double> flops_per_token;  // M
  double tokens = 0;                      // D
  std::optional<double> loss;             // nats per token
  std::optional<double> bits_per_byte;
  std::optional<double> compute;  // as stated by the file
  std::optional<double> budget;   // nominal: points of one iso-FLOP curve share it
  std::optional<double> batch_tokens;
  std::optional<double> peak_lr;
  std::string dataset;
  std::optional<std::int64_t> seed;
  std::string trunk;                         // runs that share a first stage are not independent
  std::string label;                         // run_id, or "row 17" of a foreign file
  std::map<std::string, std::string> other;  // columns we do not know, kept

  /// C: `compute`, else M D, else the budget, else 6 N D.
  [[nodiscard]] double compute_flops() const;
};

/// Whether the label is a run_id and not the row that stands in for it.
[[nodiscard]] bool has_run_id(const Point& point);

/// Points in one frame.
struct PointSet {
  Frame frame;
  std::vector<Point> points;
  std::int64_t n_skipped_rows = 0;
  std::int64_t n_outliers = 0;        // rows with outlier = 1, whether left out or not
  std::vector<std::string> warnings;  // units that cannot be meant
  std::int64_t n_diverged_runs = 0;   // of the sweep, not among the points
};

struct PointsCsvOptions {
  /// Canonical column name -> the file's own, e.g. {"params", "N"}.
  std::map<std::string, std::string> columns;
  bool skip_bad_rows = false;
  bool skip_outliers = false;  // leave out rows whose column `outlier` says 1 or true
  std::optional<std::int64_t> max_points = {};  // more are an error, before they fill the memory
};

/// Reads a points CSV: header row; columns by name, any order; columns we do not know are kept.
/// Needs tokens, loss or bits_per_byte, and params or flops_per_token; an empty cell is absent.
/// `run_id` is the label. Throws Error(parse) naming file, row (the header is row 1), column and
/// value for a row that cannot be used, unless skip_bad_rows, which counts them. Rows with 1 in the
/// column `outlier` are counted. The frame: the data set that all rows name, bits_per_byte if all
/// have it, `convention` and `tokenizer` of the columns so named; throws Error(frame_mismatch)
/// naming both rows where these two differ, or where rows have no metric in common.
[[nodiscard]] PointSet load_points_csv(const std::filesystem::path& file,
                                       const PointsCsvOptions& options = {});
/// Writes atomically, all columns we know and then the others, with enough digits to read back
/// equal doubles.
void save_points_csv(std::span<const Point> points, const std::filesystem::path& file);

}  // namespace isoflop
