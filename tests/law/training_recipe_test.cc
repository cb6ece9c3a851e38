// SPDX-License-Identifier: Apache-2.0
#include "isoflop/training_recipe.h"

#include <vector>

#include "support/catch.h"

using namespace isoflop;

TEST_CASE("runs have in common what all of them say, and no more") {
  std::vector<RunSpec> specs(3);
  for (RunSpec& spec : specs) spec.weight_decay = 0.02;
  specs[1].adam_beta2 = 0.99;
  specs[2].schedule.kind = ScheduleKind::cosine;
  const TrainingRecipe recipe = common_recipe(specs);
  CHECK(recipe.weight_decay == 0.02);
  CHECK(recipe.adam_beta1 == 0.9);
  CHECK_FALSE(recipe.adam_beta2);
  CHECK_FALSE(recipe.schedule);
  CHECK(common_recipe({}).empty());
}

TEST_CASE("a recipe is what is given first, then what the runs had, then what the spec says") {
  const TrainingRecipe given{.weight_decay = 0.3};
  const TrainingRecipe runs{.weight_decay = 0.02, .init_std = 0.02};
  RunSpec spec;
  apply(first_of(given, runs), spec);
  CHECK(spec.weight_decay == 0.3);
  CHECK(spec.init_std == 0.02);
  CHECK(spec.adam_beta2 == RunSpec().adam_beta2);
}
