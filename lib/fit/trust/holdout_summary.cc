// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "fit/trust/holdout.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr double kLeastRatio = 2;

/// Worst and median per decade of one kind of error, and the median of what the found minimum's own
/// error leaves of it.
struct Spread {
  double worst = 0;
  std::vector<double> per_decade = {}, beyond_chance = {};
  void add(double error, double found_ln_se, double decades) {
    if (std::abs(error) > std::abs(worst)) worst = error;
    const double miss = std::abs(std::log1p(error));
    per_decade.push_back(miss / decades);
    beyond_chance.push_back(miss > kNormal90 * found_ln_se ? miss / decades : 0);
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
    scale.add(score.scale_error, score.found_ln_scale_se, decades);
    tokens.add(score.tokens_error, score.found_ln_scale_se, decades);
  }
  bool judges_loss = false;
  for (const HoldoutScore& score : scores_of_loss(scores, method)) {
    loss.add(score.loss_error, score.found_ln_loss_se, decades_of(score));
    judges_loss = judges_loss || score.judges_loss;
  }
  summary.worst = {scale.worst, tokens.worst, loss.worst};
  summary.median_per_decade = {median(scale.per_decade), median(tokens.per_decade),
                               median(loss.per_decade)};
  summary.misses_scale = median(scale.beyond_chance) > kPoorScaleError;
  summary.misses_loss = judges_loss && median(loss.beyond_chance) > kPoorLossError;
  return summary;
}

}  // namespace

double decades_of(const HoldoutScore& score) {
  return std::log10(std::max(kLeastRatio, score.ratio));
}

std::vector<HoldoutScore> scores_of_loss(std::span<const HoldoutScore> scores,
                                         const std::string& method) {
  std::vector<HoldoutScore> judging, all;
  for (const HoldoutScore& score : scores) {
    if (score.method != method) continue;
    all.push_back(score);
    if (score.judges_loss) judging.push_back(score);
  }
  return judging.empty() ? all : judging;
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
