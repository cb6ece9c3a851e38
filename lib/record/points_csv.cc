// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "base/atomic_file.h"
#include "base/text.h"
#include "isoflop/error.h"
#include "isoflop/point.h"
#include "record/frame_watch.h"
#include "record/point_checks.h"
#include "record/point_columns.h"
#include "record/rows/csv_header.h"

namespace isoflop {
namespace {

constexpr std::string_view kRowLabel = "row ";
constexpr std::string_view kActiveParams = "active_params";  // N of a mixture of experts

std::string row_label(std::int64_t row) { return std::string(kRowLabel) + std::to_string(row); }

constexpr double kSameCount = 1e-3;  // up to printed digits

/// Where each column of ours is in the file's rows, and what else is there.
struct Layout {
  std::vector<std::string> header;
  std::array<std::optional<std::size_t>, kPointColumnCount> field;
  std::vector<std::size_t> others;                            // but for `outlier`
  std::optional<std::size_t> outlier, convention, tokenizer;  // the latter two are others as well
  [[nodiscard]] const std::string& name(PointColumn column) const { return header[*field[column]]; }
};

std::size_t index_in(const std::vector<std::string>& names, const std::string& name) {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

void apply_column_map(const std::map<std::string, std::string>& columns, const std::string& file,
                      std::array<std::string, kPointColumnCount>& wanted,
                      const std::vector<std::string>& header) {
  for (const auto& [ours, theirs] : columns) {
    const PointColumn column = point_column(ours, "columns");
    if (index_in(header, theirs) == header.size()) {
      throw Error(ErrorCode::parse, file + ": row 1: has no column " + theirs + " (wanted as " +
                                        ours + "); it has " + join(header, ", ") +
                                        did_you_mean(theirs, header));
    }
    for (const auto& [other, same] : columns) {
      if (other < ours && same == theirs) {
        throw Error(ErrorCode::invalid_argument,
                    "columns: " + theirs + " is wanted as " + other + " and as " + ours);
      }
    }
    wanted[column] = theirs;
  }
}

/// What others call our columns.
constexpr std::pair<PointColumn, std::string_view> kForeignNames[] = {{kTokens, "D"},
                                                                      {kTokens, "n_tokens"},
                                                                      {kTokens, "train_tokens"},
                                                                      {kTokens, "num_tokens"},
                                                                      {kLoss, "val_loss"},
                                                                      {kLoss, "eval_loss"},
                                                                      {kLoss, "test_loss"},
                                                                      {kLoss, "L"},
                                                                      {kParams, "N"},
                                                                      {kParams, "n_params"},
                                                                      {kParams, "num_params"},
                                                                      {kParams, "parameters"},
                                                                      {kPeakLr, "lr"},
                                                                      {kPeakLr, "max_lr"},
                                                                      {kPeakLr, "learning_rate"},
                                                                      {kBatchTokens, "batch"}};
constexpr std::string_view kPerplexities[] = {"perplexity", "ppl", "val_ppl"};

/// "; --columns tokens=D,loss=val_loss takes these", of all that others call otherwise.
std::string columns_hint(const Layout& layout) {
  const auto has = [&](std::string_view name) {
    return index_in(layout.header, std::string(name)) < layout.header.size();
  };
  for (const std::string_view name : kPerplexities) {
    if (!has(name) || layout.field[kLoss] || layout.field[kBitsPerByte]) continue;
    return "; isoflop import csv --columns loss=" + std::string(name) +
           " --units loss=ppl takes perplexities";
  }
  std::vector<std::string> pairs;
  std::optional<PointColumn> last;
  for (const auto& [ours, theirs] : kForeignNames) {
    if (layout.field[ours] || last == ours || !has(theirs)) continue;
    pairs.push_back(std::string(kPointColumnNames[ours]) + "=" + std::string(theirs));
    last = ours;
  }
  return pairs.empty() ? "" : "; --columns " + join(pairs, ",") + " takes these";
}

void require_columns(const Layout& layout, const std::string& file) {
  const auto need = [&](std::initializer_list<PointColumn> any_of) {
    std::vector<std::string> names;
    for (const PointColumn column : any_of) {
      if (layout.field[column]) return;
      names.emplace_back(kPointColumnNames[column]);
    }
    throw Error(ErrorCode::parse, file + ": row 1: has no column " + join(names, " or ") +
                                      "; it has " + join(layout.header, ", ") +
                                      did_you_mean(names.front(), layout.header) +
                                      columns_hint(layout));
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
  layout.header = csv_header(csv);
  std::array<std::string, kPointColumnCount> wanted;
  std::copy(kPointColumnNames.begin(), kPointColumnNames.end(), wanted.begin());
  apply_column_map(options.columns, csv.file(), wanted, layout.header);
  std::set<std::size_t> taken;
  for (std::size_t column = 0; column < kPointColumnCount; ++column) {
    const std::size_t index = index_in(layout.header, wanted[column]);
    if (index == layout.header.size()) continue;
    layout.field[column] = index;
    if (!taken.insert(index).second) {
      csv.fail(": the column " + layout.header[index] + " is wanted as two columns of ours, one " +
               std::string(kPointColumnNames[column]));
    }
  }
  const std::size_t active = index_in(layout.header, std::string(kActiveParams));
  if (!layout.field[kParams] && active < layout.header.size() && taken.insert(active).second) {
    layout.field[kParams] = active;
  }
  for (std::size_t i = 0; i < layout.header.size(); ++i) {
    if (taken.contains(i)) continue;
    if (layout.header[i] == kOutlierName) {
      layout.outlier = i;
    } else {
      layout.others.push_back(i);
      if (layout.header[i] == "convention") layout.convention = i;
      if (layout.header[i] == "tokenizer") layout.tokenizer = i;
    }
  }
  require_columns(layout, csv.file());
  if (layout.field[kLoss] && names_perplexity(layout.name(kLoss))) {
    csv.fail(", column " + layout.name(kLoss) +
             ": holds perplexities, by its name; isoflop import --units loss=ppl converts them");
  }
  return layout;
}

/// Reads the cells of one row; every complaint names row, column and value.
class RowReader {
 public:
  RowReader(const CsvReader& csv, const Layout& layout) : csv_(csv), layout_(layout) {}

  [[nodiscard]] std::string_view text(PointColumn column) const {
    return layout_.field[column] ? csv_.fields()[*layout_.field[column]] : std::string_view();
  }
  [[nodiscard]] std::optional<double> positive(PointColumn column) const {
    const std::string_view cell = text(column);
    if (cell.empty()) return std::nullopt;
    const std::optional<double> value = parse_quantity(cell);
    if (!value) complain(column, quantity_complaint(cell));
    if (const auto complaint = count_complaint(column, cell)) complain(column, *complaint);
    return value;
  }
  [[nodiscard]] std::optional<std::int64_t> integer(PointColumn column) const {
    const std::string_view cell = text(column);
    if (cell.empty()) return std::nullopt;
    const std::optional<std::int64_t> value = parse_integer(cell);
    if (!value) complain(column, "must be an integer, got \"" + std::string(cell) + "\"");
    return value;
  }
  /// The row must have a value in one of two columns.
  void require_either(bool has, PointColumn a, PointColumn b) const {
    if (!has) complain(layout_.field[a] ? a : b, "is empty, must be a number > 0");
  }
  void require_all_fields() const {
    const std::size_t n = csv_.fields().size(), expected = layout_.header.size();
    if (n == expected) return;
    csv_.fail(": has " + std::to_string(n) + " fields, the header has " + std::to_string(expected) +
              (csv_.unterminated() ? "; the file ends within this row, without a newline" : ""));
  }

  /// N of a mixture of experts are the active parameters, whatever the column is called.
  void require_active(const Point& point) const {
    const auto active = point.other.find(std::string(kActiveParams));
    if (active == point.other.end()) return;
    const std::optional<double> value = parse_quantity(active->second);
    const std::string column = ", column " + active->first + ": ";
    if (!value) csv_.fail(column + quantity_complaint(active->second));
    if (!point.params || std::abs(*value / *point.params - 1) <= kSameCount) return;
    csv_.fail(
        column + "is " + active->second + ", but " + layout_.name(kParams) + " is " +
        exact_text(*point.params) +
        "; N of a mixture of experts are its active parameters: call all of them total_params");
  }
  void require_consistent(const Point& point) const {
    if (const auto fault = fault_of(point)) complain(fault->column, fault->what);
  }

 private:
  [[noreturn]] void complain(PointColumn column, const std::string& what) const {
    csv_.fail(
        ", column " +
        (layout_.field[column] ? layout_.name(column) : std::string(kPointColumnNames[column])) +
        ": " + what);
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
  row.require_consistent(point);
  point.dataset = row.text(kDataset);
  point.seed = row.integer(kSeed);
  point.trunk = row.text(kTrunk);
  point.label = row.text(kRunId);
  if (point.label.empty()) point.label = row_label(csv.row());
  if (layout.convention) {
    const auto complaint = convention_complaint(csv.fields()[*layout.convention]);
    if (complaint) csv.fail(", column convention: " + *complaint);
  }
  for (const std::size_t i : layout.others) {
    if (!csv.fields()[i].empty()) point.other.emplace(layout.header[i], csv.fields()[i]);
  }
  row.require_active(point);
  return point;
}

/// What the column `outlier` says; nothing where it is of another meaning.
std::optional<bool> outlier_of(const CsvReader& csv, const Layout& layout) {
  if (!layout.outlier) return false;
  return parse_flag(csv.fields()[*layout.outlier]);
}

/// Reads the row that `csv` is at. False where it is an outlier to be left out.
bool add_row(const CsvReader& csv, const Layout& layout, const PointsCsvOptions& options,
             UnitWatch& watch, PointSet& set) {
  Point point = read_point(csv, layout);
  const std::optional<bool> outlier = outlier_of(csv, layout);
  if (!outlier && options.skip_outliers) {
    csv.fail(", column " + std::string(kOutlierName) + ": must be empty, 0 or 1, got \"" +
             std::string(csv.fields()[*layout.outlier]) + "\"");
  }
  if (outlier.value_or(false)) {
    ++set.n_outliers;
    if (options.skip_outliers) return false;
  }
  if (outlier != false) {
    point.other.emplace(kOutlierName, csv.fields()[*layout.outlier]);
  }
  watch.see(point, csv.row());
  set.points.push_back(std::move(point));
  return true;
}

void watch_frame(const CsvReader& csv, const Layout& layout, const Point& point,
                 FrameWatch& frame) {
  frame.see_metric(point, csv.row());
  frame.see_size(point, csv.row());
  if (layout.convention) frame.see_convention(csv.fields()[*layout.convention], csv.row());
  if (layout.field[kDataset]) frame.see_dataset(point.dataset, csv.row());
  if (layout.tokenizer) frame.see_tokenizer(csv.fields()[*layout.tokenizer], csv.row());
}

Frame common_frame(const std::vector<Point>& points, const FrameWatch& watch) {
  Frame frame;
  watch.state(frame);
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
                                    csv_cell(point.dataset),
                                    point.seed ? std::to_string(*point.seed) : "",
                                    csv_cell(point.trunk),
                                    csv_cell(point.label)};
  for (const std::string& name : others) {
    const auto found = point.other.find(name);
    cells.push_back(found == point.other.end() ? "" : csv_cell(found->second));
  }
  return join(cells, ",") + "\n";
}

}  // namespace

bool has_run_id(const Point& point) {
  const std::string_view label = point.label;
  if (label.empty()) return false;
  return !label.starts_with(kRowLabel) ||
         !parse_integer(std::string(label.substr(kRowLabel.size())));
}

PointSet load_points_csv(const std::filesystem::path& file, const PointsCsvOptions& options) {
  CsvReader csv(file);
  const Layout layout = read_header(csv, options);
  PointSet set;
  UnitWatch watch;
  FrameWatch frame(csv.file());
  while (csv.next()) {
    bool is_added = false;
    try {
      is_added = add_row(csv, layout, options, watch, set);
    } catch (const Error&) {
      if (!options.skip_bad_rows) throw;
      ++set.n_skipped_rows;
    }
    if (is_added) watch_frame(csv, layout, set.points.back(), frame);
    if (options.max_points && static_cast<std::int64_t>(set.points.size()) > *options.max_points) {
      csv.fail(": has more than " + std::to_string(*options.max_points) +
               " points before it; fit a sample of the rows, or the last point of each run");
    }
  }
  set.warnings = watch.warnings();
  set.frame = common_frame(set.points, frame);
  return set;
}

void save_points_csv(std::span<const Point> points, const std::filesystem::path& file) {
  std::set<std::string> others;
  for (const Point& point : points) {
    for (const auto& [name, value] : point.other) others.insert(name);
  }
  std::vector<std::string> header = point_column_names();
  for (const std::string& name : others) header.push_back(csv_cell(name));
  std::string text = join(header, ",") + "\n";
  for (const Point& point : points) text += row_text(point, others);
  write_file_atomically(file, text);
}

}  // namespace isoflop
