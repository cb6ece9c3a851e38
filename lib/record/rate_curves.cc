// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "base/text.h"
#include "isoflop/error.h"
#include "isoflop/run_record.h"
#include "isoflop/training_curve.h"
#include "record/rows/csv_header.h"
#include "record/rows/json_objects.h"

namespace isoflop {
namespace {

constexpr std::int64_t kMostSteps = 20'000'000;  // each has its rate in memory
constexpr double kLargestLoss = 1e6;
constexpr double kLargestRate = 1e3;

/// One logged step.
struct RateRow {
  std::int64_t step = 0;
  double lr = 0;
  std::optional<double> loss;
};

/// Curves of one file while it is read.
struct FileCurves {
  Metric metric = Metric::loss_nats;
  bool lr_is_fraction = false;
  std::vector<std::string> runs;
  std::vector<std::vector<RateRow>> rows;
};

RateCurve curve_of(const std::string& run, const std::vector<RateRow>& rows) {
  RateCurve curve;
  curve.run = run;
  curve.lr.reserve(static_cast<std::size_t>(rows.back().step));
  const bool rises = rows.size() > 1 && rows[1].lr > rows[0].lr;
  RateRow before{.step = 0, .lr = rises ? 0 : rows.front().lr, .loss = {}};
  for (const RateRow& row : rows) {
    const auto gap = static_cast<double>(row.step - before.step);
    for (std::int64_t step = before.step + 1; step < row.step; ++step) {
      const double share = static_cast<double>(step - before.step) / gap;
      curve.lr.push_back(before.lr + share * (row.lr - before.lr));
    }
    curve.lr.push_back(row.lr);
    if (row.loss) {
      curve.steps.push_back(row.step);
      curve.loss.push_back(*row.loss);
    }
    before = row;
  }
  return curve;
}

/// A CSV's columns.
struct RateColumns {
  std::size_t step = 0, lr = 0, loss = 0;
  std::optional<std::size_t> run;
  std::vector<std::string> header;
};

std::optional<std::size_t> find_any(const std::vector<std::string>& header,
                                    std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto at = std::find(header.begin(), header.end(), name);
    if (at != header.end()) return static_cast<std::size_t>(at - header.begin());
  }
  return std::nullopt;
}

RateColumns read_rate_header(CsvReader& csv, FileCurves& curves) {
  constexpr const char* kNeeded = "step, lr or peak_lr_fraction, loss or bits_per_byte";
  if (!csv.next()) {
    throw Error(ErrorCode::parse,
                csv.file() + ": is empty, expected a header row with " + std::string(kNeeded));
  }
  RateColumns columns;
  columns.header = csv_header(csv);
  const auto need = [&](std::initializer_list<const char*> names) {
    if (const auto at = find_any(columns.header, names)) return *at;
    const std::vector<std::string> wanted(names.begin(), names.end());
    csv.fail(": has no column " + join(wanted, " or ") + "; it has " + join(columns.header, ", ") +
             did_you_mean(wanted.front(), columns.header));
  };
  columns.step = need({"step"});
  columns.lr = need({"lr", "learning_rate", "peak_lr_fraction"});
  columns.loss = need({"bits_per_byte", "loss", "loss_nats"});
  columns.run = find_any(columns.header, {"run_id"});
  curves.lr_is_fraction = columns.header[columns.lr] == "peak_lr_fraction";
  if (columns.header[columns.loss] == "bits_per_byte") curves.metric = Metric::bits_per_byte;
  return columns;
}

struct AllowedCell {
  double low, high;
  std::string words;
};

double cell_number(const CsvReader& csv, const RateColumns& columns, std::size_t column,
                   const AllowedCell& allowed) {
  const std::string_view cell = csv.fields()[column];
  const std::optional<double> value = parse_double(cell);
  if (!value || !(*value >= allowed.low && *value <= allowed.high)) {
    csv.fail(", column " + columns.header[column] + ": must be " + allowed.words + ", got \"" +
             std::string(cell) + "\"");
  }
  return *value;
}

RateRow read_rate_row(const CsvReader& csv, const RateColumns& columns) {
  if (csv.fields().size() != columns.header.size()) {
    csv.fail(": has " + std::to_string(csv.fields().size()) + " fields, the header has " +
             std::to_string(columns.header.size()) +
             (csv.unterminated() ? "; the file ends within this row, without a newline" : ""));
  }
  RateRow row;
  const std::string steps = "a whole number from 1 to " + std::to_string(kMostSteps);
  const double step = cell_number(csv, columns, columns.step, {1, kMostSteps, steps});
  row.step = static_cast<std::int64_t>(step);
  if (static_cast<double>(row.step) != step) {
    csv.fail(", column step: must be " + steps + ", got " + exact_text(step));
  }
  row.lr = cell_number(csv, columns, columns.lr, {0, kLargestRate, "a learning rate, 0 to 1000"});
  if (!trim(csv.fields()[columns.loss]).empty()) {
    row.loss = cell_number(csv, columns, columns.loss,
                           {std::numeric_limits<double>::min(), kLargestLoss,
                            "a number > 0 and at most 1e6, or empty"});
  }
  return row;
}

FileCurves read_rate_csv(const std::filesystem::path& file) {
  CsvReader csv(file);
  FileCurves curves;
  const RateColumns columns = read_rate_header(csv, curves);
  std::map<std::string, std::size_t, std::less<>> index;
  while (csv.next()) {
    const RateRow row = read_rate_row(csv, columns);
    const std::string run =
        columns.run ? std::string(csv.fields()[*columns.run]) : file.stem().string();
    if (run.empty()) csv.fail(", column run_id: is empty, must name the run");
    const auto [entry, is_new] = index.try_emplace(run, curves.runs.size());
    if (is_new) {
      curves.runs.push_back(run);
      curves.rows.emplace_back();
    }
    std::vector<RateRow>& rows = curves.rows[entry->second];
    if (!rows.empty() && row.step <= rows.back().step) {
      csv.fail(", column step: must be above the run's last, " + std::to_string(rows.back().step) +
               ", got " + std::to_string(row.step));
    }
    rows.push_back(row);
  }
  if (curves.runs.empty()) throw Error(ErrorCode::parse, csv.file() + ": has no rows");
  return curves;
}

RateRow read_metrics_line(const JsonReader& reader, std::int64_t last) {
  RateRow row;
  row.step = reader.at("step").integer(1, kMostSteps);
  if (row.step <= last) {
    reader.at("step").fail("must be above the last, " + std::to_string(last) + ", got " +
                           std::to_string(row.step));
  }
  row.lr = reader.at("peak_lr_fraction").number(0, 1);
  const std::optional<JsonReader> spike = reader.find("is_spike");
  const std::optional<JsonReader> loss = reader.find("loss_nats");
  if (loss && !(spike && spike->boolean())) {
    row.loss = loss->number(std::numeric_limits<double>::min(), kLargestLoss);
  }
  return row;
}

/// A run that is under way may have a last line that is cut off; it is not there yet.
FileCurves read_metrics(const std::filesystem::path& file, const std::string& run) {
  const std::unique_ptr<JsonObjects> lines = json_objects(file);
  FileCurves curves;
  curves.lr_is_fraction = true;
  std::vector<RateRow> rows;
  while (lines->next()) {
    Json line;
    const std::string place = lines->place();
    try {
      line = lines->parse();
    } catch (const Error&) {
      if (!rows.empty() && !lines->next()) break;
      throw;
    }
    rows.push_back(read_metrics_line({line, place}, rows.empty() ? 0 : rows.back().step));
  }
  if (rows.empty()) throw Error(ErrorCode::parse, file.string() + ": has no steps");
  curves.runs.push_back(run);
  curves.rows.push_back(std::move(rows));
  return curves;
}

/// Of a run folder, or its metrics.jsonl.
FileCurves read_run(const std::filesystem::path& metrics_file) {
  const std::filesystem::path folder = std::filesystem::absolute(metrics_file).parent_path();
  FileCurves curves = read_metrics(metrics_file, folder.filename().string());
  const std::filesystem::path spec_file = folder / "spec.json";
  if (!std::filesystem::exists(spec_file)) return curves;
  const double peak = load_run_spec(spec_file).peak_lr;
  for (RateRow& row : curves.rows.front()) row.lr *= peak;
  curves.lr_is_fraction = false;
  return curves;
}

FileCurves read_rate_file(const std::filesystem::path& file) {
  if (std::filesystem::is_directory(file)) {
    const std::filesystem::path metrics_file = file / "metrics.jsonl";
    if (!std::filesystem::exists(metrics_file)) {
      throw Error(ErrorCode::parse, file.string() + ": is no run folder: has no metrics.jsonl");
    }
    return read_run(metrics_file);
  }
  return file.extension() == ".jsonl" ? read_run(file) : read_rate_csv(file);
}

}  // namespace

RateCurveSet load_rate_curves(const std::vector<std::filesystem::path>& files) {
  RateCurveSet set;
  bool is_first = true;
  for (const std::filesystem::path& file : files) {
    const FileCurves curves = read_rate_file(file);
    if (is_first) {
      set.metric = curves.metric;
      set.lr_is_fraction = curves.lr_is_fraction;
    } else if (curves.metric != set.metric) {
      throw Error(ErrorCode::frame_mismatch,
                  file.string() + ": is in " + std::string(to_string(curves.metric)) + ", " +
                      files.front().string() + " in " + std::string(to_string(set.metric)));
    } else if (curves.lr_is_fraction != set.lr_is_fraction) {
      throw Error(ErrorCode::frame_mismatch,
                  file.string() + ": learning rates are " +
                      (curves.lr_is_fraction ? "fractions of a peak" : "absolute") + ", those of " +
                      files.front().string() +
                      " are not; name run folders, which have a spec.json");
    }
    is_first = false;
    for (std::size_t i = 0; i < curves.runs.size(); ++i) {
      set.curves.push_back(curve_of(curves.runs[i], curves.rows[i]));
    }
  }
  return set;
}

}  // namespace isoflop
