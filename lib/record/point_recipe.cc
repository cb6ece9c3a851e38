// SPDX-License-Identifier: Apache-2.0
#include "isoflop/point_recipe.h"

#include "base/json.h"
#include "base/text.h"
#include "isoflop/error.h"
#include "law/recipe_json.h"

namespace isoflop {
namespace {

constexpr const char* kRecipeColumns[] = {"weight_decay", "adam_beta1", "adam_beta2",
                                          "adam_epsilon", "grad_clip",  "init_std",
                                          "schedule"};

/// The cell that all points have in a column, if they agree.
std::optional<std::string> common_cell(const PointSet& points, const std::string& column) {
  std::optional<std::string> common;
  for (const Point& point : points.points) {
    const auto entry = point.other.find(column);
    if (entry == point.other.end() || entry->second.empty()) return std::nullopt;
    if (common && *common != entry->second) return std::nullopt;
    common = entry->second;
  }
  return common;
}

Json cell_json(const std::string& cell) {
  const std::optional<double> number = parse_double(cell);
  return number ? Json(*number) : Json(cell);
}

}  // namespace

TrainingRecipe stated_recipe(const PointSet& points) {
  TrainingRecipe recipe;
  for (const char* column : kRecipeColumns) {
    const std::optional<std::string> cell = common_cell(points, column);
    if (!cell) continue;
    const Json json = Json::object({{column, cell_json(*cell)}});
    try {
      recipe = first_of(recipe, read_recipe(JsonReader(json, "points")));
    } catch (const Error&) {
      continue;  // a value of another program's kind
    }
  }
  return recipe;
}

}  // namespace isoflop
