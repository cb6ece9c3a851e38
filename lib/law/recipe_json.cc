// SPDX-License-Identifier: Apache-2.0
#include "law/recipe_json.h"

#include "isoflop/error.h"
#include "model/schedule_json.h"
#include "model/smallest_shape.h"

namespace isoflop {
namespace {

constexpr std::int64_t kMostTokens = std::int64_t{1} << 50;

std::optional<double> read_number_if(const JsonReader& reader, std::string_view key) {
  const auto member = reader.find(key);
  if (!member) return std::nullopt;
  return member->number();
}

/// A spec that may be run, but for what the recipe says.
RunSpec plain_spec() {
  RunSpec spec;
  spec.shape = smallest_shape(1);
  spec.dataset = "any";
  spec.batch_tokens = spec.n_steps = 1;
  spec.peak_lr = 1;
  return spec;
}

}  // namespace

Json recipe_json(const TrainingRecipe& recipe) {
  Json json = Json::object();
  json.set_if("weight_decay", recipe.weight_decay);
  json.set_if("adam_beta1", recipe.adam_beta1).set_if("adam_beta2", recipe.adam_beta2);
  json.set_if("adam_epsilon", recipe.adam_epsilon).set_if("grad_clip", recipe.grad_clip);
  json.set_if("init_std", recipe.init_std);
  if (recipe.schedule) json.set("schedule", schedule_json(*recipe.schedule));
  if (recipe.parametrisation) {
    json.set("parametrisation", to_string(*recipe.parametrisation));
    if (*recipe.parametrisation != Parametrisation::standard) {
      json.set("base_d_model", recipe.base_d_model).set("base_n_layers", recipe.base_n_layers);
    }
  }
  return json.set_if("validation_tokens", recipe.validation_tokens);
}

TrainingRecipe read_recipe(const JsonReader& reader) {
  reader.allow_only({"weight_decay", "adam_beta1", "adam_beta2", "adam_epsilon", "grad_clip",
                     "init_std", "schedule", "parametrisation", "base_d_model", "base_n_layers",
                     "validation_tokens"});
  TrainingRecipe recipe;
  recipe.weight_decay = read_number_if(reader, "weight_decay");
  recipe.adam_beta1 = read_number_if(reader, "adam_beta1");
  recipe.adam_beta2 = read_number_if(reader, "adam_beta2");
  recipe.adam_epsilon = read_number_if(reader, "adam_epsilon");
  recipe.grad_clip = read_number_if(reader, "grad_clip");
  recipe.init_std = read_number_if(reader, "init_std");
  if (const auto member = reader.find("schedule")) recipe.schedule = read_schedule(*member);
  if (const auto member = reader.find("parametrisation")) {
    recipe.parametrisation =
        static_cast<Parametrisation>(member->one_of({"standard", "mup", "complete_p"}));
  }
  if (const auto member = reader.find("base_d_model")) {
    recipe.base_d_model = member->integer(1, 1 << 20);
  }
  if (const auto member = reader.find("base_n_layers")) {
    recipe.base_n_layers = member->integer(1, 1 << 20);
  }
  if (const auto member = reader.find("validation_tokens")) {
    recipe.validation_tokens = member->integer(0, kMostTokens);
  }
  RunSpec spec = plain_spec();
  apply(recipe, spec);
  try {
    validate(spec);
  } catch (const Error& error) {
    throw Error(ErrorCode::parse, reader.file() + ": " + reader.path() + error.what());
  }
  return recipe;
}

}  // namespace isoflop
