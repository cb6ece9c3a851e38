// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "fit/trust/trust_warnings.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

// An interval half as wide as noise alone would make it needs four times the runs.
constexpr double kImplausible = 4;
constexpr double kFewIndependent = 0.5;

constexpr std::size_t kListed = 6;

std::string counted(std::size_t n, const char* one, const char* several) {
  return std::to_string(n) + ' ' + (n == 1 ? one : several);
}

std::string listed(const std::vector<std::string>& names) {
  const std::vector<std::string> first(
      names.begin(), names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), kListed)));
  return join(first, ", ") + (names.size() > kListed ? ", ..." : "");
}

// Of a column loss_se or bits_per_byte_se, in the unit of the metric; relative to the metric.
std::optional<double> evaluation_error(const Point& point, Metric metric) {
  const bool bits = metric == Metric::bits_per_byte;
  const std::optional<double>& value = bits ? point.bits_per_byte : point.loss;
  const auto entry = point.other.find(bits ? "bits_per_byte_se" : "loss_se");
  if (!value || entry == point.other.end()) return std::nullopt;
  const std::optional<double> error = parse_double(entry->second);
  if (!error || !std::isfinite(*error) || !(*error > 0)) return std::nullopt;
  return *error / *value;
}

}  // namespace

void warn_of_sample_size(const SampleSize& size, Words& warnings) {
  const auto n_runs = static_cast<double>(size.n_runs);
  for (const IntervalWorth& worth : size.intervals) {
    if (worth.runs_needed < kImplausible * n_runs) continue;
    const bool resampled = worth.of != "allocation.scale.exponent";
    warnings.push_back((resampled ? "The bootstrap's interval of " : "The interval of ") +
                       worth.of + " is narrower than the noise allows: it would need about " +
                       rounded_text(worth.runs_needed, 2) + " runs, there are " +
                       std::to_string(size.n_runs) +
                       (resampled ? "; quote the calibrated one." : "; do not quote it."));
  }
  if (!size.duplicates.empty()) {
    warnings.push_back(counted(size.duplicates.size(),
                               "row says what an earlier one says and counts once: ",
                               "rows say what an earlier one says and count once: ") +
                       listed(size.duplicates) + ".");
  }
  if (!size.repeated_runs.empty()) {
    warnings.push_back(counted(size.repeated_runs.size(), "run has several points, ",
                               "runs have several points, ") +
                       listed(size.repeated_runs) +
                       ": checkpoints of one run err together, as runs of one trunk do.");
  }
  if (shares_one_trunk(size)) {
    warnings.push_back("All " + std::to_string(size.n_runs) +
                       " points share one trunk: what they have in common no interval holds. Run "
                       "some sizes from another seed.");
  } else if (size.effective < kFewIndependent * n_runs) {
    warnings.push_back(std::to_string(size.n_runs) + " points share " +
                       std::to_string(size.n_independent) +
                       " trunks and are worth about as many as " + rounded_text(size.effective, 3) +
                       " independent ones.");
  }
}

void warn_of_evaluation(const PointSet& points, std::optional<double> run_noise, Words& warnings) {
  std::vector<double> errors;
  for (const Point& point : points.points) {
    if (const auto error = evaluation_error(point, points.frame.metric)) errors.push_back(*error);
  }
  if (errors.empty()) return;
  const double error = median(std::move(errors));
  if (!run_noise || *run_noise >= error) return;
  warnings.push_back("The losses were measured with a standard error of " + percent_text(error) +
                     ", above the scatter between runs of " + percent_text(*run_noise) +
                     ": they share their evaluation data, whose error no interval includes; "
                     "evaluate on more tokens, and difference recipes token by token.");
}

}  // namespace isoflop
