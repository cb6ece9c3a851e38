// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "base/atomic_file.h"
#include "base/text.h"
#include "isoflop/error.h"
#include "isoflop/point.h"
#include "record/csv_reader.h"

namespace isoflop {
namespace {

enum Column : std::size_t {
  kParams,
  kFlopsPerToken,
  kTokens,
  kCompute,
  kBudget,
  kLoss,
  kBitsPerByte,
  kBatchTokens,
  kPeakLr,
  kDataset,
  kSeed,
  kTrunk,
  kRunId,
  kColumnCount
};
constexpr std::array<std::string_view, kColumnCount> kNames = {
    "params",       "flops_per_token", "tokens",  "compute", "budget", "loss",  "bits_per_byte",
    "batch_tokens", "peak_lr",         "dataset", "seed",    "trunk",  "run_id"};

std::vector<std::string> known_names() { return {kNames.begin(), kNames.end()}; }

/// Where each column of ours is in the file's rows, and what else is there.
struct Layout {
  std::vector<std::string> header;
  std::array<std::optional<std::size_t>, kColumnCount> field;
  std::vector<std::size_t> others;
  [[nodiscard]] const std::string& name(Column column) const { return header[*field[column]]; }
};

std::size_t index_in(const std::vector<std::string>& names, const std::string& name) {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

void apply_column_map(const std::map<std::string, std::string>& columns, const std::string& file,
                      std::array<std::string, kColumnCount>& wanted,
                      const std::vector<std::string>& header) {
  for (const auto& [ours, theirs] : columns) {
    const auto known = std::find(kNames.begin(), kNames.end(), ours);
    if (known == kNames.end()) {
      throw Error(ErrorCode::invalid_argument,
                  "columns: " + ours + " is no column of ours; there are " +
                      join(known_names(), ", ") + did_you_mean(ours, known_names()));
    }
    if (index_in(header, theirs) == header.size()) {
      throw Error(ErrorCode::parse, file + ": row 1: has no column " + theirs + " (wanted as " +
                                        ours + "); it has " + join(header, ", ") +
                                        did_you_mean(theirs, header));
    }
    wanted[static_cast<std::size_t>(known - kNames.begin())] = theirs;
  }
}

void require_columns(const Layout& layout, const std::string& file) {
  const auto need = [&](std::initializer_list<Column> any_of) {
    std::vector<std::string> names;
    for (const Column column : any_of) {
      if (layout.field[column]) return;
      names.emplace_back(kNames[column]);
    }
    throw Error(ErrorCode::parse, file + ": row 1: has no column " + join(names, " or ") +
                                      "; it has " + join(layout.header, ", ") +
                                      did_you_mean(names.front(), layout.header));
  };
  need({kTokens});
  need({kLoss, kBitsPerByte});
  need({kParams, kFlopsPerToken});
}

Layout read_header(CsvReader& csv, const PointsCsvOptions& options) {
  if (!csv.next()) {
    throw Error(ErrorCode::parse, csv.file() +
                                      ": is empty, expected a header row with tokens, "
                                      "loss or bits_per_byte, params or flops_per_token");
  }
  Layout layout;
  layout.header.assign(csv.fields().begin(), csv.fields().end());
  std::set<std::string> seen;
  for (const std::string& name : layout.header) {
    if (!seen.insert(name).second) csv.fail(": the column " + name + " appears twice");
  }
  std::array<std::string, kColumnCount> wanted;
  std::copy(kNames.begin(), kNames.end(), wanted.begin());
  apply_column_map(options.columns, csv.file(), wanted, layout.header);
  std::set<std::size_t> taken;
  for (std::size_t column = 0; column < kColumnCount; ++column) {
    const std::size_t index = index_in(layout.header, wanted[column]);
    if (index == layout.header.size()) continue;
    layout.field[column] = index;
    taken.insert(index);
  }
  for (std::size_t i = 0; i < layout.header.size(); ++i) {
    if (!taken.contains(i)) layout.others.push_back(i);
  }
  require_columns(layout, csv.file());
  return layout;
}

/// Reads the cells of one row; every complaint names row, column and value.
class RowReader {
 public:
  RowReader(const CsvReader& csv, const Layout& layout) : csv_(csv), layout_(layout) {}

  [[nodiscard]] std::string_view text(Column column) const {
    return layout_.field[column] ? csv_.fields()[*layout_.field[column]] : std::string_view();
  }
  [[nodiscard]] std::optional<double> positive(Column column) const {
    const std::string_view cell = text(column);
    if (cell.empty()) return std::nullopt;
    const std::optional<double> value = parse_double(cell);
    if (!value || !std::isfinite(*value) || *value <= 0) {
      complain(column, "must be a number > 0, got \"" + std::string(cell) + "\"");
    }
    return value;
  }
  [[nodiscard]] std::optional<std::int64_t> integer(Column column) const {
    const std::string_view cell = text(column);
    if (cell.empty()) return std::nullopt;
    const std::optional<std::int64_t> value = parse_integer(cell);
    if (!value) complain(column, "must be an integer, got \"" + std::string(cell) + "\"");
    return value;
  }
  /// The row must have a value in one of two columns.
  void require_either(bool has, Column a, Column b) const {
    if (!has) complain(layout_.field[a] ? a : b, "is empty, must be a number > 0");
  }
  void require_all_fields() const {
    const std::size_t n = csv_.fields().size(), expected = layout_.header.size();
    if (n == expected) return;
    csv_.fail(": has " + std::to_string(n) + " fields, the header has " + std::to_string(expected) +
              (csv_.unterminated() ? "; the file ends within this row, without a newline" : ""));
  }

 private:
  [[noreturn]] void complain(Column column, const std::string& what) const {
    csv_.fail(", column " + layout_.name(column) + ": " + what);
  }
  const CsvReader& csv_;
  const Layout& layout_;
};

Point read_point(const CsvReader& csv, const Layout& layout) {
  const RowReader row(csv, layout);
  row.require_all_fields();
  Point point;
  point.params = row.positive(kParams);
  point.flops_per_token = row.positive(kFlopsPerToken);
  row.require_either(point.params || point.flops_per_token, kParams, kFlopsPerToken);
  const std::optional<double> tokens = row.positive(kTokens);
  row.require_either(tokens.has_value(), kTokens, kTokens);
  point.tokens = *tokens;
  point.loss = row.positive(kLoss);
  point.bits_per_byte = row.positive(kBitsPerByte);
  row.require_either(point.loss || point.bits_per_byte, kLoss, kBitsPerByte);
  point.compute = row.positive(kCompute);
  point.budget = row.positive(kBudget);
  point.batch_tokens = row.positive(kBatchTokens);
  point.peak_lr = row.positive(kPeakLr);
  point.dataset = row.text(kDataset);
  point.seed = row.integer(kSeed);
  point.trunk = row.text(kTrunk);
  point.label = row.text(kRunId);
  if (point.label.empty()) point.label = "row " + std::to_string(csv.row());
  for (const std::size_t i : layout.others) {
    if (!csv.fields()[i].empty()) point.other.emplace(layout.header[i], csv.fields()[i]);
  }
  return point;
}

Frame common_frame(const std::vector<Point>& points) {
  Frame frame;
  if (points.empty()) return frame;
  const auto all = [&](const auto& holds) {
    return std::all_of(points.begin(), points.end(), holds);
  };
  if (all([&](const Point& point) { return point.dataset == points.front().dataset; })) {
    frame.dataset = points.front().dataset;
  }
  if (all([](const Point& point) { return point.bits_per_byte.has_value(); })) {
    frame.metric = Metric::bits_per_byte;
  }
  return frame;
}

std::string cell(const std::string& text) {
  const bool plain = text.find_first_of(",\"\r\n") == std::string::npos && trim(text) == text;
  if (plain) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

std::string cell(const std::optional<double>& value) { return value ? exact_text(*value) : ""; }

std::string row_text(const Point& point, const std::set<std::string>& others) {
  std::vector<std::string> cells = {cell(point.params),
                                    cell(point.flops_per_token),
                                    exact_text(point.tokens),
                                    cell(point.compute),
                                    cell(point.budget),
                                    cell(point.loss),
                                    cell(point.bits_per_byte),
                                    cell(point.batch_tokens),
                                    cell(point.peak_lr),
                                    cell(point.dataset),
                                    point.seed ? std::to_string(*point.seed) : "",
                                    cell(point.trunk),
                                    cell(point.label)};
  for (const std::string& name : others) {
    const auto found = point.other.find(name);
    cells.push_back(found == point.other.end() ? "" : cell(found->second));
  }
  return join(cells, ",") + "\n";
}

}  // namespace

PointSet load_points_csv(const std::filesystem::path& file, const PointsCsvOptions& options) {
  CsvReader csv(file);
  const Layout layout = read_header(csv, options);
  PointSet set;
  while (csv.next()) {
    try {
      set.points.push_back(read_point(csv, layout));
    } catch (const Error&) {
      if (!options.skip_bad_rows) throw;
      ++set.n_skipped_rows;
    }
  }
  set.frame = common_frame(set.points);
  return set;
}

void save_points_csv(std::span<const Point> points, const std::filesystem::path& file) {
  std::set<std::string> others;
  for (const Point& point : points) {
    for (const auto& [name, value] : point.other) others.insert(name);
  }
  std::vector<std::string> header = known_names();
  for (const std::string& name : others) header.push_back(cell(name));
  std::string text = join(header, ",") + "\n";
  for (const Point& point : points) text += row_text(point, others);
  write_file_atomically(file, text);
}

}  // namespace isoflop
