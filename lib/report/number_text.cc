// SPDX-License-Identifier: Apache-2.0
#include "report/number_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/text.h"

namespace isoflop {
namespace {

std::string fixed(const char* format, double value) {
  std::array<char, 400> text{};  // %.0f of any double
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}

// Nothing wastes all of it.
std::string share_text(double share) { return share >= 0.995 ? ">99%" : percent(share); }

/// That of the end of the interval that costs more.
const MissCost* worst_of(const Target& target) {
  if (!target.overestimate || !target.underestimate) return nullptr;
  const bool over =
      target.overestimate->waste.wasted_share >= target.underestimate->waste.wasted_share;
  return over ? &*target.overestimate : &*target.underestimate;
}

}  // namespace

std::string interval_text(const Interval& interval, int digits) {
  if (!(interval.low < interval.high)) return "";
  return "[" + rounded_text(interval.low, digits) + ", " + rounded_text(interval.high, digits) +
         "]";
}

std::string with_interval(double value, const Interval& interval) {
  const std::string range = interval_text(interval);
  return rounded_text(value, 3) + (range.empty() ? "" : " " + range);
}

std::string with_si_interval(double value, const std::optional<Interval>& interval) {
  std::string text = si_text(value);
  if (!interval || !(interval->low < interval->high)) return text;
  return text + " [" + si_text(interval->low) + ", " + si_text(interval->high) + "]";
}

std::string exponent_text(double exponent) { return fixed("%.3f", exponent); }

std::string exponent_text(double exponent, const Interval& interval) {
  std::string text = exponent_text(exponent);
  if (interval.low < interval.high) {
    text += " [" + exponent_text(interval.low) + ", " + exponent_text(interval.high) + "]";
  }
  return text;
}

std::string exponent_text(const PowerLawFit& fit) {
  return exponent_text(fit.law.exponent, fit.exponent) + (fit.exponent_assumed ? " (assumed)" : "");
}

std::string percent(double share) {
  const double value = 100 * share;
  const bool whole = std::abs(value) >= 9.95 && std::abs(value) < 1e5;
  return (whole ? fixed("%.0f", value) : rounded_text(value, 2)) + "%";
}

std::string signed_percent(double share) { return (share > 0 ? "+" : "") + percent(share); }

std::string words(FitStatus status) {
  std::string text(to_string(status));
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

std::string color_word(ExtrapolationLight light) { return std::string(color_of(light)); }

std::string words(ExtrapolationLight light) {
  switch (light) {
    case ExtrapolationLight::ok:
      break;
    case ExtrapolationLight::caution:
      return "yellow: caution";
    case ExtrapolationLight::only_with_holdout_evidence:
      return "red: only with hold-out evidence";
  }
  return color_word(light);
}

std::string worst_waste_share(const Target& target) {
  const MissCost* cost = worst_of(target);
  return cost == nullptr ? "" : share_text(cost->waste.wasted_share);
}

std::string worst_waste(const Target& target) {
  const MissCost* cost = worst_of(target);
  if (cost == nullptr) return "";
  std::string text = share_text(cost->waste.wasted_share);
  if (cost->gpu_hours) text += ", " + si_text(*cost->gpu_hours) + " GPU hours";
  if (cost->price) text += ", price " + si_text(*cost->price);
  return text;
}

}  // namespace isoflop
