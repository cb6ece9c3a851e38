// SPDX-License-Identifier: Apache-2.0
#include "isoflop/training_recipe.h"

namespace isoflop {
namespace {

template <class Member>
auto common(std::span<const RunSpec> specs, Member member) {
  std::optional<std::decay_t<decltype(specs.front().*member)>> value = specs.front().*member;
  for (const RunSpec& spec : specs) {
    if (spec.*member != *value) return decltype(value)();
  }
  return value;
}

template <class T>
std::optional<T> either(const std::optional<T>& first, const std::optional<T>& second) {
  return first ? first : second;
}

}  // namespace

TrainingRecipe common_recipe(std::span<const RunSpec> specs) {
  TrainingRecipe recipe;
  if (specs.empty()) return recipe;
  recipe.weight_decay = common(specs, &RunSpec::weight_decay);
  recipe.adam_beta1 = common(specs, &RunSpec::adam_beta1);
  recipe.adam_beta2 = common(specs, &RunSpec::adam_beta2);
  recipe.adam_epsilon = common(specs, &RunSpec::adam_epsilon);
  recipe.grad_clip = common(specs, &RunSpec::grad_clip);
  recipe.init_std = common(specs, &RunSpec::init_std);
  recipe.schedule = common(specs, &RunSpec::schedule);
  recipe.validation_tokens = common(specs, &RunSpec::validation_tokens);
  const auto width = common(specs, &RunSpec::base_d_model);
  const auto depth = common(specs, &RunSpec::base_n_layers);
  if (width && depth) {
    recipe.parametrisation = common(specs, &RunSpec::parametrisation);
    if (recipe.parametrisation) {
      recipe.base_d_model = *width;
      recipe.base_n_layers = *depth;
    }
  }
  return recipe;
}

TrainingRecipe first_of(const TrainingRecipe& first, const TrainingRecipe& second) {
  TrainingRecipe recipe;
  recipe.weight_decay = either(first.weight_decay, second.weight_decay);
  recipe.adam_beta1 = either(first.adam_beta1, second.adam_beta1);
  recipe.adam_beta2 = either(first.adam_beta2, second.adam_beta2);
  recipe.adam_epsilon = either(first.adam_epsilon, second.adam_epsilon);
  recipe.grad_clip = either(first.grad_clip, second.grad_clip);
  recipe.init_std = either(first.init_std, second.init_std);
  recipe.schedule = either(first.schedule, second.schedule);
  recipe.validation_tokens = either(first.validation_tokens, second.validation_tokens);
  const TrainingRecipe& scaled = first.parametrisation ? first : second;
  recipe.parametrisation = scaled.parametrisation;
  recipe.base_d_model = scaled.base_d_model;
  recipe.base_n_layers = scaled.base_n_layers;
  return recipe;
}

void apply(const TrainingRecipe& recipe, RunSpec& spec) {
  spec.weight_decay = recipe.weight_decay.value_or(spec.weight_decay);
  spec.adam_beta1 = recipe.adam_beta1.value_or(spec.adam_beta1);
  spec.adam_beta2 = recipe.adam_beta2.value_or(spec.adam_beta2);
  spec.adam_epsilon = recipe.adam_epsilon.value_or(spec.adam_epsilon);
  spec.grad_clip = recipe.grad_clip.value_or(spec.grad_clip);
  spec.init_std = recipe.init_std.value_or(spec.init_std);
  spec.schedule = recipe.schedule.value_or(spec.schedule);
  spec.validation_tokens = recipe.validation_tokens.value_or(spec.validation_tokens);
  if (!recipe.parametrisation) return;
  spec.parametrisation = *recipe.parametrisation;
  spec.base_d_model = recipe.base_d_model;
  spec.base_n_layers = recipe.base_n_layers;
}

}  // namespace isoflop
