// SPDX-License-Identifier: Apache-2.0
#include "fit/anneal/annealing_bins.h"

#include <algorithm>
#include <cmath>

#include "fit/anneal/annealing_input.h"

namespace isoflop {
namespace {

constexpr double kBins = 64;  // of a curve
constexpr std::int64_t kLeastPairs = 20;
constexpr double kSharedBeyondChance = 9;  // squared sds of a correlation, 1 / sqrt(n)
constexpr double kMostShare = 0.999;

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

/// Sums over neighbours within bins: of one curve's ln loss, and beside its reference's.
struct Differences {
  double squares = 0;
  std::int64_t n = 0;
  double paired_squares = 0, reference_squares = 0, products = 0;
  std::int64_t n_pairs = 0;
};

struct Collected {
  AnnealingBins all;
  Differences differences;
};

/// A curve's losses by step, as another's reference.
class Reference {
 public:
  Reference() = default;
  Reference(const RateCurve& curve, std::size_t number) : curve_(&curve), number_(number) {}
  [[nodiscard]] std::size_t number() const { return number_; }
  [[nodiscard]] std::optional<double> loss_at(std::int64_t step) const {
    if (curve_ == nullptr) return std::nullopt;
    const auto at = std::lower_bound(curve_->steps.begin(), curve_->steps.end(), step);
    if (at == curve_->steps.end() || *at != step) return std::nullopt;
    return curve_->loss[static_cast<std::size_t>(at - curve_->steps.begin())];
  }

 private:
  const RateCurve* curve_ = nullptr;
  std::size_t number_ = 0;
};

void add_difference(double change, std::optional<double> reference_change,
                    Differences& differences) {
  differences.squares += 0.5 * change * change;
  ++differences.n;
  if (!reference_change) return;
  differences.paired_squares += change * change;
  differences.reference_squares += *reference_change * *reference_change;
  differences.products += change * *reference_change;
  ++differences.n_pairs;
}

void add_bins(const RateCurve& curve, std::size_t number, std::int64_t from,
              const Reference& reference, Collected& collected) {
  AnnealingBins& all = collected.all;
  const auto begin = std::lower_bound(curve.steps.begin(), curve.steps.end(), from);
  if (begin == curve.steps.end()) return;
  const BinScale scale(curve.lr, *begin, curve.steps.back());
  std::int64_t at = -1;
  double last = 0;
  std::optional<double> reference_last;
  for (auto step = begin; step != curve.steps.end(); ++step) {
    const double loss = curve.loss[static_cast<std::size_t>(step - curve.steps.begin())];
    const std::optional<double> beside = reference.loss_at(*step);
    const std::int64_t bin = scale.bin_of(*step);
    if (bin != at || beside.has_value() != reference_last.has_value()) {
      all.bins.emplace_back().curve = number;
      if (beside) all.bins.back().reference = reference.number();
    } else {
      add_difference(
          std::log(loss / last),
          beside ? std::optional<double>(std::log(*beside / *reference_last)) : std::nullopt,
          collected.differences);
    }
    at = bin;
    last = loss;
    reference_last = beside;
    all.bins.back().steps.push_back(*step);
    all.bins.back().loss += loss;
    all.bins.back().reference_loss += beside.value_or(0);
    ++all.n_losses;
  }
}

void set_batches(const Differences& sums, AnnealingBins& all) {
  const double squares = sums.paired_squares * sums.reference_squares;
  const double share = squares > 0 ? sums.products * sums.products / squares : 0;
  const auto n = static_cast<double>(sums.n_pairs);
  if (sums.n_pairs >= kLeastPairs && sums.products > 0 && share * n > kSharedBeyondChance) {
    all.batch_slope = sums.products / sums.reference_squares;
    all.batch_share = std::min(share, kMostShare);
    return;
  }
  for (AnnealingBin& bin : all.bins) bin.reference.reset();
}

}  // namespace

AnnealingBins annealing_bins(const std::vector<RateCurve>& curves, std::int64_t from_step) {
  Collected collected;
  AnnealingBins& all = collected.all;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    std::int64_t common = 0;
    Reference reference;
    for (std::size_t j = 0; j < i; ++j) {
      const std::int64_t with_j = common_steps(curves[j], curves[i]);
      if (with_j <= common) continue;
      common = with_j;
      reference = Reference(curves[j], j);
    }
    const std::int64_t from = std::max({from_step, warmup_of(curves[i].lr) + 1, common + 1});
    const std::size_t before = all.bins.size();
    add_bins(curves[i], i, from, reference, collected);
    if (all.bins.size() > before && has_decay(curves[i].lr, curves[i].steps.back())) {
      all.has_decay = true;
    }
  }
  for (AnnealingBin& bin : all.bins) {
    bin.loss /= static_cast<double>(bin.steps.size());
    bin.reference_loss /= static_cast<double>(bin.steps.size());
  }
  const Differences& differences = collected.differences;
  if (differences.n > 0) {
    all.variance = differences.squares / static_cast<double>(differences.n);
    all.variance_dof = 2.0 / 3 * static_cast<double>(differences.n);
  }
  set_batches(differences, all);
  return std::move(collected.all);
}

}  // namespace isoflop
