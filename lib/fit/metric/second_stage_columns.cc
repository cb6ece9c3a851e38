// SPDX-License-Identifier: Apache-2.0
#include "fit/metric/second_stage_columns.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/text.h"
#include "fit/metric/second_stage.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

std::vector<StagePoint> points_of(const PointSet& set, const std::string& column) {
  const bool bits = set.frame.metric == Metric::bits_per_byte;
  std::vector<StagePoint> points;
  for (const Point& point : set.points) {
    const auto entry = point.other.find(column);
    if (entry == point.other.end()) continue;
    const std::optional<double> value = parse_double(entry->second);
    if (!value || !std::isfinite(*value)) {
      throw Error(ErrorCode::invalid_argument, point.label + ", column " + column +
                                                   ": must be a finite number, got \"" +
                                                   entry->second + "\"");
    }
    points.push_back({.loss = (bits ? point.bits_per_byte : point.loss).value(),
                      .metric = *value,
                      .compute = point.compute_flops(),
                      .trunk = point.trunk});
  }
  return points;
}

std::vector<std::string> further_columns(const PointSet& set) {
  std::set<std::string> names;
  for (const Point& point : set.points) {
    for (const auto& [name, value] : point.other) names.insert(name);
  }
  return {names.begin(), names.end()};
}

void require_columns(const PointSet& set, const std::vector<std::string>& columns) {
  if (columns.empty()) return;
  const std::vector<std::string> known = further_columns(set);
  std::set<std::string> asked;
  for (const std::string& column : columns) {
    if (!asked.insert(column).second) {
      throw Error(ErrorCode::invalid_argument,
                  "metric_columns: \"" + column + "\" is asked for twice");
    }
    if (std::find(known.begin(), known.end(), column) != known.end()) continue;
    throw Error(ErrorCode::invalid_argument,
                "metric_columns: no point has a further column \"" + column +
                    "\"; there are: " + (known.empty() ? "none" : join(known, ", ")));
  }
}

std::vector<StageTarget> targets_of(const Fit& fit) {
  std::vector<StageTarget> targets;
  for (const Target& target : fit.targets) {
    const auto told = std::find_if(target.estimates.begin(), target.estimates.end(),
                                   [](const TargetEstimate& e) { return e.loss.value > 0; });
    if (told != target.estimates.end()) targets.push_back({target.compute, told->loss});
  }
  return targets;
}

}  // namespace

std::vector<SecondStage> fit_second_stages(const PointSet& points, const Fit& fit) {
  require_columns(points, fit.options.metric_columns);
  const std::vector<StageTarget> targets = targets_of(fit);
  std::vector<SecondStage> stages;
  for (const std::string& column : fit.options.metric_columns) {
    stages.push_back(
        fit_second_stage(column, points_of(points, column), targets,
                         {.n_bootstrap = fit.options.n_bootstrap, .seed = fit.options.seed}));
  }
  return stages;
}

}  // namespace isoflop
