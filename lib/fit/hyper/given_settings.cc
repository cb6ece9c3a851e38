// SPDX-License-Identifier: Apache-2.0
#include "fit/hyper/given_settings.h"

#include <algorithm>
#include <vector>

#include "fit/hyper/hyper_regression.h"
#include "fit/points/settings.h"

namespace isoflop {
namespace {

std::optional<HyperFormFit> law_of_setting(std::span<const Sample> samples,
                                           std::optional<double> Sample::*setting) {
  std::vector<HyperRow> rows;
  std::vector<double> values;
  for (const Sample& sample : samples) {
    const std::optional<double>& value = sample.*setting;
    if (!value) return std::nullopt;
    values.push_back(*value);
    rows.push_back({.compute = sample.compute,
                    .params = sample.params,
                    .tokens = sample.tokens,
                    .value = *value,
                    .cell = static_cast<std::int64_t>(rows.size())});
  }
  if (distinct_settings(std::move(values)).size() < 2) return std::nullopt;
  return fit_params_tokens_law(rows);
}

}  // namespace

std::optional<GivenSettings> given_settings(std::span<const Sample> samples) {
  GivenSettings given;
  given.batch_tokens_nd = law_of_setting(samples, &Sample::batch_tokens);
  given.peak_lr_nd = law_of_setting(samples, &Sample::peak_lr);
  given.n_runs = static_cast<std::int64_t>(samples.size());
  if (!given.batch_tokens_nd && !given.peak_lr_nd) return std::nullopt;
  return given;
}

}  // namespace isoflop
