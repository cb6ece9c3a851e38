// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>

#include "base/json.h"
#include "commands.h"
#include "environment.h"
#include "forecast_text.h"
#include "isoflop/error.h"
#include "isoflop/forecast.h"

namespace isoflop::cli {
namespace {

void warn_of_mixed_data(const Forecast& forecast) {
  if (const auto warning = mixed_data_warning(forecast)) {
    std::fprintf(stderr, "warning: %s\n", warning->c_str());
  }
}

void print_score(const Forecast& forecast, const ForecastScore& score, bool json) {
  if (json) {
    std::printf("%s", Json::object({{"schema", "isoflop.forecast_score/1"},
                                    {"run_id", forecast.run_id},
                                    {"metric", to_string(forecast.metric)},
                                    {"predicted", forecast.predicted.value},
                                    {"low", forecast.predicted.low},
                                    {"high", forecast.predicted.high},
                                    {"measured", score.measured},
                                    {"error", score.error},
                                    {"inside", score.inside}})
                          .pretty()
                          .c_str());
    return;
  }
  std::printf("%s\n", describe(forecast, score).c_str());
}

struct CheckArguments {
  std::string forecast, run;
  bool json = false;
};

void add_check(Command& forecast) {
  auto options = std::make_shared<CheckArguments>();
  Command& command = forecast.add_subcommand("check", "Score a forecast by the run's record");
  command.add_argument("forecast", options->forecast, "Forecast file");
  command.add_argument("run", options->run, "Run folder, or record.json");
  command.add_flag("--json", options->json, "Print JSON");
  command.set_action([options] {
    const Forecast read = load_forecast(options->forecast);
    warn_of_mixed_data(read);
    print_score(read, score(read, load_record_of(options->run)), options->json);
    return kDone;
  });
}

struct ForecastArguments {
  std::string law, spec, out;
};

void write_forecast(const ForecastArguments& options) {
  const Forecast forecast = make_forecast(find_law(options.law), load_run_spec(options.spec));
  save_forecast(forecast, options.out);
  warn_of_mixed_data(forecast);
  std::printf("%s: run %s, %s, written to %s\n", forecast.spec.dataset.c_str(),
              forecast.run_id.c_str(), describe(forecast).c_str(), options.out.c_str());
}

}  // namespace

void add_forecast_command(Command& program) {
  auto options = std::make_shared<ForecastArguments>();
  Command& command = program.add_subcommand(
      "forecast", "Write down what a law says of a run; score it afterwards");
  command.add_option("--law", options->law, "Law id, or a law file");
  command.add_option("--spec", options->spec, "Spec of the run");
  command.add_option("--out", options->out, "Forecast file to write; never replaced");
  add_check(command);
  command.set_action([options, &command] {
    // Not required by the command line, which would ask `forecast check` for them, too.
    for (const char* name : {"--law", "--spec", "--out"}) {
      if (!command.given(name)) {
        throw Error(ErrorCode::invalid_argument, std::string(name) + " is required");
      }
    }
    write_forecast(*options);
    return kDone;
  });
}

}  // namespace isoflop::cli
