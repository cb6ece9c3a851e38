// SPDX-License-Identifier: Apache-2.0
#include "isoflop/extrapolation.h"

namespace isoflop {
namespace {

constexpr double kCaution = 10;
constexpr double kNeedsEvidence = 100;
// A ratio that is a power of ten but for rounding.
constexpr double kRounding = 1 + 1e-9;

}  // namespace

std::string_view to_string(ExtrapolationLight light) {
  switch (light) {
    case ExtrapolationLight::ok:
      return "ok";
    case ExtrapolationLight::caution:
      return "caution";
    case ExtrapolationLight::only_with_holdout_evidence:
      return "only_with_holdout_evidence";
  }
  return "";
}

ExtrapolationLight extrapolation_light(double ratio) {
  if (ratio * kRounding < kCaution) return ExtrapolationLight::ok;
  return ratio <= kNeedsEvidence * kRounding ? ExtrapolationLight::caution
                                             : ExtrapolationLight::only_with_holdout_evidence;
}

ExtrapolationLight extrapolation_light(double ratio, bool has_good_holdout) {
  const ExtrapolationLight light = extrapolation_light(ratio);
  if (has_good_holdout || ratio <= 1) return light;
  return light == ExtrapolationLight::ok ? ExtrapolationLight::caution
                                         : ExtrapolationLight::only_with_holdout_evidence;
}

std::string_view color_of(ExtrapolationLight light) {
  switch (light) {
    case ExtrapolationLight::ok:
      return "green";
    case ExtrapolationLight::caution:
      return "yellow";
    case ExtrapolationLight::only_with_holdout_evidence:
      return "red";
  }
  return "";
}

}  // namespace isoflop
