// SPDX-License-Identifier: Apache-2.0
#include "train/health/spike_detector.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/text.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

constexpr double kNormalConsistency = 1.4826;  // 1 / Phi^-1(3/4): MAD of a normal to its sd

/// The mean of the two middle values where their number is even. Reorders `values`.
double median(std::span<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

}  // namespace

SpikeVerdict SpikeDetector::observe(double loss_nats) {
  SpikeVerdict verdict;
  if (!std::isfinite(loss_nats)) return verdict;
  if (n_losses_ >= kFewest) {
    std::array<double, kWindow> scratch = losses_;
    const std::span<double> values(scratch.data(), n_losses_);
    const double centre = median(values);
    for (double& value : values) value = std::abs(value - centre);
    const double scale =
        std::max(kNormalConsistency * median(values), kLeastScale * std::abs(centre));
    verdict.z = scale > 0 ? (loss_nats - centre) / scale : 0;
    verdict.is_spike = *verdict.z > kThreshold;
  }
  add(loss_nats);
  return verdict;
}

void SpikeDetector::add(double loss_nats) {
  losses_[next_] = loss_nats;
  next_ = (next_ + 1) % kWindow;
  n_losses_ = std::min(n_losses_ + 1, kWindow);
}

std::vector<double> SpikeDetector::state() const {
  std::vector<double> state;
  const std::size_t oldest = n_losses_ < kWindow ? 0 : next_;
  for (std::size_t i = 0; i < n_losses_; ++i) state.push_back(losses_[(oldest + i) % kWindow]);
  return state;
}

void SpikeDetector::restore(std::span<const double> state) {
  if (state.size() > kWindow) {
    throw Error(ErrorCode::invalid_argument, "spike detector: state must have at most " +
                                                 std::to_string(kWindow) + " losses, got " +
                                                 std::to_string(state.size()));
  }
  for (const double loss : state) {
    if (std::isfinite(loss)) continue;
    throw Error(ErrorCode::invalid_argument,
                "spike detector: state must hold finite losses, got " + exact_text(loss));
  }
  *this = SpikeDetector();
  for (const double loss : state) add(loss);
}

}  // namespace isoflop
