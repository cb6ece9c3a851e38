// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>
#include <set>

#include "base/text.h"
#include "report/checklist.h"
#include "report/run_tables.h"

namespace isoflop {
namespace {

using ValueOf = std::function<std::optional<double>(const Point&)>;

// "3 values, 1e6 to 4e7" over the points that have it; empty if none has.
std::string range_text(const PointSet& set, const ValueOf& value_of, const std::string& unit) {
  std::set<double> values;
  std::size_t n_without = 0;
  for (const Point& point : set.points) {
    const std::optional<double> value = value_of(point);
    if (value) {
      values.insert(*value);
    } else {
      ++n_without;
    }
  }
  if (values.empty()) return "";
  std::string text = std::to_string(values.size()) +
                     (values.size() == 1 ? " value, " : " values, ") +
                     rounded_text(*values.begin());
  if (values.size() > 1) text += " to " + rounded_text(*values.rbegin());
  if (!unit.empty()) text += " " + unit;
  if (n_without > 0) text += " (absent from " + std::to_string(n_without) + " points)";
  return text;
}

std::optional<double> size_of(const Point& point) {
  return point.params            ? point.params
         : point.flops_per_token ? std::optional(*point.flops_per_token / 6)
                                 : std::nullopt;
}

// The distinct values that a property of the runs' specs takes, a few of them named.
std::string spec_text(const std::vector<RunRecord>& records,
                      const std::function<std::string(const RunSpec&)>& text_of) {
  std::set<std::string> values;
  for (const RunRecord& record : records) values.insert(text_of(record.spec));
  constexpr std::size_t kNamed = 4;
  std::vector<std::string> named(values.begin(), values.end());
  const std::size_t n = named.size();
  if (n > kNamed) named.resize(kNamed);
  return join(named, ", ") + (n > kNamed ? ", ... (" + std::to_string(n) + " values)" : "");
}

// What the records know of a setting, else what a column of the points says.
std::string column_text(const PointSet& set, const char* column) {
  std::set<std::string> values;
  for (const Point& point : set.points) {
    const auto entry = point.other.find(column);
    if (entry != point.other.end()) values.insert(entry->second);
  }
  if (values.empty() || values.size() > 8) {
    return values.empty() ? "" : std::to_string(values.size()) + " values";
  }
  return join({values.begin(), values.end()}, ", ");
}

}  // namespace

void add_setup(Checklist& list, const ReportChapter& chapter) {
  const auto& records = chapter.records;
  const auto spec = [&](const char* question, const std::function<std::string(const RunSpec&)>& of,
                        const char* column) {
    list.item(question,
              records.empty() ? column_text(chapter.points, column) : spec_text(records, of));
  };
  list.section("2. Training set-up");
  list.item("Points",
            std::to_string(chapter.points.points.size()) + " (" + run_count_text(chapter) + ")");
  list.item("Sizes", range_text(chapter.points, size_of, "parameters"));
  list.item("Training tokens",
            range_text(
                chapter.points, [](const Point& p) { return p.tokens; }, "tokens"));
  list.item("Tokens per parameter", range_text(
                                        chapter.points,
                                        [](const Point& p) -> std::optional<double> {
                                          const std::optional<double> n = size_of(p);
                                          return n ? std::optional(p.tokens / *n) : std::nullopt;
                                        },
                                        ""));
  list.item("Data", chapter.points.frame.dataset);
  list.item("Tokenizer", chapter.points.frame.tokenizer);
  spec(
      "Architecture",
      [](const RunSpec& s) {
        return std::string(s.shape.ffn == FfnKind::gelu ? "GELU" : "SwiGLU") + ", sequence " +
               std::to_string(s.shape.seq_len) + ", vocabulary " +
               std::to_string(s.shape.vocab_size) +
               (s.shape.tied_embeddings ? ", tied" : ", untied") + " embeddings";
      },
      "architecture");
  spec(
      "Optimizer",
      [](const RunSpec& s) {
        return "AdamW " + rounded_text(s.adam_beta1) + "/" + rounded_text(s.adam_beta2) +
               ", weight decay " + rounded_text(s.weight_decay) + ", clip " +
               rounded_text(s.grad_clip);
      },
      "optimizer");
  list.item("Peak learning rate",
            range_text(
                chapter.points, [](const Point& p) { return p.peak_lr; }, ""));
  list.item("Batch", range_text(
                         chapter.points, [](const Point& p) { return p.batch_tokens; }, "tokens"));
  spec(
      "Schedule", [](const RunSpec& s) { return std::string(to_string(s.schedule.kind)); },
      "schedule");
  spec(
      "Warm-up",
      [](const RunSpec& s) {
        return rounded_text(100.0 * static_cast<double>(s.warmup_steps) /
                                static_cast<double>(std::max<std::int64_t>(1, s.n_steps)),
                            2) +
               " %";
      },
      "warmup_steps");
  spec(
      "Parametrisation and precision",
      [](const RunSpec& s) {
        return std::string(to_string(s.parametrisation)) + ", " +
               std::string(to_string(s.precision));
      },
      "precision");
}

void add_collection(Checklist& list, const ReportChapter& chapter) {
  const auto& records = chapter.records;
  list.section("3. Data collection");
  list.item("Metric", chapter.points.frame.metric == Metric::bits_per_byte
                          ? "bits per byte of validation text"
                          : "loss in nats per token");
  list.item("Checkpoints", records.empty() ? column_text(chapter.points, "checkpoint")
                                           : "the last one of each run, learning rate decayed");
  list.item("Evaluation", records.empty() ? column_text(chapter.points, "validation_tokens")
                                          : spec_text(records, [](const RunSpec& s) {
                                              return std::to_string(s.validation_tokens) +
                                                     " tokens, the same for all runs of one spec";
                                            }));
  std::set<std::int64_t> seeds;
  for (const Point& point : chapter.points.points) {
    if (point.seed) seeds.insert(*point.seed);
  }
  list.item("Seeds", seeds.empty() ? "" : std::to_string(seeds.size()) + " distinct");
  std::string left_out = std::to_string(chapter.points.n_skipped_rows) + " rows";
  for (const Valley& valley : chapter.fit->valleys) {
    if (valley.usable()) continue;
    left_out += "; the budget " + rounded_text(valley.budget, 3) + " from the laws (" +
                std::string(to_string(valley.status)) + ")";
  }
  list.item("Left out", left_out);
}

}  // namespace isoflop
