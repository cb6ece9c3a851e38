// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>

#include "base/atomic_file.h"
#include "base/json.h"
#include "base/text.h"
#include "commands.h"
#include "decay_forecast.h"
#include "environment.h"
#include "forecast_text.h"
#include "isoflop/dataset.h"
#include "isoflop/error.h"
#include "isoflop/forecast.h"
#include "isoflop/overtraining.h"

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
    const ForecastScore scored = score(read, load_record_of(options->run));
    if (scored.by_name) {
      std::fprintf(
          stderr,
          "warning: the forecast's spec has no dataset_hash: scored by a run on a data set "
          "named %s, whatever is in it; a spec of `isoflop propose --dataset` has the hash\n",
          read.spec.dataset.c_str());
    }
    print_score(read, scored, options->json);
    return kDone;
  });
}

struct DecayCommand {
  DecayArguments arguments;
  std::string out;
  bool json = false;
};

/// Like a forecast, it is not replaced.
void save_decay_forecast(const Json& json, const std::string& file) {
  if (create_file_atomically(file, json.pretty())) return;
  if (read_json_file(file).document.canonical() != json.canonical()) {
    throw Error(ErrorCode::invalid_argument,
                file + ": holds another forecast; forecasts are not replaced");
  }
}

void add_decay(Command& forecast) {
  auto options = std::make_shared<DecayCommand>();
  Command& command = forecast.add_subcommand(
      "decay", "Fit the annealing law to a run's curve; forecast its loss after a decay");
  DecayArguments& arguments = options->arguments;
  command.add_argument("curves", arguments.curves,
                       "Run folders, their metrics.jsonl, or CSVs with step, lr and loss: one run, "
                       "or branches of one trunk");
  command.add_option("--schedule", arguments.schedule,
                     "multi_step, wsd, cosine, constant, or the JSON object of a spec",
                     {.show_default = true});
  command.add_option("--steps", arguments.steps,
                     "Lengths to forecast, warm-up included (default: the decay begins where the "
                     "longest curve ends)",
                     {.positive = true, .comma_separated = true});
  command.add_option("--lambda", arguments.lambda,
                     "Memory of the decay's momentum (default: the best of 0 to 0.9995)",
                     {.range = Range{0, 0.999999}});
  command.add_option("--from-step", arguments.from_step,
                     "First step that counts (default: behind twice the warm-up and a tenth of the "
                     "longest curve)",
                     {.positive = true});
  command.add_option("--out", options->out, "Forecast file to write; never replaced");
  command.add_flag("--json", options->json, "Print JSON");
  command.set_action([options] {
    const DecayAnswer answer = forecast_decay(options->arguments);
    const Json json = to_json(answer);
    if (!options->out.empty()) save_decay_forecast(json, options->out);
    std::printf("%s", (options->json ? json.pretty() : text_of(answer)).c_str());
    return answer.fit.usable() ? kDone : kFailures;
  });
}

struct ForecastArguments {
  std::string law, spec, out, data_root;
  std::optional<double> data_tokens;
};

/// Of the run's data set: as given, else as its shards say, where they are here.
std::optional<double> unique_tokens(const ForecastArguments& options, const RunSpec& spec) {
  if (options.data_tokens) return options.data_tokens;
  try {
    const DatasetInfo info = find_dataset(spec.dataset, data_root(options.data_root))->info();
    const bool same = spec.dataset_hash.empty() || spec.dataset_hash == info.hash;
    if (!same || info.generated || info.train.tokens <= 0) return std::nullopt;
    return static_cast<double>(info.train.tokens);
  } catch (const Error&) {
    std::fprintf(stderr,
                 "note: data set %s is not here: its tokens count as fresh; --data-tokens says how "
                 "many are distinct\n",
                 spec.dataset.c_str());
    return std::nullopt;
  }
}

void warn_of_repeated_data(const Forecast& forecast) {
  const double tokens = forecast.spec.tokens().value();
  if (!forecast.unique_tokens || tokens <= *forecast.unique_tokens) return;
  std::fprintf(stderr, "note: the run sees %s tokens %s times: worth %s fresh ones\n",
               rounded_text(*forecast.unique_tokens, 3).c_str(),
               rounded_text(tokens / *forecast.unique_tokens, 3).c_str(),
               rounded_text(effective_tokens(tokens, *forecast.unique_tokens), 3).c_str());
}

void write_forecast(const ForecastArguments& options) {
  const RunSpec spec = load_run_spec(options.spec);
  const Forecast forecast =
      make_forecast(find_law(options.law), spec, unique_tokens(options, spec));
  save_forecast(forecast, options.out);
  warn_of_mixed_data(forecast);
  warn_of_repeated_data(forecast);
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
  command.add_option("--data-tokens", options->data_tokens,
                     "Distinct tokens of the data set (default: as its shards say, where they are "
                     "here)",
                     {.positive = true});
  command.add_option("--data-root", options->data_root,
                     "Where data sets are (default: $ISOFLOP_DATA, else data)");
  add_check(command);
  add_decay(command);
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
