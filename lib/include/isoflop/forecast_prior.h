// SPDX-License-Identifier: Apache-2.0
// What is believed of a sweep before its runs say anything, from published sweeps; it decides where
// a sweep has few budgets, and fades where it has many.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace isoflop {

/// A belief about one number: normal about `centre`, or log-normal with median `centre` and
/// `spread` the sd of the logarithm, where the number is positive. Absent: any value is as likely.
struct Belief {
  double centre = 0, spread = 1;
};

struct ForecastPrior {
  std::string id, source;
  std::optional<Belief> exponent = {};      // a of N* ~ C^a; normal
  std::optional<Belief> size_scatter = {};  // sd of ln N* about the law, per budget; log-normal
  /// Of the exponent's random walk, sd per square root of ln C; log-normal. No law is exactly a
  /// power law: over a decade the exponent is off by drift sqrt(ln 10).
  std::optional<Belief> size_drift = {};
  std::optional<Belief> loss_rate = {};     // gamma of L* = E + A C^-gamma; log-normal
  std::optional<Belief> loss_scatter = {};  // sd of ln L* about the law, per budget; log-normal
  /// Variances of the loss's scatter grow as exp(ageing |ln C - ln C_max|) away from the largest
  /// budget: budgets next to it tell most about the next.
  double ageing = 0;
};

/// The one that ships, fits/priors/published-sweeps.json.
[[nodiscard]] const ForecastPrior& published_prior();
/// Nothing believed; id "none". Drift and ageing stay, they are part of the model.
[[nodiscard]] ForecastPrior no_prior();
/// Reads an isoflop.forecast_prior/1 file. Throws Error(parse) with file and JSON path.
[[nodiscard]] ForecastPrior load_forecast_prior(const std::filesystem::path& file);

}  // namespace isoflop
