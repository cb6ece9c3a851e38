// SPDX-License-Identifier: Apache-2.0
#include "checks/curve_checks.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "isoflop/error.h"

namespace isoflop::cli {
namespace {

constexpr std::size_t kMostNamed = 3;

/// "a, b, c and 4 more"
std::string some_of(std::vector<std::string> names) {
  const std::size_t n = names.size();
  if (n <= kMostNamed) return join(names, ", ");
  names.resize(kMostNamed);
  return join(names, ", ") + " and " + std::to_string(n - kMostNamed) + " more";
}

bool never_changes(const TrainingCurve& curve) {
  const auto [low, high] = std::minmax_element(curve.metric.begin(), curve.metric.end());
  return curve.metric.size() > 1 && *low == *high;
}

}  // namespace

void require_scale(const std::string& file, std::span<const TrainingCurve> curves,
                   LossLaw::Scale scale) {
  const bool params = scale == LossLaw::Scale::params;
  for (const TrainingCurve& curve : curves) {
    if (params ? curve.params.has_value() : curve.flops_per_token.has_value()) continue;
    throw Error(ErrorCode::parse, file + ": row 1: has no column " + std::string(to_string(scale)) +
                                      ", in which sizes are fitted; --scale " +
                                      (params ? "flops_per_token" : "params") +
                                      " takes the other one");
  }
}

std::vector<std::string> curve_warnings(const std::string& file,
                                        std::span<const TrainingCurve> curves,
                                        const PointSet& points) {
  std::set<std::string> known;
  for (const Point& point : points.points) {
    if (has_run_id(point)) known.insert(point.label);
  }
  std::vector<std::string> unknown, constant;
  for (const TrainingCurve& curve : curves) {
    if (known.count(curve.run) == 0) unknown.push_back(curve.run);
    if (never_changes(curve)) constant.push_back(curve.run);
  }
  std::vector<std::string> warnings;
  if (known.empty()) {
    warnings.push_back(file + ": the points name no runs, so that nobody can tell whether the " +
                       "curves are theirs; give them a column run_id");
  } else if (unknown.size() == curves.size()) {
    throw Error(ErrorCode::parse, file +
                                      ": column run_id: no curve is of a run of the points; got " +
                                      some_of(unknown) + ", the points have " +
                                      some_of({known.begin(), known.end()}));
  } else if (!unknown.empty()) {
    warnings.push_back(file + ": " + std::to_string(unknown.size()) + " of " +
                       std::to_string(curves.size()) +
                       " curves are of runs that are not among the points: " + some_of(unknown));
  }
  if (!constant.empty()) {
    warnings.push_back(
        file + ": " + std::to_string(constant.size()) + " of " + std::to_string(curves.size()) +
        " curves have one loss from their first row to their last: " + some_of(constant));
  }
  return warnings;
}

}  // namespace isoflop::cli
