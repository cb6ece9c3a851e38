// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "base/atomic_file.h"
#include "base/text.h"
#include "isoflop/error.h"
#include "isoflop/import.h"
#include "isoflop/point.h"
#include "record/csv_reader.h"
#include "record/import_columns.h"
#include "record/outlier_rules.h"
#include "record/point_checks.h"

namespace isoflop {
namespace {

constexpr std::size_t kWriteChunk = std::size_t{1} << 18;

/// The file's rows as points.
class PointRows {
 public:
  PointRows(RowSource& rows, const ImportColumns& columns) : rows_(rows), columns_(columns) {}

  /// Of the row that was read. Throws Error(parse) naming file, row and column.
  void read(Point& point) const {
    point.params = quantity(kParams);
    point.flops_per_token = quantity(kFlopsPerToken);
    require(point.params || point.flops_per_token, kParams, kFlopsPerToken);
    point.compute = quantity(kCompute);
    point.budget = quantity(kBudget);
    read_tokens(point);
    point.loss = quantity(kLoss);
    point.bits_per_byte = quantity(kBitsPerByte);
    if (columns_.loss_is_bits_per_byte) std::swap(point.loss, point.bits_per_byte);
    require(point.loss || point.bits_per_byte, kLoss, kBitsPerByte);
    point.batch_tokens = quantity(kBatchTokens);
    point.peak_lr = quantity(kPeakLr);
    point.seed = integer(kSeed);
    point.dataset = text(kDataset);
    if (const auto fault = fault_of(point)) complain(fault->column, fault->what);
  }

  /// The cell of a column that is not converted.
  [[nodiscard]] std::string_view text(PointColumn column) const {
    const ColumnOrigin& origin = columns_.ours[column];
    if (origin.constant) return *origin.constant;
    return origin.fields.empty() ? std::string_view() : rows_.fields()[origin.fields.front()];
  }
  [[nodiscard]] bool is_asked_for() const {
    for (const auto& [field, value] : columns_.where) {
      if (rows_.fields()[field] != value) return false;
    }
    return true;
  }

 private:
  std::optional<double> quantity(PointColumn column) const {
    const ColumnOrigin& origin = columns_.ours[column];
    if (origin.constant) return parse_quantity(*origin.constant);
    std::optional<double> sum;
    for (const std::size_t field : origin.fields) {
      const std::string_view cell = rows_.fields()[field];
      if (cell.empty()) return std::nullopt;
      const std::optional<double> value = parse_in_unit(cell, origin.unit);
      if (!value) rows_.fail_in(rows_.header()[field], quantity_complaint(cell));
      sum = sum.value_or(0) + *value;
    }
    return sum;
  }
  std::optional<std::int64_t> integer(PointColumn column) const {
    const std::string_view cell = text(column);
    if (cell.empty()) return std::nullopt;
    const std::optional<std::int64_t> value = parse_integer(cell);
    if (!value) complain(column, "must be an integer, got \"" + std::string(cell) + "\"");
    return value;
  }
  void read_tokens(Point& point) const {
    if (!columns_.tokens_from_compute) {
      const std::optional<double> tokens = quantity(kTokens);
      require(tokens.has_value(), kTokens, kTokens);
      point.tokens = *tokens;
    } else {
      require(point.params.has_value(), kParams, kParams);
      require(point.compute.has_value(), kCompute, kCompute);
      point.tokens = *point.compute / (6 * *point.params);
    }
  }
  void require(bool has, PointColumn a, PointColumn b) const {
    if (!has) complain(columns_.ours[a].fields.empty() ? b : a, "is empty, must be a number > 0");
  }
  void complain(PointColumn column, const std::string& what) const {
    const std::vector<std::size_t>& fields = columns_.ours[column].fields;
    rows_.fail_in(
        fields.empty() ? std::string(kPointColumnNames[column]) : rows_.header()[fields.front()],
        what);
  }
  RowSource& rows_;
  const ImportColumns& columns_;
};

/// The points CSV, as it goes.
class PointWriter {
 public:
  PointWriter(const std::filesystem::path& file, const ImportColumns& columns,
              std::optional<FlopsConvention> convention)
      : file_(file), columns_(columns) {
    if (convention) convention_ = to_string(*convention);
    buffer_ = join(point_column_names(), ",") + "," + std::string(kOutlierName) + "," +
              std::string(kOutlierReasonName);
    if (!convention_.empty()) buffer_ += ",convention";
    for (const std::string& name : columns.other_names) {
      buffer_ += ',';
      append_csv_cell(name, buffer_);
    }
    buffer_ += '\n';
  }

  void write(const Point& point, const PointRows& rows, const RowSource& source,
             const std::vector<OutlierReason>& reasons) {
    write_quantities(point, rows);
    for (const PointColumn column : {kDataset, kSeed, kTrunk, kRunId}) {
      append_csv_cell(rows.text(column), buffer_);
      buffer_ += ',';
    }
    buffer_ += reasons.empty() ? "0," : "1,";
    if (!reasons.empty()) {
      std::string text;
      for (const OutlierReason& reason : reasons) {
        text += (text.empty() ? "" : "; ") + reason.text();
      }
      append_csv_cell(text, buffer_);
    }
    if (!convention_.empty()) buffer_ += "," + convention_;
    for (const std::size_t field : columns_.others) {
      buffer_ += ',';
      append_csv_cell(source.fields()[field], buffer_);
    }
    buffer_ += '\n';
    if (buffer_.size() >= kWriteChunk) flush();
  }
  void commit() {
    flush();
    file_.commit();
  }

 private:
  void write_quantities(const Point& point, const PointRows& rows) {
    const std::optional<double> tokens = point.tokens;
    const std::array<const std::optional<double>*, kDataset> values = {
        &point.params,        &point.flops_per_token, &tokens,
        &point.compute,       &point.budget,          &point.loss,
        &point.bits_per_byte, &point.batch_tokens,    &point.peak_lr};
    for (std::size_t i = 0; i < kDataset; ++i) {
      const auto column = static_cast<PointColumn>(i);
      if (columns_.ours[i].is_copy()) {
        buffer_ += rows.text(column);
      } else if (*values[i]) {
        buffer_ += exact_text(**values[i]);
      }
      buffer_ += ',';
    }
  }
  void flush() {
    file_.write(std::as_bytes(std::span(buffer_)));
    buffer_.clear();
  }
  AtomicFile file_;
  const ImportColumns& columns_;
  std::string convention_, buffer_;
};

std::unique_ptr<RowSource> open_rows(const std::filesystem::path& file,
                                     const ImportOptions& options, bool& is_chart) {
  is_chart = false;
  if (options.format == ImportFormat::jsonl) return jsonl_rows(file);
  if (options.format == ImportFormat::tensorboard) return event_rows(file);
  std::unique_ptr<RowSource> rows = csv_rows(file);
  is_chart = options.format == ImportFormat::wandb && is_wandb_chart(rows->header());
  return is_chart ? wandb_chart_rows(file, options.runs_table) : std::move(rows);
}

class Importer {
 public:
  Importer(const std::filesystem::path& file, const ImportOptions& options)
      : file_(file),
        options_(options),
        rows_(open_rows(file, options, is_chart_)),
        preset_(import_preset(options.format, rows_->header(), options.convention, is_chart_)),
        columns_(import_columns(*rows_, file.string(), preset_, options)),
        rules_(preset_.rule, options.vocab_size) {
    if (!options.runs_table.empty() && !is_chart_) {
      throw Error(ErrorCode::invalid_argument,
                  "runs: a table of runs is joined to a chart of W&B alone, and " + file.string() +
                      " is none");
    }
  }

  ImportSummary run(const std::filesystem::path& out) {
    if (rules_.needs_learning()) learn();
    const auto convention = options_.convention ? options_.convention : preset_.convention;
    PointWriter writer(out, columns_, convention);
    const PointRows points(*rows_, columns_);
    Point point;
    while (rows_->next()) {
      ++summary_.n_rows;
      try {
        rows_->read();
        if (!points.is_asked_for()) {
          ++summary_.n_not_asked_for;
          continue;
        }
        points.read(point);
        find_reasons(point);
      } catch (const Error& error) {
        if (!options_.skip_bad_rows) throw;
        ++summary_.n_left_out;
        if (options_.on_left_out) options_.on_left_out(error.what());
        continue;
      }
      count(point);
      writer.write(point, points, *rows_, reasons_);
      ++summary_.n_points;
    }
    require_points();
    finish_warnings();
    writer.commit();
    return std::move(summary_);
  }

 private:
  // Rows that cannot be used are dealt with when they are read again.
  void learn() {
    bool ignored = false;
    const std::unique_ptr<RowSource> rows = open_rows(file_, options_, ignored);
    const PointRows points(*rows, columns_);
    Point point;
    while (rows->next()) {
      try {
        rows->read();
        if (!points.is_asked_for()) continue;
        points.read(point);
        rules_.learn(point);
      } catch (const Error&) {
        if (!options_.skip_bad_rows) throw;
      }
    }
  }

  std::string_view cell(std::optional<std::size_t> field) const {
    return field ? rows_->fields()[*field] : std::string_view();
  }

  void find_reasons(const Point& point) {
    reasons_.clear();
    const std::optional<bool> flag = parse_flag(cell(columns_.outlier));
    if (!flag) {
      rows_->fail_in(preset_.outlier, "must be empty, 0, 1, true or false, got \"" +
                                          std::string(cell(columns_.outlier)) + "\"");
    }
    if (*flag) {
      const std::string_view reason = cell(columns_.reason);
      reasons_.push_back({"file", reason.empty() ? "no reason given" : std::string(reason)});
    }
    const std::string_view state = cell(columns_.state);
    if (!state.empty() && state != "finished") {
      reasons_.push_back({"file", "state " + std::string(state)});
    }
    rules_.judge(point, rows_->row(), cell(columns_.experiment), reasons_);
  }

  void count(const Point& point) {
    for (const OutlierReason& reason : reasons_) {
      ++summary_.outliers[reason.kind == "file" ? reason.text() : reason.kind];
    }
    if (!reasons_.empty()) ++summary_.n_outliers;
    watch_.see(point, rows_->row());
    if (!point.compute && point.budget && point.params) {
      const double ratio = *point.budget / (6 * *point.params * point.tokens);
      if (ratio < 1 / 1.1 || ratio > 1.1) ++n_budgets_off_;
    }
  }

  void require_points() const {
    if (summary_.n_rows == 0) {
      throw Error(ErrorCode::parse, file_.string() + ": has a header and no rows");
    }
    if (summary_.n_points == 0) {
      throw Error(ErrorCode::parse,
                  file_.string() + ": none of its " + std::to_string(summary_.n_rows) +
                      " rows can be used (" + std::to_string(summary_.n_left_out) + " left out, " +
                      std::to_string(summary_.n_not_asked_for) + " other than --where)");
    }
  }

  void finish_warnings() {
    summary_.warnings = watch_.warnings();
    if (n_budgets_off_ == 0) return;
    summary_.warnings.push_back(
        std::to_string(n_budgets_off_) +
        " rows have a budget more than 10 % from 6 N D: it is rounded, or by another convention");
  }

  std::filesystem::path file_;
  const ImportOptions& options_;
  bool is_chart_ = false;
  std::unique_ptr<RowSource> rows_;
  ImportPreset preset_;
  ImportColumns columns_;
  OutlierRules rules_;
  UnitWatch watch_;
  std::int64_t n_budgets_off_ = 0;
  std::vector<OutlierReason> reasons_;
  ImportSummary summary_;
};

}  // namespace

ImportSummary import_points(const std::filesystem::path& file, const std::filesystem::path& out,
                            const ImportOptions& options) {
  if (options.vocab_size && !(*options.vocab_size > 1)) {
    throw Error(ErrorCode::invalid_argument,
                "vocab_size: must be > 1, got " + exact_text(*options.vocab_size));
  }
  return Importer(file, options).run(out);
}

}  // namespace isoflop
