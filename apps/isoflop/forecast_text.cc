// SPDX-License-Identifier: Apache-2.0
#include "forecast_text.h"

#include <array>
#include <cstdio>

#include "base/text.h"

namespace isoflop::cli {

std::string describe(const Forecast& forecast) {
  const char* unit = forecast.metric == Metric::bits_per_byte ? " bits/byte" : " nats/token";
  return rounded_text(forecast.predicted.value) + unit +
         " (90 %: " + rounded_text(forecast.predicted.low) + " to " +
         rounded_text(forecast.predicted.high) + ")";
}

std::string describe(const Forecast& forecast, const ForecastScore& score) {
  std::array<char, 32> error{};
  std::snprintf(error.data(), error.size(), "%+.2f %%", 100 * score.error);
  return forecast.spec.dataset + ": forecast " + describe(forecast) + ", measured " +
         rounded_text(score.measured) + ", error " + error.data() +
         (score.inside ? ", inside the interval" : ", outside the interval");
}

RunRecord load_record_of(const std::filesystem::path& run) {
  return load_run_record(std::filesystem::is_directory(run) ? run / "record.json" : run);
}

}  // namespace isoflop::cli
