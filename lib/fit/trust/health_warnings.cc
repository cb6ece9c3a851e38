// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "base/text.h"
#include "fit/trust/trust_warnings.h"

namespace isoflop {
namespace {

constexpr double kEpochTolerance = 1.005;  // whole steps and sequences do not end where data does
constexpr double kLongWarmup = 0.1;        // share; arXiv:2406.19146: a long one alone moves laws
constexpr double kFewSteps = 500;
constexpr double kNearUniform = 0.6;    // of ln V: laws are not yet power laws there
constexpr double kMostlyClipped = 0.5;  // share of the steps

std::optional<double> number(const Point& point, const char* column) {
  const auto entry = point.other.find(column);
  if (entry == point.other.end()) return std::nullopt;
  return parse_double(entry->second);
}

std::string text(const Point& point, const char* column) {
  const auto entry = point.other.find(column);
  return entry == point.other.end() ? "" : entry->second;
}

std::optional<double> steps_of(const Point& point) {
  if (const auto steps = number(point, "n_steps")) return steps;
  if (point.batch_tokens) return point.tokens / *point.batch_tokens;
  return std::nullopt;
}

std::optional<double> epochs_of(const Point& point) {
  const auto unique = number(point, "unique_tokens");
  if (!unique || !(*unique > 0)) return std::nullopt;
  return point.tokens / *unique;
}

std::optional<double> warmup_share_of(const Point& point) {
  const auto warmup = number(point, "warmup_steps");
  const auto steps = steps_of(point);
  if (!warmup || !steps || !(*steps > 0)) return std::nullopt;
  return *warmup / *steps;
}

std::optional<double> uniform_share_of(const Point& point) {
  const auto vocab_size = number(point, "vocab_size");
  if (!vocab_size || !(*vocab_size > 1) || !point.loss) return std::nullopt;
  return *point.loss / std::log(*vocab_size);
}

/// Of the points that have a value, how many fulfil a condition, and the most extreme of them.
struct Tally {
  std::int64_t n = 0;
  double low = INFINITY, high = -INFINITY;
  [[nodiscard]] std::string runs() const { return std::to_string(n) + (n == 1 ? " run" : " runs"); }
};

Tally tally(const PointSet& points,
            const std::function<std::optional<double>(const Point&)>& value_of,
            const std::function<bool(double)>& is_bad) {
  Tally result;
  for (const Point& point : points.points) {
    const std::optional<double> value = value_of(point);
    if (!value || !is_bad(*value)) continue;
    ++result.n;
    result.low = std::min(result.low, *value);
    result.high = std::max(result.high, *value);
  }
  return result;
}

void warn_of_schedule(const PointSet& points, Words& warnings) {
  const Tally repeated = tally(points, epochs_of, [](double x) { return x > kEpochTolerance; });
  if (repeated.n > 0) {
    warnings.push_back(repeated.runs() + " saw data more than once, up to " +
                       rounded_text(repeated.high, 3) +
                       " epochs: the losses are not those of fresh data.");
  }
  const Tally warming = tally(points, warmup_share_of, [](double x) { return x > kLongWarmup; });
  if (warming.n > 0) {
    warnings.push_back(warming.runs() + " spent more than 10 % of the steps on warm-up, up to " +
                       percent_text(warming.high) + ": that alone moves exponents.");
  }
  const Tally hasty = tally(points, steps_of, [](double x) { return x < kFewSteps; });
  if (hasty.n > 0) {
    warnings.push_back(hasty.runs() + " took fewer than 500 steps, down to " +
                       rounded_text(hasty.low, 3) + ": their schedule is not a long run's.");
  }
}

// Per budget, of its best run: a curve's worse runs may be as bad as they like.
void warn_of_uniform(const PointSet& points, Words& warnings) {
  std::map<double, double> best;
  for (const Point& point : points.points) {
    const auto share = uniform_share_of(point);
    if (!share) continue;
    const double budget = point.budget.value_or(point.compute_flops());
    const auto [entry, is_new] = best.try_emplace(budget, *share);
    if (!is_new) entry->second = std::min(entry->second, *share);
  }
  Words budgets;
  for (const auto& [budget, share] : best) {
    if (share > kNearUniform) budgets.push_back(rounded_text(budget, 3));
  }
  if (budgets.empty()) return;
  const std::size_t n = budgets.size();
  if (n > 3) budgets.resize(3);
  warnings.push_back("The best loss is above 0.6 ln(vocab_size) at " + std::to_string(n) +
                     (n == 1 ? " budget" : " budgets") + " (" + join(budgets, ", ") +
                     (n > 3 ? ", ..." : "") +
                     "): too near to guessing for a law that has no upper bound; drop them.");
}

void warn_of_training(const PointSet& points, Words& warnings) {
  const auto other_outcome = [](const Point& point) {
    const std::string outcome = text(point, "outcome");
    return !outcome.empty() && outcome != "completed";
  };
  const auto n_failed = std::count_if(points.points.begin(), points.points.end(), other_outcome);
  if (n_failed > 0) {
    warnings.push_back(
        std::to_string(n_failed) + " of the points did not complete (" +
        text(*std::find_if(points.points.begin(), points.points.end(), other_outcome), "outcome") +
        "); they are fitted all the same.");
  }
  if (points.n_diverged_runs > 0) {
    warnings.push_back(std::to_string(points.n_diverged_runs) +
                       " runs diverged and are not among the points; minima beside them may be "
                       "those of stability, not of the loss.");
  }
  const auto value = [](const char* column) {
    return [column](const Point& point) { return number(point, column); };
  };
  const Tally spikes = tally(points, value("n_spikes"), [](double x) { return x > 0; });
  if (spikes.n > 0) {
    warnings.push_back(spikes.runs() + " had loss spikes, up to " + rounded_text(spikes.high, 3) +
                       "; compare with a repeated run.");
  }
  const Tally clipped =
      tally(points, value("clip_fraction"), [](double x) { return x > kMostlyClipped; });
  if (clipped.n > 0) {
    warnings.push_back(
        clipped.runs() + " had the gradient clipped in more than half of the steps, up to " +
        percent_text(clipped.high) +
        ": the optimizer sees directions only there, which may move the best rate and batch.");
  }
  const Tally apart = tally(points, value("collapse_outlier"), [](double x) { return x > 0; });
  if (apart.n > 0) {
    warnings.push_back(
        apart.runs() +
        " left the loss curve that the others share: mis-scaled or broken; look at its curve.");
  }
}

void warn_of_mixture(const PointSet& points, const char* column, const char* words,
                     Words& warnings) {
  std::set<std::string> values;
  for (const Point& point : points.points) {
    const std::string value = text(point, column);
    if (!value.empty()) values.insert(value);
  }
  if (values.size() < 2) return;
  warnings.push_back("The runs differ in " + std::string(words) + " (" +
                     join({values.begin(), values.end()}, ", ") +
                     "): compare one run on both before trusting a common law.");
}

}  // namespace

void warn_of_health(const PointSet& points, Words& warnings) {
  warn_of_schedule(points, warnings);
  warn_of_uniform(points, warnings);
  warn_of_training(points, warnings);
  warn_of_mixture(points, "precision", "numeric precision", warnings);
  warn_of_mixture(points, "device", "hardware", warnings);
  warn_of_mixture(points, "code_version", "code version", warnings);
}

}  // namespace isoflop
