// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fit/forms/surface_forms.h"
#include "isoflop/forms.h"
#include "isoflop/law.h"

namespace isoflop {

struct FormOptions {
  ObjectiveKind objective = ObjectiveKind::huber_log;
  double delta = 1e-3;
  LossLaw::Scale scale = LossLaw::Scale::params;
  std::optional<double> upper_bound = std::nullopt;  // of the metric; ln V
};

/// Every form named, in that order, at the global optimum of the objective: forms that know of
/// batches of `by_batch`, the others of `samples`. Throws Error(invalid_argument) for a name that
/// is not known.
[[nodiscard]] std::vector<FormFit> fit_forms(std::span<const Sample> samples,
                                             std::span<const Sample> by_batch,
                                             std::span<const std::string> names,
                                             const FormOptions& options);
[[nodiscard]] std::vector<FormFit> fit_forms(std::span<const Sample> samples,
                                             std::span<const std::string> names,
                                             const FormOptions& options);

/// p of lack_of_fit() below which the plain sum is not believed: it is warned of and corrects
/// nothing.
inline constexpr double kLackOfFitLevel = 0.01;

/// Chinchilla's form against `interaction`; nothing where fewer than 3 degrees of freedom remain
/// or a fit did not converge.
[[nodiscard]] std::optional<LackOfFit> lack_of_fit(std::span<const Sample> samples,
                                                   const FormOptions& options);

}  // namespace isoflop
