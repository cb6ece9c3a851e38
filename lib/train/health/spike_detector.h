// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace isoflop {

/// What a step's loss looks like beside those before it.
struct SpikeVerdict {
  /// (loss - median) / (1.4826 MAD) of the window; absent for a loss that is not finite, and while
  /// the window holds too few values.
  std::optional<double> z;
  bool is_spike = false;
};

/// Compares each loss with the last 128 by median and median absolute deviation: half of the window
/// would have to be spikes to hide one. Losses that are not finite leave no trace (a mean and a
/// standard deviation would be NaN for as long as one is in the window).
///
/// A loss that stays up is normal again once it fills half of the window. Steps do not allocate.
class SpikeDetector {
 public:
  static constexpr std::size_t kWindow = 128;  // steps
  static constexpr std::size_t kFewest = 32;   // values before anything is said
  static constexpr double kThreshold = 6;      // in standard deviations of a normal distribution
  static constexpr double kLeastScale = 1e-4;  // of the median: what varies less is constant

  /// Judges the loss [nats] of the next step, then takes it into the window.
  SpikeVerdict observe(double loss_nats);

  /// The window, oldest first. A detector with the same state says the same from then on.
  [[nodiscard]] std::vector<double> state() const;
  /// Throws Error(invalid_argument) for what state() cannot have returned.
  void restore(std::span<const double> state);

 private:
  void add(double loss_nats);

  std::array<double, kWindow> losses_{};  // a ring
  std::size_t n_losses_ = 0, next_ = 0;
};

}  // namespace isoflop
