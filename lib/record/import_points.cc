// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"
#include "isoflop/error.h"
#include "isoflop/import.h"
#include "isoflop/point.h"
#include "record/import_columns.h"
#include "record/outlier_rules.h"
#include "record/point_checks.h"
#include "record/point_rows.h"
#include "record/point_writer.h"
#include "record/rows/file_input.h"

namespace isoflop {
namespace {

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
    rows_->align_to(columns_.measured());
    if (!options_.convention) convention_ = preset_.convention;
    PointWriter writer(out, columns_, convention_);
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
        require_one_convention();
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
    require_rereadable(file_);
    const std::unique_ptr<RowSource> rows = open_rows(file_, options_, ignored);
    rows->align_to(columns_.measured());
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

  void require_one_convention() const {
    const std::string_view stated = cell(columns_.convention);
    if (!convention_ || stated.empty() || stated == to_string(*convention_)) return;
    rows_->fail_in("convention", "is \"" + std::string(stated) + "\", but the import is told " +
                                     std::string(to_string(*convention_)));
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
  std::optional<FlopsConvention> convention_ = options_.convention;
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
