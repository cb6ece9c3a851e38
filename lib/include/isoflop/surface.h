// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "isoflop/estimate.h"
#include "isoflop/law.h"

namespace isoflop {

/// Summed over points; H is Huber's function with `delta`. mse: r^2, r = predicted - loss. huber:
/// H(r) of the same r. huber_log: H(r), r = ln predicted - ln loss.
enum class ObjectiveKind { huber_log, huber, mse };
[[nodiscard]] std::string_view to_string(ObjectiveKind);

/// The surface L = E + A / N^alpha + B / D^beta at its global optimum over E, A, B >= 0 and
/// alpha, beta > 0.
struct ParametricFit {
  LossLaw law;
  double a_exponent = 0, b_exponent = 0;  // N_opt ~ C^a, D_opt ~ C^b
  ObjectiveKind objective = ObjectiveKind::huber_log;
  double delta = 1e-3;
  double objective_value = 0;  // summed over points
  std::vector<std::string> at_bound;
  std::int64_t n_starts = 0, n_starts_agreeing = 0;
  Interval E, A, B, alpha, beta, a, b;  // bootstrap percentiles; empty if n_bootstrap is 0
  std::map<std::string, double> standard_errors;  // bootstrap, by the names above
  std::int64_t n_bootstrap = 0, n_bootstrap_failed = 0;
  std::vector<LossLaw> draws;  // the surfaces of the resamples that converged
  FitStatus status = FitStatus::too_few_points;
  [[nodiscard]] bool usable() const { return status == FitStatus::ok; }
};

}  // namespace isoflop
