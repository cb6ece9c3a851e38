// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "fit/trust/holdout.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr double kLeastRatio = 2;

/// Worst and median per decade of one kind of error.
struct Spread {
  double worst = 0;
  std::vector<double> per_decade = {};
  void add(double error, double decades) {
    if (std::abs(error) > std::abs(worst)) worst = error;
    per_decade.push_back(std::abs(std::log1p(error)) / decades);
  }
};

HoldoutSummary summary_of(std::span<const HoldoutScore> scores, const std::string& method) {
  HoldoutSummary summary{.method = method};
  Spread scale, tokens, loss;
  for (const HoldoutScore& score : scores) {
    if (score.method != method) continue;
    ++summary.n_scores;
    summary.largest_ratio = std::max(summary.largest_ratio, score.ratio);
    const double decades = decades_of(score);
    scale.add(score.scale_error, decades);
    tokens.add(score.tokens_error, decades);
    loss.add(score.loss_error, decades);
  }
  summary.worst = {scale.worst, tokens.worst, loss.worst};
  summary.median_per_decade = {median(scale.per_decade), median(tokens.per_decade),
                               median(loss.per_decade)};
  summary.is_poor = summary.median_per_decade.scale > kPoorScaleError ||
                    summary.median_per_decade.loss > kPoorLossError;
  return summary;
}

}  // namespace

double decades_of(const HoldoutScore& score) {
  return std::log10(std::max(kLeastRatio, score.ratio));
}

std::vector<HoldoutSummary> summarize(std::span<const HoldoutScore> scores) {
  std::vector<HoldoutSummary> summaries;
  for (const HoldoutScore& score : scores) {
    const bool known = std::any_of(summaries.begin(), summaries.end(),
                                   [&](const auto& s) { return s.method == score.method; });
    if (!known) summaries.push_back(summary_of(scores, score.method));
  }
  return summaries;
}

}  // namespace isoflop
