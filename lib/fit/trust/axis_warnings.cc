// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <set>

#include "base/text.h"
#include "fit/trust/trust_warnings.h"

namespace isoflop {
namespace {

/// The value that all points have in common; nothing where they differ or a point has none.
template <class ValueOf>
std::optional<double> only_value(const PointSet& points, const ValueOf& value_of) {
  std::set<double> values;
  for (const Point& point : points.points) {
    const std::optional<double> value = value_of(point);
    if (!value || (values.insert(*value), values.size() > 1)) return std::nullopt;
  }
  return *values.begin();
}

}  // namespace

void warn_of_axes(const PointSet& points, Words& warnings) {
  if (points.points.size() < 2) return;
  if (const auto tokens =
          only_value(points, [](const Point& p) { return std::optional(p.tokens); })) {
    warnings.push_back("D has one value, " + rounded_text(*tokens) +
                       " tokens: no law of the tokens, and no split of a budget, follows from "
                       "these points; train some sizes on fewer and on more.");
  }
  const auto scale_of = [](const Point& p) { return p.params ? p.params : p.flops_per_token; };
  if (const auto scale = only_value(points, scale_of)) {
    warnings.push_back("N has one value, " + rounded_text(*scale) +
                       ": no law of the size, and no split of a budget, follows from these "
                       "points; train other sizes.");
  }
}

void warn_of_pooled(const Fit& fit, Words& warnings) {
  if (fit.pooled.empty()) return;
  constexpr std::size_t kNamed = 3;
  const std::vector<std::string> first(
      fit.pooled.begin(),
      fit.pooled.begin() + static_cast<std::ptrdiff_t>(std::min(kNamed, fit.pooled.size())));
  warnings.push_back("The column experiment has " + std::to_string(fit.pooled.size()) +
                     " values (" + join(first, ", ") + (fit.pooled.size() > kNamed ? ", ..." : "") +
                     "), and their runs are fitted as one: fit each by --where experiment=NAME.");
}

}  // namespace isoflop
