// SPDX-License-Identifier: Apache-2.0
#include "fit/estimate/words.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/text.h"

namespace isoflop {

std::string percent_text(double ratio) {
  const double percent = 100 * ratio;
  const bool whole = std::abs(percent) >= 99.5;  // two digits would make it 1e+02
  return (whole ? rounded_text(std::round(percent), 6) : rounded_text(percent, 2)) + " %";
}
std::string at_budget(double budget) { return "budget " + rounded_text(budget, 3) + ": "; }

void WordsByPlace::add(const std::string& kind, Entry entry) {
  const auto known = std::find_if(kinds_.begin(), kinds_.end(),
                                  [&](const Kind& other) { return other.name == kind; });
  if (known != kinds_.end()) {
    known->entries.push_back(std::move(entry));
  } else {
    kinds_.push_back({kind, {std::move(entry)}});
  }
}

void WordsByPlace::append_to(Words& warnings) const {
  for (const Kind& kind : kinds_) {
    const auto worst =
        std::max_element(kind.entries.begin(), kind.entries.end(),
                         [](const Entry& a, const Entry& b) { return a.badness < b.badness; });
    std::vector<std::string> others;
    for (const Entry& entry : kind.entries) {
      if (&entry != &*worst) others.push_back(entry.place);
    }
    warnings.push_back(worst->before + worst->place +
                       (others.empty() ? "" : " (as at " + join(others, ", ") + ")") +
                       worst->after);
  }
}

}  // namespace isoflop
