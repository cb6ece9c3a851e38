// SPDX-License-Identifier: Apache-2.0
#include "law/power_law_json.h"

#include <utility>

namespace isoflop {
namespace {

constexpr double kMostFlops = 1e40;

}  // namespace

double read_exponent(const JsonReader& json) { return json.number(-kMaxExponent, kMaxExponent); }

PowerLaw read_power_law(const JsonReader& json) {
  const std::vector<JsonReader> pair = json.elements(2);
  return {.coefficient = pair[0].positive(), .exponent = read_exponent(pair[1])};
}

Json power_law_json(const PowerLaw& law) {
  return Json(Json::Array{Json(law.coefficient), Json(law.exponent)});
}

std::optional<Flops> read_flops(const JsonReader& json, std::string_view key) {
  const std::optional<JsonReader> member = json.find(key);
  if (!member) return std::nullopt;
  const double flops = member->positive();
  if (!(flops >= 1 && flops <= kMostFlops)) member->fail("must be from 1 to 1e40 FLOPs");
  return Flops(flops);
}

void set_flops(Json& json, std::string key, const std::optional<Flops>& flops) {
  if (flops) json.set(std::move(key), flops->value());
}

}  // namespace isoflop
