// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <map>

#include "base/text.h"
#include "isoflop/error.h"
#include "isoflop/training_curve.h"
#include "record/rows/csv_header.h"

namespace isoflop {
namespace {

/// The first steps of a run, and its spikes, may be above what guessing gives, but not by so much.
constexpr double kLargestMetric = 1e6;

struct Columns {
  std::size_t n = 0;
  std::size_t run = 0, tokens = 0, metric = 0;
  std::optional<std::size_t> params, flops_per_token;
  std::vector<std::string> header;
};

Columns read_header(CsvReader& csv, Metric& metric) {
  if (!csv.next()) {
    throw Error(ErrorCode::parse, csv.file() +
                                      ": is empty, expected a header row with run_id, params or "
                                      "flops_per_token, tokens, loss or bits_per_byte");
  }
  Columns columns;
  columns.header = csv_header(csv);
  columns.n = columns.header.size();
  const auto find = [&](const std::string& name) -> std::optional<std::size_t> {
    const auto at = std::find(columns.header.begin(), columns.header.end(), name);
    if (at == columns.header.end()) return std::nullopt;
    return static_cast<std::size_t>(at - columns.header.begin());
  };
  const auto need = [&](std::optional<std::size_t> column, const std::string& names,
                        const std::string& nearest) {
    if (column) return *column;
    csv.fail(": has no column " + names + "; it has " + join(columns.header, ", ") +
             did_you_mean(nearest, columns.header));
  };
  columns.params = find("params");
  columns.flops_per_token = find("flops_per_token");
  const std::optional<std::size_t> bits = find("bits_per_byte"), loss = find("loss");
  metric = bits ? Metric::bits_per_byte : Metric::loss_nats;
  columns.run = need(find("run_id"), "run_id", "run_id");
  columns.tokens = need(find("tokens"), "tokens", "tokens");
  columns.metric = need(bits ? bits : loss, "loss or bits_per_byte", "loss");
  need(columns.params ? columns.params : columns.flops_per_token, "params or flops_per_token",
       "params");
  return columns;
}

double positive(const CsvReader& csv, const Columns& columns, std::size_t column) {
  const std::string_view cell = csv.fields()[column];
  const std::optional<double> value = parse_double(cell);
  if (!value || !std::isfinite(*value) || *value <= 0) {
    csv.fail(", column " + columns.header[column] + ": must be a number > 0, got \"" +
             std::string(cell) + "\"");
  }
  return *value;
}

double metric_of(const CsvReader& csv, const Columns& columns) {
  const double value = positive(csv, columns, columns.metric);
  if (value > kLargestMetric) {
    csv.fail(", column " + columns.header[columns.metric] + ": must be at most " +
             exact_text(kLargestMetric) + ", got " + exact_text(value));
  }
  return value;
}

// A run is of one model: its scale stands in every row and never changes.
void set_scale(const CsvReader& csv, const Columns& columns, std::optional<std::size_t> column,
               bool is_new, std::optional<double>& scale) {
  if (!column) return;
  const double value = positive(csv, columns, *column);
  if (!is_new && value != *scale) {
    csv.fail(", column " + columns.header[*column] + ": must be that of the run's first row, " +
             exact_text(*scale) + ", got " + exact_text(value));
  }
  scale = value;
}

void add_row(const CsvReader& csv, const Columns& columns, std::vector<TrainingCurve>& curves,
             std::map<std::string, std::size_t, std::less<>>& index) {
  if (csv.fields().size() != columns.n) {
    csv.fail(": has " + std::to_string(csv.fields().size()) + " fields, the header has " +
             std::to_string(columns.n) +
             (csv.unterminated() ? "; the file ends within this row, without a newline" : ""));
  }
  const std::string_view run = csv.fields()[columns.run];
  if (run.empty()) csv.fail(", column run_id: is empty, must name the run");
  const auto [entry, is_new] = index.try_emplace(std::string(run), curves.size());
  if (is_new) curves.emplace_back().run = run;
  TrainingCurve& curve = curves[entry->second];
  set_scale(csv, columns, columns.params, is_new, curve.params);
  set_scale(csv, columns, columns.flops_per_token, is_new, curve.flops_per_token);
  const double tokens = positive(csv, columns, columns.tokens);
  if (!curve.tokens.empty() && tokens <= curve.tokens.back()) {
    csv.fail(", column tokens: must be above the run's last, " + exact_text(curve.tokens.back()) +
             ", got " + exact_text(tokens));
  }
  curve.tokens.push_back(tokens);
  curve.metric.push_back(metric_of(csv, columns));
}

}  // namespace

CurveSet load_curves_csv(const std::filesystem::path& file) {
  CsvReader csv(file);
  CurveSet set;
  const Columns columns = read_header(csv, set.metric);
  std::map<std::string, std::size_t, std::less<>> index;
  while (csv.next()) add_row(csv, columns, set.curves, index);
  if (set.curves.empty()) throw Error(ErrorCode::parse, csv.file() + ": has no rows");
  return set;
}

}  // namespace isoflop
