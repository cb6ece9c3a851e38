// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "isoflop/model_shape.h"

namespace isoflop {

/// Other people's files of runs, by their layout; docs/formats.md says which columns each has.
enum class ImportFormat {
  csv,          // any, with a column map
  jsonl,        // an object per line; columns are dotted paths
  wandb,        // Weights & Biases: the table of runs, or one chart of several runs
  nanochat,     // results.csv of its scaling-laws script
  chinchilla,   // Epoch AI's digitised figure 4 of arXiv:2203.15556
  steplaw,      // Step Law's grids (arXiv:2503.04715)
  open_athena,  // Open-Athena's collected iso-FLOP curves
  tensorboard,  // event files, a run per folder
};
inline constexpr std::array kAllImportFormats = {
    ImportFormat::csv,         ImportFormat::jsonl,      ImportFormat::wandb,
    ImportFormat::nanochat,    ImportFormat::chinchilla, ImportFormat::steplaw,
    ImportFormat::open_athena, ImportFormat::tensorboard};
/// "csv", ..., "open-athena", "tensorboard".
[[nodiscard]] std::string_view to_string(ImportFormat format);
/// Throws Error(invalid_argument) naming the formats there are.
[[nodiscard]] ImportFormat import_format_from(std::string_view name);

struct ImportOptions {
  ImportFormat format = ImportFormat::csv;
  /// Our column -> theirs, or a sum of theirs: {"params", "params_transformer+params_lm_head"}.
  std::map<std::string, std::string> columns;
  /// Our column -> the unit of theirs, e.g. {"tokens", "B"}, or how many of ours are one of theirs.
  std::map<std::string, std::string> units;
  /// Our column -> the value that every row has in it.
  std::map<std::string, std::string> constants;
  /// Their column -> the value of the rows to take; the others are counted.
  std::map<std::string, std::string> where;
  /// D = C / (6 N) by the file's compute, else its budget; for files without tokens.
  bool tokens_from_compute = false;
  /// Written beside every point as the column `convention`.
  std::optional<FlopsConvention> convention = {};
  /// V: a loss above ln V, that of guessing, makes an outlier.
  std::optional<double> vocab_size = {};
  /// For one chart of several runs: their table, joined by the runs' names.
  std::filesystem::path runs_table = {};
  bool skip_bad_rows = false;
  /// Told of every row that is left out, "FILE: row 3, column loss: ...".
  std::function<void(const std::string&)> on_left_out = {};
};

struct ImportSummary {
  std::int64_t n_rows = 0;                       // without the header
  std::int64_t n_points = 0;                     // written, outliers included
  std::int64_t n_left_out = 0;                   // could not be used
  std::int64_t n_not_asked_for = 0;              // other than `where`
  std::int64_t n_outliers = 0;                   // written with outlier = 1
  std::map<std::string, std::int64_t> outliers;  // rows by reason; a row may have several
  std::vector<std::string> warnings;
};

/// Reads `file` and writes it as a points CSV (point.h), row by row in bounded memory but for 12
/// bytes or so per row that find duplicates. Every row is written, or told of and counted; what is
/// suspect has 1 in the column `outlier` and the reasons in `outlier_reason`. Columns that are none
/// of ours are kept. Numbers that are in our unit are copied digit by digit; powers of ten are
/// applied to the decimal digits, so that 1.1 billion is the double nearest to 1,100,000,000.
/// Replaces `out` atomically. Throws Error(parse) naming file, row and column (for JSON line and
/// path) and Error(invalid_argument) for options that do not fit.
ImportSummary import_points(const std::filesystem::path& file, const std::filesystem::path& out,
                            const ImportOptions& options);

}  // namespace isoflop
