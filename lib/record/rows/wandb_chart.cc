// SPDX-License-Identifier: Apache-2.0
// A chart that Weights & Biases exported: one column for the axis, three for every run, "<run> -
// <metric>" and the same with __MIN and __MAX, which are those of the steps that the row stands
// for.
#include <algorithm>
#include <unordered_map>

#include "isoflop/error.h"
#include "record/rows/csv_header.h"
#include "record/rows/row_source.h"

namespace isoflop {
namespace {

constexpr std::string_view kBetween = " - ";

// W&B's own, exported beside every metric: _step, _runtime, _timestamp.
bool is_internal(std::string_view metric) { return metric.starts_with('_'); }

bool is_extreme(std::string_view name) {
  return name.ends_with("__MIN") || name.ends_with("__MAX");
}

struct Run {
  std::string name;
  std::size_t field;  // in the chart's rows
  std::int64_t row = 0;
  std::vector<std::string> cells;  // name, axis, value, then those of the table of runs
};

class WandbChartRows : public RowSource {
 public:
  WandbChartRows(const std::filesystem::path& file, const std::filesystem::path& runs_table)
      : file_(file.string()) {
    require_rereadable(file);
    read_chart(file);
    if (!runs_table.empty()) join_table(runs_table);
  }
  const std::vector<std::string>& header() const override { return header_; }
  bool next() override { return ++at_ < static_cast<std::ptrdiff_t>(runs_.size()); }
  void read() override {
    fields_.assign(run().cells.begin(), run().cells.end());
    fields_.resize(header_.size());
    if (run().row == 0) fail("has no value in this chart");
  }
  std::span<const std::string_view> fields() const override { return fields_; }
  std::int64_t row() const override { return run().row; }
  void fail(const std::string& complaint) const override {
    throw Error(ErrorCode::parse, place() + ": " + complaint);
  }
  void fail_in(const std::string& column, const std::string& complaint) const override {
    throw Error(ErrorCode::parse, place() + ", column " + column + ": " + complaint);
  }
  std::string header_place() const override { return "row 1: "; }

 private:
  const Run& run() const { return runs_[static_cast<std::size_t>(at_)]; }
  std::string place() const {
    return file_ + ": row " + std::to_string(run().row) + ", run " + run().name;
  }

  void read_chart(const std::filesystem::path& file) {
    CsvReader csv(file);
    if (!csv.next()) throw Error(ErrorCode::parse, file_ + ": is empty, expected a header");
    const std::vector<std::string> names = csv_header(csv);
    const bool is_of_internals = std::all_of(names.begin() + 1, names.end(), [](const auto& name) {
      return is_internal(std::string_view(name).substr(name.rfind(kBetween) + kBetween.size()));
    });
    std::string metric;
    for (std::size_t i = 1; i < names.size(); ++i) {
      const std::size_t between = names[i].rfind(kBetween);
      if (between == std::string::npos || is_extreme(names[i])) continue;
      const std::string its_metric = names[i].substr(between + kBetween.size());
      if (is_internal(its_metric) && !is_of_internals) continue;
      if (!metric.empty() && its_metric != metric) {
        csv.fail(", column " + names[i] + ": is of another metric than " + metric +
                 "; export one chart per metric");
      }
      metric = its_metric;
      runs_.push_back({names[i].substr(0, between), i, 0, {}});
    }
    header_ = {"Name", names.front(), metric};
    while (csv.next()) read_chart_row(csv, names.size());
  }

  void read_chart_row(const CsvReader& csv, std::size_t n_columns) {
    if (csv.fields().size() != n_columns) {
      csv.fail(": has " + std::to_string(csv.fields().size()) + " fields, the header has " +
               std::to_string(n_columns));
    }
    for (Run& run : runs_) {
      const std::string_view cell = csv.fields()[run.field];
      if (cell.empty()) continue;
      run.row = csv.row();
      run.cells = {run.name, std::string(csv.fields().front()), std::string(cell)};
    }
  }

  void join_table(const std::filesystem::path& file) {
    CsvReader csv(file);
    if (!csv.next()) throw Error(ErrorCode::parse, csv.file() + ": is empty, expected a header");
    const std::vector<std::string> names = csv_header(csv);
    const auto key =
        static_cast<std::size_t>(std::find(names.begin(), names.end(), "Name") - names.begin());
    if (key == names.size()) csv.fail(": has no column Name, by which runs are joined");
    std::vector<std::size_t> added;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (std::find(header_.begin(), header_.end(), names[i]) == header_.end()) added.push_back(i);
    }
    std::unordered_map<std::string, Run*> run_of;
    for (Run& run : runs_) run_of.emplace(run.name, &run);
    while (csv.next()) {
      if (csv.fields().size() != names.size()) csv.fail(": has not as many fields as the header");
      const auto found = run_of.find(std::string(csv.fields()[key]));
      if (found == run_of.end() || found->second->row == 0) continue;
      std::vector<std::string>& cells = found->second->cells;
      if (cells.size() > 3) csv.fail(", column Name: " + found->first + " appears twice");
      for (const std::size_t i : added) cells.emplace_back(csv.fields()[i]);
    }
    for (const std::size_t i : added) header_.push_back(names[i]);
  }

  std::string file_;
  std::vector<std::string> header_;
  std::vector<Run> runs_;
  std::ptrdiff_t at_ = -1;
  std::vector<std::string_view> fields_;
};

}  // namespace

bool is_wandb_chart(const std::vector<std::string>& header) {
  return header.size() > 1 && std::all_of(header.begin() + 1, header.end(), [](const auto& name) {
           return name.find(kBetween) != std::string::npos;
         });
}

std::unique_ptr<RowSource> wandb_chart_rows(const std::filesystem::path& file,
                                            const std::filesystem::path& runs_table) {
  return std::make_unique<WandbChartRows>(file, runs_table);
}

}  // namespace isoflop
