// SPDX-License-Identifier: Apache-2.0
#include "report/run_tables.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/text.h"
#include "report/curves.h"
#include "report/number_text.h"

namespace isoflop {
namespace {

std::vector<std::string> record_row(const ReportChapter& chapter, const RunRecord& record) {
  const RunSpec& spec = record.spec;
  const FlopsPerToken m = flops_per_token(spec.shape, chapter.points.frame.convention);
  std::string metric, result = std::string(to_string(record.outcome));
  if (record.validation) {
    metric = metric_text(chapter.points.frame.metric == Metric::bits_per_byte
                             ? record.validation->bits_per_byte
                             : record.validation->loss_nats);
  }
  if (!record.message.empty()) result += ": " + record.message;
  return {record.run_id,
          short_name(spec.shape),
          si_text(m.value()),
          si_text(spec.tokens().value()),
          budget_text((m * spec.tokens()).value()),
          std::to_string(spec.n_steps),
          std::to_string(spec.batch_tokens),
          rounded_text(spec.peak_lr, 3),
          std::to_string(spec.seed),
          metric,
          duration_text(record.wall_seconds),
          si_text(record.tokens_per_second),
          result};
}

std::vector<std::string> dot_row(const Dot& dot) {
  const Point& point = *dot.point;
  return {point.label,
          si_text(dot.scale),
          si_text(point.tokens),
          budget_text(dot.compute),
          point.batch_tokens ? batch_text(*point.batch_tokens) : "",
          point.peak_lr ? rounded_text(*point.peak_lr, 3) : "",
          point.seed ? std::to_string(*point.seed) : "",
          metric_text(dot.metric)};
}

template <class Value>
std::string distinct(const std::vector<RunRecord>& records, const Value& value) {
  std::set<std::string> values;
  for (const RunRecord& record : records) {
    if (!value(record).empty()) values.insert(value(record));
  }
  return join({values.begin(), values.end()}, "; ");
}

}  // namespace

TextRows run_rows(const ReportChapter& chapter) {
  const std::string symbol = scale_symbol(chapter);
  if (chapter.records.empty()) {
    const std::vector<Dot> dots = dots_of(chapter);
    if (dots.empty()) return {};
    TextRows rows = {{"Run", symbol, "D", "C", "Batch", "Peak lr", "Seed", metric_unit(chapter)}};
    for (const Dot& dot : dots) rows.push_back(dot_row(dot));
    return rows;
  }
  TextRows rows = {{"Run", "Shape", "M", "D", "C", "Steps", "Batch", "Peak lr", "Seed",
                    metric_unit(chapter), "Time", "Tokens/s", "Outcome"}};
  std::vector<const RunRecord*> records;
  for (const RunRecord& record : chapter.records) records.push_back(&record);
  const auto cost = [&](const RunRecord* record) {
    const FlopsPerToken m = flops_per_token(record->spec.shape, chapter.points.frame.convention);
    // Budgets are met to half a percent: runs of one budget stay together, by size.
    const double budget = std::round(40 * std::log10((m * record->spec.tokens()).value()));
    return std::pair(budget, m.value());
  };
  std::stable_sort(records.begin(), records.end(),
                   [&](const RunRecord* a, const RunRecord* b) { return cost(a) < cost(b); });
  for (const RunRecord* record : records) rows.push_back(record_row(chapter, *record));
  return rows;
}

std::string run_count_text(const ReportChapter& chapter) {
  if (chapter.records.empty()) {
    return std::to_string(chapter.points.points.size()) + " points";
  }
  std::map<RunOutcome, std::int64_t> counts;
  for (const RunRecord& record : chapter.records) ++counts[record.outcome];
  std::vector<std::string> parts;
  parts.reserve(counts.size());
  for (const auto& [outcome, count] : counts) {
    parts.push_back(std::to_string(count) + " " + std::string(to_string(outcome)));
  }
  return std::to_string(chapter.records.size()) + " runs: " + join(parts, ", ");
}

TextRows provenance_rows(const ReportChapter& chapter) {
  const Frame& frame = chapter.points.frame;
  TextRows rows;
  const auto add = [&](const std::string& word, const std::string& text) {
    if (!text.empty()) rows.push_back({word, text});
  };
  add("Data set", frame.dataset);
  add("Tokenizer", frame.tokenizer);
  add("Metric", frame.metric == Metric::bits_per_byte ? "bits per byte of validation text"
                                                      : "nats per token of validation text");
  add("FLOPs per token", std::string(to_string(frame.convention)));
  add("Points", std::to_string(chapter.points.points.size()));
  if (chapter.points.n_skipped_rows > 0) {
    add("Rows left out", std::to_string(chapter.points.n_skipped_rows));
  }
  if (!chapter.records.empty()) {
    double seconds = 0, compute = 0;
    for (const RunRecord& record : chapter.records) {
      seconds += record.wall_seconds;
      compute += record.wall_seconds * record.flops_per_second;
    }
    add("Runs", run_count_text(chapter));
    add("Time", duration_text(seconds) + " summed over runs");
    add("Device", distinct(chapter.records, [](const RunRecord& r) { return r.device; }));
    add("isoflop", distinct(chapter.records, [](const RunRecord& r) {
          return r.version + (r.git_commit.empty() ? "" : " (" + r.git_commit + ")");
        }));
  }
  if (chapter.reference) {
    std::string text = chapter.reference->id + ": " + chapter.reference->source;
    if (chapter.reference->fitted_from && chapter.reference->fitted_to) {
      text += "; fitted from " + budget_text(chapter.reference->fitted_from->value()) + " to " +
              budget_text(chapter.reference->fitted_to->value()) + " FLOPs, " +
              std::string(to_string(chapter.reference->frame.convention));
    }
    add("Reference law", text);
  }
  return rows;
}

}  // namespace isoflop
