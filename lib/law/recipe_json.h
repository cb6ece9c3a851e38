// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json.h"
#include "isoflop/training_recipe.h"

namespace isoflop {

/// The keys of a run spec of the same names; only what the recipe says.
[[nodiscard]] Json recipe_json(const TrainingRecipe& recipe);
/// Strict: an unknown key or a value that no run may have is an Error(parse).
[[nodiscard]] TrainingRecipe read_recipe(const JsonReader& reader);

}  // namespace isoflop
