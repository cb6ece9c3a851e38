// SPDX-License-Identifier: Apache-2.0
#include "isoflop/evidence.h"

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

double along(double low, double high, double share) {
  return std::exp(std::log(low) + share * (std::log(high) - std::log(low)));
}

std::optional<Interval> between(const std::optional<Interval>& a, const std::optional<Interval>& b,
                                double share) {
  if (!a || !b) return std::nullopt;
  const Interval interval{along(a->low, b->low, share), along(a->high, b->high, share)};
  // Lines that go on beyond the last interval may end where there are no numbers any more.
  if (!(interval.low > 0) || !std::isfinite(interval.high)) return std::nullopt;
  return interval;
}

}  // namespace

LawIntervals intervals_at(const Evidence& evidence, double ratio) {
  const std::vector<LawIntervals>& intervals = evidence.intervals;
  if (intervals.empty()) return {.ratio = ratio};
  if (intervals.size() == 1 || ratio <= intervals.front().ratio) {
    LawIntervals first = intervals.front();
    first.ratio = ratio;
    return first;
  }
  const auto after =
      std::find_if(intervals.begin() + 1, intervals.end() - 1,
                   [&](const LawIntervals& interval) { return interval.ratio >= ratio; });
  const LawIntervals &a = *(after - 1), &b = *after;
  const double share = std::log(ratio / a.ratio) / std::log(b.ratio / a.ratio);
  return {.ratio = ratio,
          .size = between(a.size, b.size, share),
          .loss = between(a.loss, b.loss, share),
          .size_median = along(a.size_median, b.size_median, share),
          .loss_median = along(a.loss_median, b.loss_median, share)};
}

}  // namespace isoflop
