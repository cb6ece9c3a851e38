// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>

#include "base/json.h"
#include "commands.h"
#include "environment.h"
#include "forecast_text.h"
#include "isoflop/error.h"
#include "isoflop/forecast.h"

namespace isoflop::cli {
namespace {

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

}  // namespace

void add_forecast_command(CLI::App& app, int&) {
  struct Options {
    std::string law, spec, out, forecast, run;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("forecast", "Write down what a law says of a run; score it afterwards");
  command->require_subcommand(0, 1);
  command->add_option("--law", options->law, "Law id, or a law file");
  command->add_option("--spec", options->spec, "Spec of the run");
  command->add_option("--out", options->out, "Forecast file to write; never replaced");

  CLI::App* check = command->add_subcommand("check", "Score a forecast by the run's record");
  check->add_option("forecast", options->forecast, "Forecast file")->required();
  check->add_option("run", options->run, "Run folder, or record.json")->required();
  check->add_flag("--json", options->json, "Print JSON");
  check->callback([options] {
    const Forecast forecast = load_forecast(options->forecast);
    print_score(forecast, score(forecast, load_record_of(options->run)), options->json);
  });
  command->callback([options, command] {
    if (!command->get_subcommands().empty()) return;
    for (const char* name : {"--law", "--spec", "--out"}) {
      if (command->count(name) == 0) {
        throw Error(ErrorCode::invalid_argument, std::string(name) + " is required");
      }
    }
    const Forecast forecast = make_forecast(find_law(options->law), load_run_spec(options->spec));
    save_forecast(forecast, options->out);
    std::printf("%s: run %s, %s, written to %s\n", forecast.spec.dataset.c_str(),
                forecast.run_id.c_str(), describe(forecast).c_str(), options->out.c_str());
  });
}

}  // namespace isoflop::cli
