// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "isoflop/law.h"
#include "isoflop/proposal.h"
#include "isoflop/run_record.h"

namespace isoflop {

/// What a law says of one run, written down before the run.
struct Forecast {
  std::string law_id;
  std::string law_hash;     // of the law file's content: the law cannot be exchanged afterwards
  std::string law_dataset;  // that the law is of; empty where it does not say
  std::string run_id;       // of the spec: nor can the run
  RunSpec spec;
  /// Of the data set; where the run sees more it is worth effective_tokens() of fresh ones.
  std::optional<double> unique_tokens;
  Metric metric = Metric::loss_nats;
  Prediction predicted;  // with its 90 % interval
  double extrapolation = 1;
};

/// How it came out.
struct ForecastScore {
  double measured = 0;
  double error = 0;     // predicted / measured - 1
  bool inside = false;  // the measured value lies in the interval
  /// The spec names a data set without its hash: the record is of these settings on a data set of
  /// that name, whatever is in it.
  bool by_name = false;
};

/// Throws Error(invalid_argument) for a law that predicts no loss, Error(frame_mismatch) where it
/// predicts more than a model that has learned nothing costs: ln V nats per token, 8 bits per byte.
[[nodiscard]] Forecast make_forecast(const Law& law, const RunSpec& spec,
                                     std::optional<double> unique_tokens = {});

/// What is mixed in a forecast by a law of another data set; nothing where law and run agree, or
/// the law does not say of what it is.
[[nodiscard]] std::optional<std::string> mixed_data_warning(const Forecast& forecast);

/// Throws Error(invalid_argument) if the record is of another run, or of one that did not complete.
[[nodiscard]] ForecastScore score(const Forecast& forecast, const RunRecord& record);

/// isoflop.forecast/1, with a hash over its own content. Reading throws Error(parse) also where
/// that hash does not match: a forecast is not edited.
[[nodiscard]] Forecast load_forecast(const std::filesystem::path& file);
/// Never replaces a forecast: Error(invalid_argument) where the file is there and differs.
void save_forecast(const Forecast& forecast, const std::filesystem::path& file);

}  // namespace isoflop
