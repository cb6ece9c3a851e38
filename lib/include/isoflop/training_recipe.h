// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "isoflop/run_spec.h"

namespace isoflop {

/// How runs were trained, but for shape, data, batch, length and learning rate: what a law holds
/// under without saying so. Absent is not known, or not the same for all of them.
struct TrainingRecipe {
  std::optional<double> weight_decay = {}, adam_beta1 = {}, adam_beta2 = {}, adam_epsilon = {},
                        grad_clip = {}, init_std = {};
  std::optional<LrSchedule> schedule = {};
  /// With the shape on which the values were tuned, where it is not standard.
  std::optional<Parametrisation> parametrisation = {};
  std::int64_t base_d_model = 0, base_n_layers = 0;
  std::optional<std::int64_t> validation_tokens = {};

  bool operator==(const TrainingRecipe&) const = default;
  [[nodiscard]] bool empty() const { return *this == TrainingRecipe(); }
};

/// What all specs have in common; nothing where there are none.
[[nodiscard]] TrainingRecipe common_recipe(std::span<const RunSpec> specs);

/// What `first` says, and for the rest what `second` does.
[[nodiscard]] TrainingRecipe first_of(const TrainingRecipe& first, const TrainingRecipe& second);

/// Puts what the recipe says into a spec.
void apply(const TrainingRecipe& recipe, RunSpec& spec);

}  // namespace isoflop
