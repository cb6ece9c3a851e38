// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "commands.h"
#include "isoflop/error.h"
#include "isoflop/fit.h"
#include "isoflop/report.h"
#include "points_source.h"

namespace isoflop::cli {
namespace {

struct Options {
  PointsSource source;
  FitOptions fit;
  std::string scale = "flops_per_token", objective = "huber_log", out, id;
  std::vector<std::string> forms = {"none"};
  bool json = false;
};

FitOptions fit_options(const Options& options) {
  FitOptions fit = options.fit;
  fit.scale = options.scale == "params" ? LossLaw::Scale::params : LossLaw::Scale::flops_per_token;
  fit.objective = options.objective == "mse"     ? ObjectiveKind::mse
                  : options.objective == "huber" ? ObjectiveKind::huber
                                                 : ObjectiveKind::huber_log;
  if (options.forms == std::vector<std::string>{"all"}) {
    fit.forms = surface_form_names();
  } else if (options.forms != std::vector<std::string>{"none"}) {
    fit.forms = options.forms;
  }
  return fit;
}

int run_fit(const Options& options) {
  const LoadedPoints loaded = load_points(options.source);
  const Fit result = fit(loaded.points, fit_options(options));
  if (options.json) {
    std::printf("%s", to_json(result).c_str());
  } else {
    ReportChapter chapter;
    chapter.title = loaded.points.frame.dataset;
    chapter.points = loaded.points;
    chapter.fit = result;
    std::printf("%s", text_summary(chapter).c_str());
  }
  if (loaded.points.n_skipped_rows > 0) {
    std::fprintf(stderr, "warning: %lld rows were left out\n",
                 static_cast<long long>(loaded.points.n_skipped_rows));
  }
  const std::string stem = std::filesystem::path(options.out).stem().string();
  const Law law = to_law(result, options.id.empty() ? stem : options.id, loaded.source);
  const bool usable = law.allocation || law.hyper || law.loss || law.frontier;
  if (!usable) {
    std::fprintf(stderr, "isoflop: these points support no law; see the warnings\n");
    return kFailures;
  }
  if (!options.out.empty()) save_law(law, options.out);
  return kDone;
}

}  // namespace

void add_fit_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("fit", "Valleys, power laws and hyper-parameter laws of a set of points");
  add_points_source_options(*command, options->source);
  command->add_option("--scale", options->scale, "Model scale of the fits")
      ->check(CLI::IsMember({"params", "flops_per_token"}))
      ->capture_default_str();
  command->add_option("--objective", options->objective, "Of the parametric surface")
      ->check(CLI::IsMember({"huber_log", "huber", "mse"}))
      ->capture_default_str();
  command
      ->add_option("--forms", options->forms,
                   "Other forms of the surface: all, none, or names, comma-separated")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("--delta", options->fit.delta, "Huber's threshold")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--bootstrap", options->fit.n_bootstrap, "Resamples")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  command->add_option("--seed", options->fit.seed, "Of the resampling")->capture_default_str();
  command
      ->add_option("--holdout", options->fit.holdout, "Largest budgets to hold out, up to so many")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  command
      ->add_option("--band", options->fit.band,
                   "Near-optimal: within this share of a grid's best (default: 0.0025, or twice "
                   "the noise where that is more)")
      ->check(CLI::Range(1e-6, 0.999));
  command->add_option("--out", options->out, "Law file to write");
  command->add_option("--id", options->id, "Id of the law (default: the file's name)");
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options, &exit_code] { exit_code = run_fit(*options); });
}

}  // namespace isoflop::cli
