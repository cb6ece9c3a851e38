// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "isoflop/forms.h"
#include "isoflop/run_spec.h"

namespace isoflop::cli {

/// forecast decay: what a run's curve says of the loss after a decay.
struct DecayArguments {
  std::vector<std::string> curves;  // run folders, metrics.jsonl, CSVs
  std::string schedule = "multi_step";
  std::vector<double> steps;
  std::optional<double> lambda;
  std::optional<std::int64_t> from_step;
};

struct DecayAnswer {
  Metric metric = Metric::loss_nats;
  bool lr_is_fraction = false;
  LrSchedule schedule;
  std::int64_t warmup_steps = 0;
  double peak_lr = 0;
  std::vector<std::string> runs;
  AnnealingFit fit;
};

/// Throws Error(invalid_argument) also where a decay is asked for that the curves do not tell of.
[[nodiscard]] DecayAnswer forecast_decay(const DecayArguments& arguments);

/// The isoflop.decay_forecast/1 answer.
[[nodiscard]] Json to_json(const DecayAnswer& answer);
[[nodiscard]] std::string text_of(const DecayAnswer& answer);

}  // namespace isoflop::cli
