// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace isoflop {

/// The gradient of a batch of B tokens is the true gradient G plus noise of covariance Sigma / B.
struct NoiseEstimate {
  double gradient_squared = 0;  // |G|^2
  double noise_trace = 0;       // tr Sigma, per token
  /// B_simple = tr Sigma / |G|^2: the batch [tokens] at which noise and gradient are of one size,
  /// near the critical batch size (arXiv:1812.06162, sec. 2).
  double tokens = 0;
  /// Of `tokens`, as if steps were independent and alike.
  double standard_error = 0;
};

/// The gradient noise scale of a run, from the squared norms of the gradients of small batches of b
/// tokens and of the big batch of B tokens that they make up: by arXiv:1812.06162, appendix A.1,
///   |G|^2    = (B |G_B|^2 - b |G_b|^2) / (B - b)
///   tr Sigma = (|G_b|^2 - |G_B|^2) / (1/b - 1/B)
/// are unbiased at every step. Each is averaged over steps exponentially, from the first step on
/// with weights that add up to one, and their ratio is taken last: it is not unbiased, but
/// consistent.
class NoiseScale {
 public:
  static constexpr double kDecay = 0.99;
  static constexpr std::int64_t kFewest = 20;  // steps before anything is said

  /// Throws Error(invalid_argument) unless 0 < small_tokens < big_tokens.
  NoiseScale(std::int64_t small_tokens, std::int64_t big_tokens, double decay = kDecay);

  /// Squared norms of mean gradients (of the loss per token) of one step: of the small batches,
  /// averaged over them, and of the big batch; neither clipped. A step where one of them is not
  /// finite leaves no trace.
  void add(double small_norm_squared, double big_norm_squared);

  /// Absent after fewer than kFewest steps and while either estimate is not positive.
  [[nodiscard]] std::optional<NoiseEstimate> estimate() const;

  /// Six numbers. An object of the same batches and decay with the same state goes on the same.
  [[nodiscard]] std::vector<double> state() const;
  /// Throws Error(invalid_argument) for what state() cannot have returned.
  void restore(std::span<const double> state);

 private:
  double small_, big_, decay_;
  std::int64_t n_steps_ = 0;
  /// Sums with weights (1 - decay) decay^age: s = tr Sigma and g = |G|^2 of a step.
  double s_ = 0, g_ = 0, ss_ = 0, sg_ = 0, gg_ = 0;
};

}  // namespace isoflop
