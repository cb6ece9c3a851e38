// SPDX-License-Identifier: Apache-2.0
#include "isoflop/evidence.h"

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

double along(double low, double high, double share) {
  return std::exp(std::log(low) + share * (std::log(high) - std::log(low)));
}

/// Distances of the ends from the median, in ln.
struct Widths {
  double down = 0, up = 0;
};

Widths widths_of(const Interval& interval, double median) {
  return {std::log(median / interval.low), std::log(interval.high / median)};
}

std::optional<Interval> between(const std::optional<Interval>& a, double median_a,
                                const std::optional<Interval>& b, double median_b, double share) {
  if (!a || !b) return std::nullopt;
  const Widths from = widths_of(*a, median_a), to = widths_of(*b, median_b);
  const auto width = [&](double low, double high) {
    const double straight = low + share * (high - low);
    return share > 1 ? std::max(straight, high) : straight;
  };
  const double median = along(median_a, median_b, std::min(share, 1.0));
  const Interval interval{median * std::exp(-width(from.down, to.down)),
                          median * std::exp(width(from.up, to.up))};
  // They may end where there are no numbers any more.
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
          .size = between(a.size, a.size_median, b.size, b.size_median, share),
          .loss = between(a.loss, a.loss_median, b.loss, b.loss_median, share),
          .size_median = along(a.size_median, b.size_median, std::min(share, 1.0)),
          .loss_median = along(a.loss_median, b.loss_median, std::min(share, 1.0))};
}

}  // namespace isoflop
