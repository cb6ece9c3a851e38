// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "base/build_info.h"
#include "base/text.h"
#include "isoflop/report.h"
#include "report/number_text.h"
#include "report/run_tables.h"

namespace isoflop {
namespace {

/// One line of the checklist: what is asked, and what the data say. An empty answer is said to be
/// missing: silence is what the checklist is against.
class Checklist {
 public:
  void section(const std::string& title) { text_ += "\n## " + title + "\n\n"; }
  void item(const std::string& question, const std::string& answer) {
    text_ += "- **" + question + "**: " + (answer.empty() ? "*not stated by the points*" : answer) +
             "\n";
    if (answer.empty()) missing_.push_back(question);
  }
  void paragraph(const std::string& text) { text_ += text + "\n"; }
  [[nodiscard]] const std::vector<std::string>& missing() const { return missing_; }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::vector<std::string> missing_;
};

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

void add_form(Checklist& list, const ReportChapter& chapter) {
  const Fit& fit = *chapter.fit;
  list.section("1. Functional form");
  list.item("Model scale",
            fit.scale == LossLaw::Scale::params ? "N, parameters" : "M, training FLOPs per token");
  list.item("Compute", "C = M D, FLOPs per token by `" +
                           std::string(to_string(fit.frame.convention)) +
                           "`; 6 N D where the points state no M");
  list.item("Iso-FLOP minima", fit.valleys.empty()
                                   ? "none: no budget has enough sizes"
                                   : "parabola of the metric in ln(scale) per budget, around the "
                                     "lowest point; ln(optimum) against ln C by weighted "
                                     "regression with scatter tau between budgets");
  list.item("Surface",
            fit.parametric ? "L = E + A / scale^alpha + B / D^beta" : "none: too few points");
  list.item("Best loss", fit.frontier ? "L*(C) = E + A C^-gamma through the minima" : "none");
}

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

std::string estimators_text(const Fit& fit) {
  std::vector<std::string> parts;
  for (const ValleyEstimator& estimator : fit.estimators) {
    if (!estimator.scale_opt.usable()) continue;
    parts.push_back(std::string(to_string(estimator.method)) + " " +
                    exponent_text(estimator.scale_opt));
  }
  if (fit.envelope && fit.envelope->usable()) {
    parts.push_back("envelope " + exponent_text(fit.envelope->scale_opt));
  }
  return parts.empty() ? "none" : join(parts, "; ");
}

std::string conventions_text(const ConventionLadder& ladder) {
  const auto [low, high] = std::minmax_element(
      ladder.rows.begin(), ladder.rows.end(), [](const ConventionFit& a, const ConventionFit& b) {
        return a.scale_opt.law.exponent < b.scale_opt.law.exponent;
      });
  if (low == ladder.rows.end()) return "none";
  std::string text = std::to_string(ladder.rows.size()) + " counts of FLOPs refitted: a from " +
                     exponent_text(low->scale_opt.law.exponent) + " (" +
                     std::string(to_string(low->convention)) + ") to " +
                     exponent_text(high->scale_opt.law.exponent) + " (" +
                     std::string(to_string(high->convention)) + ")";
  if (ladder.most_constant) {
    text += "; tokens per parameter are most constant by " +
            std::string(to_string(*ladder.most_constant));
  }
  if (!ladder.assumed.empty()) text += "; assumed: " + join(ladder.assumed, ", ");
  return text;
}

void add_uncertainty(Checklist& list, const Fit& fit) {
  std::string intervals =
      "90 %: Student's t with the scatter tau between budgets for the laws through minima";
  if (fit.scale_opt_uncorrected) {
    intervals += ", which are freed of the bias that the surface predicts for parabolas";
  }
  if (fit.surface_intervals) {
    intervals += "; calibrated for the surface (tau " +
                 rounded_text(fit.surface_intervals->tau, 2) + " from " +
                 std::to_string(fit.surface_intervals->n_budgets) + " budgets, noise of a run " +
                 percent(fit.surface_intervals->noise) +
                 "), beside percentiles of resamples, which hold no tau";
  } else if (fit.parametric) {
    intervals += "; percentiles of resamples for the surface, which hold no tau";
  }
  list.item("Intervals", intervals);
  list.item("Estimators of the exponent a", estimators_text(fit));
  list.item("FLOPs conventions", fit.conventions
                                     ? conventions_text(*fit.conventions)
                                     : "not refitted: the points do not state their shapes");
}

void add_fitting(Checklist& list, const ReportChapter& chapter) {
  const Fit& fit = *chapter.fit;
  const FitOptions& options = fit.options;
  list.section("4. Fitting");
  list.item("Objective", std::string(to_string(options.objective)) +
                             (options.objective == ObjectiveKind::mse
                                  ? ""
                                  : ", delta " + rounded_text(options.delta)) +
                             ", summed over points, each of weight 1");
  if (fit.parametric) {
    const ParametricFit& surface = *fit.parametric;
    list.item("Algorithm",
              "global search over alpha and beta, E, A and B inside, then Newton with "
              "exact derivatives; " +
                  std::to_string(surface.n_starts_agreeing) + " of " +
                  std::to_string(surface.n_starts) + " starts end in the optimum");
    list.item("Objective at the optimum", rounded_text(surface.objective_value, 10) + ", status " +
                                              std::string(to_string(surface.status)));
    list.item("Bounds hit", surface.at_bound.empty() ? "none" : join(surface.at_bound, ", "));
    list.item("Resamples", std::to_string(surface.n_bootstrap) + ", of which " +
                               std::to_string(surface.n_bootstrap_failed) +
                               " did not converge; seed " + std::to_string(options.seed));
  }
  add_uncertainty(list, fit);
  std::string holdout;
  for (const HoldoutScore& score : fit.holdout) {
    holdout += (holdout.empty() ? "" : "; ") + score.method + ", " + std::to_string(score.dropped) +
               " left out, " + rounded_text(score.ratio, 3) + " times the compute: size off by " +
               rounded_text(100 * score.scale_error, 2) + " %, loss by " +
               rounded_text(100 * score.loss_error, 2) + " %";
  }
  list.item("Hold-out", holdout.empty() ? "none: too few budgets with a minimum" : holdout);
  list.item("Program", "isoflop " + build_info().version);
}

}  // namespace

std::string methods_markdown(const ReportChapter& chapter) {
  Checklist list;
  list.paragraph("# Methods: " + chapter.title + "\n");
  list.paragraph(
      "The checklist of Li et al., \"(Mis)Fitting\" (arXiv:2502.18969), filled in from "
      "the points themselves.");
  if (!chapter.fit) {
    list.paragraph("\nNothing was fitted.");
    return list.take();
  }
  add_form(list, chapter);
  add_setup(list, chapter);
  add_collection(list, chapter);
  add_fitting(list, chapter);
  list.section("5. What a reader must know");
  for (const std::string& warning : chapter.fit->warnings) list.paragraph("- " + warning);
  if (!list.missing().empty()) {
    list.paragraph("- The points do not state: " + join(list.missing(), ", ") + ".");
  }
  return list.take();
}

}  // namespace isoflop
