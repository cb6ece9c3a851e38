// SPDX-License-Identifier: Apache-2.0
#include "run/record_health.h"

#include <cmath>

#include "run/collapse.h"
#include "run/metrics_file.h"

namespace isoflop {

void measure_health(const std::filesystem::path& metrics_file, RunRecord& record) {
  std::int64_t n_steps = 0, n_spikes = 0, n_clipped = 0;
  bool all_known = true;
  for_each_step(metrics_file, [&](const StepMetrics& step) {
    all_known = all_known && step.step == ++n_steps && std::isfinite(step.grad_norm);
    n_spikes += step.is_spike;
    n_clipped += step.grad_norm > record.spec.grad_clip;
  });
  if (!all_known || n_steps == 0 || n_steps != record.steps_done) return;
  record.n_spikes = n_spikes;
  record.clip_fraction = static_cast<double>(n_clipped) / static_cast<double>(n_steps);
  record.loss_curve = read_loss_curve(metrics_file, record.spec.n_steps);
}

}  // namespace isoflop
