// SPDX-License-Identifier: Apache-2.0
#include "fit/anneal/annealing_bins.h"

#include <algorithm>
#include <cmath>

#include "fit/anneal/annealing_input.h"

namespace isoflop {
namespace {

constexpr double kBins = 64;  // of a curve

/// The last step up to which two curves have the same rates and losses.
std::int64_t common_steps(const RateCurve& a, const RateCurve& b) {
  const std::size_t most = std::min(a.lr.size(), b.lr.size());
  std::size_t n = 0;
  while (n < most && a.lr[n] == b.lr[n]) ++n;
  const std::size_t losses = std::min(a.steps.size(), b.steps.size());
  std::int64_t last = 0;
  for (std::size_t i = 0; i < losses; ++i) {
    const bool same = a.steps[i] == b.steps[i] && a.loss[i] == b.loss[i];
    if (!same || a.steps[i] > static_cast<std::int64_t>(n)) break;
    last = a.steps[i];
  }
  return last;
}

/// Where a step lies among the bins of its curve, which is used from step `first` to `last`.
class BinScale {
 public:
  BinScale(const std::vector<double>& lr, std::int64_t first, std::int64_t last)
      : first_(first), last_(last), changes_(lr.size(), 0) {
    const auto peak = static_cast<std::size_t>(warmup_of(lr));
    for (std::size_t i = 1; i < lr.size(); ++i) {
      changes_[i] = changes_[i - 1] + (i > peak ? std::abs(lr[i] - lr[i - 1]) : 0);
    }
    decay_begins_ = first;
    while (decay_begins_ < last && changes_at(decay_begins_) <= changes_at(first)) {
      ++decay_begins_;
    }
  }
  [[nodiscard]] std::int64_t bin_of(std::int64_t step) const {
    const double by_log = std::log(static_cast<double>(step) / static_cast<double>(first_)) /
                          std::log(static_cast<double>(last_ + 1) / static_cast<double>(first_));
    const double changes = changes_at(last_) - changes_at(first_);
    double place = by_log;
    if (changes > 0) {
      const double by_change = (changes_at(step) - changes_at(first_)) / changes;
      const double by_step = static_cast<double>(std::max<std::int64_t>(0, step - decay_begins_)) /
                             static_cast<double>(last_ + 1 - decay_begins_);
      place = 0.5 * by_log + 0.25 * by_change + 0.25 * by_step;
    }
    return static_cast<std::int64_t>(kBins * place);
  }

 private:
  [[nodiscard]] double changes_at(std::int64_t step) const {
    return changes_[static_cast<std::size_t>(step - 1)];
  }
  std::int64_t first_, last_, decay_begins_ = 0;
  std::vector<double> changes_;  // of the rate, up to each step
};

struct Differences {
  double squares = 0;
  std::int64_t n = 0;
};

void add_bins(const RateCurve& curve, std::size_t number, std::int64_t from, AnnealingBins& all,
              Differences& differences) {
  const auto begin = std::lower_bound(curve.steps.begin(), curve.steps.end(), from);
  if (begin == curve.steps.end()) return;
  const BinScale scale(curve.lr, *begin, curve.steps.back());
  std::int64_t at = -1;
  double last = 0;
  for (auto step = begin; step != curve.steps.end(); ++step) {
    const double loss = curve.loss[static_cast<std::size_t>(step - curve.steps.begin())];
    const std::int64_t bin = scale.bin_of(*step);
    if (bin != at) {
      all.bins.push_back({.curve = number, .steps = {}, .loss = 0});
    } else {
      differences.squares += 0.5 * std::pow(std::log(loss / last), 2);
      ++differences.n;
    }
    at = bin;
    last = loss;
    all.bins.back().steps.push_back(*step);
    all.bins.back().loss += loss;
    ++all.n_losses;
  }
}

}  // namespace

AnnealingBins annealing_bins(const std::vector<RateCurve>& curves, std::int64_t from_step) {
  AnnealingBins all;
  Differences differences;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    std::int64_t from = std::max(from_step, warmup_of(curves[i].lr) + 1);
    for (std::size_t j = 0; j < i; ++j) {
      from = std::max(from, common_steps(curves[j], curves[i]) + 1);
    }
    const std::size_t before = all.bins.size();
    add_bins(curves[i], i, from, all, differences);
    if (all.bins.size() > before && has_decay(curves[i].lr, curves[i].steps.back())) {
      all.has_decay = true;
    }
  }
  for (AnnealingBin& bin : all.bins) bin.loss /= static_cast<double>(bin.steps.size());
  if (differences.n > 0) {
    all.variance = differences.squares / static_cast<double>(differences.n);
  }
  return all;
}

}  // namespace isoflop
