// SPDX-License-Identifier: Apache-2.0
// Widths, heads and depths of the families of small shapes.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <string>

#include "isoflop/error.h"
#include "model/layer_rules.h"

namespace isoflop {
namespace {

constexpr std::int64_t kUniformFirst = 12, kMixedFirst = 16;
constexpr std::int64_t kCoarseFrom = 32;  // widths in steps of 8, of 4 below
constexpr std::int64_t kSmallestHead = 8, kLargestHead = 64;
constexpr std::int64_t kFewestLayers = 2;  // of uniform: one layer cannot copy
constexpr double kDepthRange = 1.6;
constexpr std::array kFamilies = {ShapeFamily::uniform, ShapeFamily::mixed};

std::int64_t octave(std::int64_t d_model) {
  return static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(d_model)));
}

/// 24 is what makes 8/3 d a multiple of 64; below 96 a step of 24 would change M by more than any
/// allowed factor.
std::int64_t mixed_width_step(std::int64_t d_model) {
  if (d_model < 48) return 4;
  if (d_model < 96) return 8;
  if (d_model < 384) return 24;
  if (d_model < 1536) return 96;
  return 384 * std::max<std::int64_t>(
                   1, d_model / (std::int64_t{384} * 16));  // d_head 128, d a multiple of 384
}

}  // namespace

std::string_view to_string(ShapeFamily family) {
  switch (family) {
    case ShapeFamily::uniform:
      return "uniform";
    case ShapeFamily::mixed:
      return "mixed";
  }
  ISOFLOP_CHECK(false, "a family of shapes that has a name");
}

ShapeFamily shape_family_from(std::string_view name) {
  for (const ShapeFamily family : kFamilies) {
    if (name == to_string(family)) return family;
  }
  throw Error(ErrorCode::invalid_argument,
              "must be uniform or mixed, got \"" + std::string(name) + "\"");
}

double ideal_depth(std::int64_t d_model) {
  return std::pow(static_cast<double>(d_model) / 16, 2.0 / 3.0);
}

std::int64_t uniform_depth(std::int64_t d_model) {
  return std::max<std::int64_t>(kFewestLayers, std::llround(ideal_depth(d_model)));
}

std::int64_t first_width(ShapeFamily family) {
  return family == ShapeFamily::uniform ? kUniformFirst : kMixedFirst;
}

std::int64_t next_width(std::int64_t d_model, ShapeFamily family) {
  if (family == ShapeFamily::mixed) return d_model + mixed_width_step(d_model);
  return d_model + (d_model < kCoarseFrom ? 4 : std::max<std::int64_t>(8, octave(d_model) / 8));
}

DepthRange depth_range(std::int64_t d_model, ShapeFamily family) {
  const double ideal = ideal_depth(d_model);
  const std::int64_t fewest = family == ShapeFamily::uniform ? kFewestLayers : 1;
  return {std::max<std::int64_t>(fewest, std::llround(ideal / kDepthRange)),
          std::max<std::int64_t>(fewest, std::llround(std::ceil(ideal * kDepthRange)))};
}

std::int64_t head_size(std::int64_t d_model, ShapeFamily family) {
  if (family == ShapeFamily::mixed) return d_model <= 192 ? 32 : d_model <= 768 ? 64 : 128;
  return std::clamp(octave(d_model) / 8, kSmallestHead, kLargestHead);
}

}  // namespace isoflop
