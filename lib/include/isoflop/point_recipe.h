// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "isoflop/point.h"
#include "isoflop/training_recipe.h"

namespace isoflop {

/// What the columns weight_decay, adam_beta1, adam_beta2, adam_epsilon, grad_clip, init_std and
/// schedule (multi_step, cosine, wsd, constant) say, where all points have one value that a run may
/// have; what else such a column holds is not ours.
[[nodiscard]] TrainingRecipe stated_recipe(const PointSet& points);

}  // namespace isoflop
