// SPDX-License-Identifier: Apache-2.0
#include "train/health/run_health.h"

#include "isoflop/error.h"

namespace isoflop {

RunHealth::RunHealth(const RunSpec& spec) {
  const std::int64_t small = spec.micro_batch_seqs * spec.shape.seq_len;
  if (small < spec.batch_tokens) noise_.emplace(small, spec.batch_tokens);
}

void RunHealth::observe(const StepMeasures& measures, StepMetrics& metrics) {
  metrics.is_spike = spikes_.observe(measures.loss).is_spike;
  if (!noise_) return;
  const double big = measures.norms.unshared_gradient;
  noise_->add(measures.small_batch_square, big * big);
  if (const auto estimate = noise_->estimate()) metrics.noise_scale_tokens = estimate->tokens;
}

// The noise scale's numbers come first, if it has any; they are always as many.
std::vector<double> RunHealth::state() const {
  std::vector<double> state = noise_ ? noise_->state() : std::vector<double>{};
  const std::vector<double> spikes = spikes_.state();
  state.insert(state.end(), spikes.begin(), spikes.end());
  return state;
}

void RunHealth::restore(std::span<const double> state) {
  const std::size_t n_noise = noise_ ? noise_->state().size() : 0;
  ISOFLOP_CHECK(state.size() >= n_noise, "state of another run's health");
  if (noise_) noise_->restore(state.first(n_noise));
  spikes_.restore(state.subspan(n_noise));
}

}  // namespace isoflop
