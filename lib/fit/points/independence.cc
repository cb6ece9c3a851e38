// SPDX-License-Identifier: Apache-2.0
#include "fit/points/independence.h"

#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "base/text.h"

namespace isoflop {
namespace {

std::string text_of(const std::optional<double>& value) {
  return value ? exact_text(*value) : std::string();
}

/// All that a point states, as one string. Rows without a run_id are told apart by nothing else.
std::string statement_of(const Point& point) {
  std::string text;
  const auto add = [&](const std::string& field) { text += field + '\n'; };
  add(has_run_id(point) ? point.label : "");
  for (const auto& value :
       {point.params, point.flops_per_token, std::optional(point.tokens), point.loss,
        point.bits_per_byte, point.compute, point.budget, point.batch_tokens, point.peak_lr}) {
    add(text_of(value));
  }
  add(point.dataset);
  add(point.trunk);
  add(point.seed ? std::to_string(*point.seed) : "");
  for (const auto& [name, value] : point.other) add(name + '=' + value);
  return text;
}

/// Of another size or seed it is another run, whatever its name.
using Run = std::tuple<std::string, double, std::optional<std::int64_t>>;

Run run_of(const Point& point) {
  return {point.label, point.params.value_or(point.flops_per_token.value_or(0)), point.seed};
}

}  // namespace

IndependentPoints independent_points(const PointSet& given) {
  IndependentPoints result;
  result.points = given;
  result.points.points.clear();
  std::set<std::string> seen;
  std::map<Run, int> times;
  for (const Point& point : given.points) {
    if (!seen.insert(statement_of(point)).second) {
      result.duplicates.push_back(point.label);
      continue;
    }
    result.points.points.push_back(point);
    if (has_run_id(point)) ++times[run_of(point)];
  }
  std::set<std::string> repeated;
  for (Point& point : result.points.points) {
    if (!point.trunk.empty() || !has_run_id(point) || times[run_of(point)] < 2) continue;
    point.trunk = point.label;
    repeated.insert(point.label);
  }
  result.repeated_runs.assign(repeated.begin(), repeated.end());
  return result;
}

}  // namespace isoflop
