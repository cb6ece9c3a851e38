// SPDX-License-Identifier: Apache-2.0
#include "train/health/noise_scale.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/text.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

constexpr std::size_t kStateSize = 6;

}  // namespace

NoiseScale::NoiseScale(std::int64_t small_tokens, std::int64_t big_tokens, double decay)
    : small_(static_cast<double>(small_tokens)),
      big_(static_cast<double>(big_tokens)),
      decay_(decay) {
  if (small_tokens <= 0 || big_tokens <= small_tokens) {
    throw Error(ErrorCode::invalid_argument,
                "noise scale: the small batch must have > 0 and fewer than the big batch's " +
                    std::to_string(big_tokens) + " tokens, got " + std::to_string(small_tokens));
  }
  if (!(decay > 0 && decay < 1)) {
    throw Error(ErrorCode::invalid_argument,
                "noise scale: decay must be between 0 and 1, got " + exact_text(decay));
  }
}

void NoiseScale::add(double small_norm_squared, double big_norm_squared) {
  if (!std::isfinite(small_norm_squared) || !std::isfinite(big_norm_squared)) return;
  const double s = (small_norm_squared - big_norm_squared) / (1 / small_ - 1 / big_);
  const double g = (big_ * big_norm_squared - small_ * small_norm_squared) / (big_ - small_);
  const auto average = [this](double& mean, double value) {
    mean = decay_ * mean + (1 - decay_) * value;
  };
  average(s_, s);
  average(g_, g);
  average(ss_, s * s);
  average(sg_, s * g);
  average(gg_, g * g);
  ++n_steps_;
}

std::optional<NoiseEstimate> NoiseScale::estimate() const {
  if (n_steps_ < kFewest || s_ <= 0 || g_ <= 0) return std::nullopt;
  // The weights add up to 1 - decay^n, their squares to (1 - decay) (1 - decay^2n) / (1 + decay).
  const double faded = std::pow(decay_, static_cast<double>(n_steps_));
  const double weight = 1 - faded;
  const double squares = (1 - decay_) * (1 - faded * faded) / (1 + decay_);
  NoiseEstimate estimate;
  estimate.gradient_squared = g_ / weight;
  estimate.noise_trace = s_ / weight;
  estimate.tokens = s_ / g_;
  // The ratio's error is that of the mean of s - tokens g, which is zero on average, over g.
  const double r = estimate.tokens;
  const double variance = std::max(0.0, (ss_ - 2 * r * sg_ + r * r * gg_) / weight);
  estimate.standard_error = std::sqrt(variance * squares) / weight / estimate.gradient_squared;
  return estimate;
}

std::vector<double> NoiseScale::state() const {
  return {static_cast<double>(n_steps_), s_, g_, ss_, sg_, gg_};
}

void NoiseScale::restore(std::span<const double> state) {
  const auto complain = [](const std::string& what) {
    throw Error(ErrorCode::invalid_argument, "noise scale: " + what);
  };
  if (state.size() != kStateSize) {
    complain("state must have 6 numbers, got " + std::to_string(state.size()));
  }
  for (const double value : state) {
    if (!std::isfinite(value)) complain("state must be finite, got " + exact_text(value));
  }
  if (state[0] < 0 || state[0] != std::floor(state[0]) || state[0] > 0x1p53) {
    complain("state must begin with a number of steps, got " + exact_text(state[0]));
  }
  n_steps_ = static_cast<std::int64_t>(state[0]);
  s_ = state[1];
  g_ = state[2];
  ss_ = state[3];
  sg_ = state[4];
  gg_ = state[5];
}

}  // namespace isoflop
