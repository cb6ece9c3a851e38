// SPDX-License-Identifier: Apache-2.0
#include "record/rows/run_scalars.h"

#include <algorithm>

namespace isoflop {

void RunScalars::add(const ScalarEvent& event) {
  if (event.starts_session) forget_from(event.step);
  for (const ScalarEvent::Scalar& scalar : event.scalars) {
    if (!scalar.value || scalar.tag.empty()) continue;
    std::vector<Value>& series = series_[scalar.tag];
    // Not every writer says that it starts again, but then its steps go back.
    if (!series.empty() && event.step < series.back().step) forget_from(event.step);
    if (!series.empty() && event.step == series.back().step) series.pop_back();
    series.push_back({event.step, *scalar.value, event.wall_time});
  }
}

void RunScalars::forget_from(std::int64_t step) {
  for (auto& [tag, series] : series_) {
    while (!series.empty() && series.back().step >= step) series.pop_back();
  }
}

std::vector<std::string> RunScalars::tags() const {
  std::vector<std::string> tags;
  for (const auto& [tag, series] : series_) {
    if (!series.empty()) tags.push_back(tag);
  }
  return tags;
}

std::optional<std::int64_t> RunScalars::last_step(const std::string& tag) const {
  const auto found = series_.find(tag);
  if (found == series_.end() || found->second.empty()) return std::nullopt;
  return found->second.back().step;
}

std::int64_t RunScalars::last_step() const {
  std::int64_t step = 0;
  for (const auto& [tag, series] : series_) {
    if (!series.empty()) step = std::max(step, series.back().step);
  }
  return step;
}

std::optional<double> RunScalars::value_at(const std::string& tag, std::int64_t step) const {
  const auto found = series_.find(tag);
  if (found == series_.end() || found->second.empty()) return std::nullopt;
  const std::vector<Value>& series = found->second;
  const auto after = std::upper_bound(series.begin(), series.end(), step,
                                      [](std::int64_t s, const Value& v) { return s < v.step; });
  return after == series.begin() ? series.back().value : std::prev(after)->value;
}

double RunScalars::wall_time_at(std::int64_t step) const {
  double wall_time = 0;
  for (const auto& [tag, series] : series_) {
    for (const Value& value : series) {
      if (value.step <= step) wall_time = std::max(wall_time, value.wall_time);
    }
  }
  return wall_time;
}

}  // namespace isoflop
