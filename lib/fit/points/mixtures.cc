// SPDX-License-Identifier: Apache-2.0
#include "fit/points/mixtures.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "base/text.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

constexpr double kMoreThanActive = 1.001;

std::optional<double> number_in(const Point& point, const char* column) {
  const auto entry = point.other.find(column);
  return entry == point.other.end() ? std::nullopt : parse_double(entry->second);
}

std::string place_of(const PointSet& set, std::size_t index) {
  const std::string& label = set.points[index].label;
  return label.empty() ? "point " + std::to_string(index + 1) : label;
}

/// A cell that is no number > 0 makes no dense point.
void require_numbers(const PointSet& set) {
  for (const char* column : {"n_experts", "total_params", "granularity"}) {
    for (std::size_t i = 0; i < set.points.size(); ++i) {
      const auto entry = set.points[i].other.find(column);
      if (entry == set.points[i].other.end()) continue;
      const std::optional<double> value = parse_double(entry->second);
      if (value && *value > 0 && std::isfinite(*value)) continue;
      throw Error(ErrorCode::invalid_argument, place_of(set, i) + ": " + column +
                                                   " must be a number > 0, got \"" + entry->second +
                                                   "\"");
    }
  }
}

bool is_of_mixtures(const std::string& form) { return form.rfind("moe_", 0) == 0; }

}  // namespace

bool is_mixture(const Point& point) {
  const std::optional<double> total = number_in(point, "total_params");
  return number_in(point, "n_experts").value_or(1) > 1 ||
         (total && point.params && *total > kMoreThanActive * *point.params);
}

void require_one_kind(const PointSet& set, const std::vector<std::string>& forms) {
  require_numbers(set);
  if (std::any_of(forms.begin(), forms.end(), is_of_mixtures)) return;
  std::optional<std::size_t> mixture, dense;
  for (std::size_t i = 0; i < set.points.size(); ++i) {
    std::optional<std::size_t>& first = is_mixture(set.points[i]) ? mixture : dense;
    if (!first) first = i;
  }
  if (!mixture || !dense) return;
  const std::optional<double> experts = number_in(set.points[*mixture], "n_experts");
  const std::string stated =
      experts ? "n_experts " + rounded_text(*experts, 6) : std::string("total_params above params");
  const std::string one_kind = experts ? "--where n_experts=" + rounded_text(*experts, 6) +
                                             " takes one kind, --forms moe_experts fits a form "
                                             "that knows both"
                                       : std::string("leave one kind out");
  throw Error(ErrorCode::frame_mismatch,
              place_of(set, *mixture) + " is of a mixture of experts (" + stated + "), " +
                  place_of(set, *dense) +
                  " of a dense model; one law does not hold for both: " + one_kind);
}

void warn_of_mixtures(const PointSet& set, std::vector<std::string>& warnings) {
  std::set<double> counts;
  for (const Point& point : set.points) {
    const auto experts = number_in(point, "n_experts");
    // A dense point beside mixtures has one, stated or not.
    if (experts || !is_mixture(point)) counts.insert(experts.value_or(1));
  }
  if (counts.size() < 2) return;
  warnings.push_back(
      "The points have " + std::to_string(counts.size()) + " numbers of experts, from " +
      rounded_text(*counts.begin(), 6) + " to " + rounded_text(*counts.rbegin(), 6) +
      ": laws and surface take them for one kind of model; --where n_experts=" +
      rounded_text(*counts.rbegin(), 6) + " takes one, --forms moe_experts fits what they do.");
}

}  // namespace isoflop
