// SPDX-License-Identifier: Apache-2.0
#include "fit/anneal/annealing_input.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

constexpr double kSameRate = 1e-3;  // of the peak: less is rounding

[[noreturn]] void refuse(const std::string& complaint) {
  throw Error(ErrorCode::invalid_argument, complaint);
}

void require_rates(const std::string& name, std::span<const double> lr) {
  if (lr.empty()) refuse(name + ": has no learning rates");
  for (std::size_t i = 0; i < lr.size(); ++i) {
    if (std::isfinite(lr[i]) && lr[i] >= 0) continue;
    refuse(name + ": step " + std::to_string(i + 1) +
           ": the learning rate must be a number >= 0, got " + exact_text(lr[i]));
  }
  if (*std::max_element(lr.begin(), lr.end()) <= 0) refuse(name + ": every learning rate is 0");
}

void require_losses(const RateCurve& curve) {
  if (curve.steps.size() != curve.loss.size()) {
    refuse(curve.run + ": has " + std::to_string(curve.steps.size()) + " steps and " +
           std::to_string(curve.loss.size()) + " losses");
  }
  const auto n_steps = static_cast<std::int64_t>(curve.lr.size());
  std::int64_t last = 0;
  for (std::size_t i = 0; i < curve.steps.size(); ++i) {
    const std::int64_t step = curve.steps[i];
    if (step <= last || step > n_steps) {
      refuse(curve.run + ": loss " + std::to_string(i + 1) + ": its step must be above " +
             std::to_string(last) + " and at most " + std::to_string(n_steps) +
             ", the number of rates, got " + std::to_string(step));
    }
    if (!(std::isfinite(curve.loss[i]) && curve.loss[i] > 0)) {
      refuse(curve.run + ": step " + std::to_string(step) +
             ": the loss must be a number > 0, got " + exact_text(curve.loss[i]));
    }
    last = step;
  }
}

}  // namespace

void require_annealing_input(const std::vector<RateCurve>& curves,
                             const AnnealingOptions& options) {
  if (curves.empty()) refuse("the annealing law needs a training curve");
  for (const RateCurve& curve : curves) {
    require_rates(curve.run, curve.lr);
    require_losses(curve);
  }
  for (const AnnealingTarget& target : options.targets) require_rates(target.name, target.lr);
  if (options.lambda && !(*options.lambda >= 0 && *options.lambda < 1)) {
    refuse("lambda must be at least 0 and below 1, got " + exact_text(*options.lambda));
  }
  if (options.delta && !(*options.delta > 0)) {
    refuse("delta must be above 0, got " + exact_text(*options.delta));
  }
  if (options.from_step && *options.from_step < 1) {
    refuse("the first step must be at least 1, got " + std::to_string(*options.from_step));
  }
}

std::int64_t first_annealing_step(const std::vector<RateCurve>& curves,
                                  const AnnealingOptions& options) {
  if (options.from_step) return *options.from_step;
  std::int64_t warmup = 0;
  std::int64_t longest = 0;
  for (const RateCurve& curve : curves) {
    warmup = std::max(warmup, warmup_of(curve.lr));
    if (!curve.steps.empty()) longest = std::max(longest, curve.steps.back());
  }
  return std::max(2 * warmup, longest / 10) + 1;
}

std::optional<std::int64_t> first_decayed_step(std::span<const double> lr) {
  const auto peak = static_cast<std::size_t>(warmup_of(lr));
  for (std::size_t i = peak; i < lr.size(); ++i) {
    if (lr[i] < (1 - kSameRate) * lr[peak]) return static_cast<std::int64_t>(i) + 1;
  }
  return std::nullopt;
}

bool has_decay(std::span<const double> lr, std::int64_t last) {
  const std::optional<std::int64_t> first = first_decayed_step(lr);
  return first && *first <= last;
}

}  // namespace isoflop
