// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <iterator>
#include <memory>

#include "base/atomic_file.h"
#include "base/text.h"
#include "checks/curve_checks.h"
#include "checks/output_check.h"
#include "checks/target_check.h"
#include "commands.h"
#include "environment.h"
#include "isoflop/error.h"
#include "isoflop/fit.h"
#include "isoflop/point_recipe.h"
#include "isoflop/report.h"
#include "isoflop/training_curve.h"
#include "options/gpu_options.h"
#include "points_source.h"

namespace isoflop::cli {
namespace {

struct FitArguments {
  PointsSource source;
  FitOptions fit;
  GpuOptions gpu;
  std::string scale, objective = "huber_log", curves, out, id, convention, warnings = "digest";
  std::vector<std::string> excess_of;
  std::vector<std::string> forms = {"none"};
  std::string prior = "published";
  bool json = false;
};

ForecastPrior prior_named(const std::string& name) {
  if (name == "published") return published_prior();
  return name == "none" ? no_prior() : load_forecast_prior(name);
}

FitOptions fit_options(const FitArguments& options, const PointSet& points) {
  FitOptions fit = options.fit;
  fit.scale = scale_of(points, options.scale);
  fit.objective = options.objective == "mse"     ? ObjectiveKind::mse
                  : options.objective == "huber" ? ObjectiveKind::huber
                                                 : ObjectiveKind::huber_log;
  if (!options.convention.empty()) fit.convention = flops_convention_from(options.convention);
  for (const std::string& name : options.excess_of) {
    fit.excess_of.push_back(find_law(name, "--excess-of"));
    if (!fit.excess_of.back().hyper && !fit.excess_of.back().hyper_nd) {
      throw Error(ErrorCode::invalid_argument,
                  "--excess-of: law \"" + name + "\" says nothing about batch and learning rate");
    }
  }
  fit.prior = prior_named(options.prior);
  fit.compute_rate = compute_rate(options.gpu);
  if (options.forms == std::vector<std::string>{"all"}) {
    fit.forms = surface_form_names();
  } else if (options.forms != std::vector<std::string>{"none"}) {
    fit.forms = options.forms;
  }
  return fit;
}

WarningDetail warning_detail(const FitArguments& options) {
  return options.warnings == "all" ? WarningDetail::all : WarningDetail::digest;
}

ReportChapter chapter_of(const LoadedPoints& loaded, Fit result) {
  ReportChapter chapter;
  chapter.title = loaded.points.frame.dataset.empty() ? "points" : loaded.points.frame.dataset;
  chapter.points = loaded.points;
  chapter.points.frame = result.frame;  // with the convention that the fit has decided on
  chapter.records = loaded.records;
  chapter.fit.emplace(std::move(result));
  return chapter;
}

void append(std::vector<std::string>& to, std::vector<std::string> from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

// mine.json is explained by mine.METHODS.md.
std::filesystem::path methods_file(std::filesystem::path law_file) {
  return law_file.replace_extension(".METHODS.md");
}

// Curves of the points' own metric: an envelope of losses says nothing about bits per byte.
std::vector<TrainingCurve> load_curves(const std::string& file, const PointSet& points,
                                       LossLaw::Scale scale) {
  CurveSet set = load_curves_csv(file);
  require_scale(file, set.curves, scale);
  Frame frame = points.frame;
  frame.metric = set.metric;
  require_same_frame(points.frame, frame, file);
  return std::move(set.curves);
}

/// What the completed runs of sweeps, or all points, have in common: a law holds for runs trained
/// like these.
TrainingRecipe recipe_behind(const LoadedPoints& loaded) {
  if (loaded.records.empty()) return stated_recipe(loaded.points);
  std::vector<RunSpec> specs;
  for (const RunRecord& record : loaded.records) {
    if (record.outcome == RunOutcome::completed) specs.push_back(record.spec);
  }
  return common_recipe(specs);
}

int run_fit(const FitArguments& options) {
  refuse_input_as_output(options.out, options.source.files_or_sweeps);
  refuse_input_as_output(options.out, {options.curves});
  const LoadedPoints loaded = load_points(options.source);
  FitOptions settings = fit_options(options, loaded.points);
  for (const double target : settings.targets) check_target(target, smallest_run(loaded.points));
  std::vector<std::string> warnings = loaded.warnings;
  if (!options.curves.empty()) {
    settings.curves = load_curves(options.curves, loaded.points, settings.scale);
    append(warnings, curve_warnings(options.curves, settings.curves, loaded.points));
  }
  ReportChapter chapter = chapter_of(loaded, fit(loaded.points, settings));
  append(warnings, std::move(chapter.fit->warnings));
  chapter.fit->warnings = std::move(warnings);
  const Fit& result = *chapter.fit;
  std::printf("%s", options.json ? to_json(result).c_str()
                                 : text_summary(chapter, warning_detail(options)).c_str());
  print_points_notes(loaded.points, options.source.skip_outliers);
  if (result.convention_assumed) {
    std::fprintf(stderr,
                 "note: the points state parameters alone: counted as C = 6 N D, N all parameters "
                 "(six_n_total); --convention says otherwise\n");
  }
  const std::string stem = std::filesystem::path(options.out).stem().string();
  Law law = to_law(result, options.id.empty() ? stem : options.id, loaded.source);
  law.recipe = recipe_behind(loaded);
  const bool usable = law.allocation || law.hyper || law.loss || law.frontier || law.weight_decay;
  if (!usable) {
    std::fprintf(stderr, "isoflop: these points support no law; see the warnings\n");
    return kFailures;
  }
  if (!options.out.empty()) {
    save_law(law, options.out);
    write_file_atomically(methods_file(options.out), methods_markdown(chapter));
  }
  return kDone;
}

}  // namespace

void add_fit_command(Command& program) {
  auto options = std::make_shared<FitArguments>();
  Command& command = program.add_subcommand(
      "fit", "Valleys, power laws and hyper-parameter laws of a set of points");
  add_points_source_options(command, options->source);
  add_scale_option(command, options->scale);
  command.add_option("--convention", options->convention,
                     "How the points count sizes and compute, where they do not say (default: "
                     "six_n_total where they state parameters alone): six_n1_actual, ...");
  command.add_option("--objective", options->objective, "Of the parametric surface",
                     {.show_default = true, .one_of = {"huber_log", "huber", "mse"}});
  command.add_option("--forms", options->forms,
                     "Other forms of the surface: all, none, or names, comma-separated",
                     {.show_default = true, .comma_separated = true});
  command.add_option("--delta", options->fit.delta, "Huber's threshold",
                     {.show_default = true, .range = Range{1e-12, 1e6}});
  command.add_option("--bootstrap", options->fit.n_bootstrap, "Resamples",
                     {.show_default = true, .range = Range{0, 1'000'000}});
  command.add_option("--prior", options->prior,
                     "What is believed of a sweep before its runs: published, none, or a file "
                     "(isoflop.forecast_prior/1)",
                     {.show_default = true});
  command.add_option("--seed", options->fit.seed, "Of the resampling", {.show_default = true});
  command.add_option("--holdout", options->fit.holdout,
                     "Largest budgets to hold out, up to so many",
                     {.show_default = true, .range = Range{0, 100}});
  command.add_option("--target", options->fit.targets,
                     "A budget to predict [FLOPs]; may be repeated (default: 10 and 100 times the "
                     "largest)",
                     {.positive = true, .one_each = true});
  add_gpu_options(command, options->gpu);
  command.add_option("--band", options->fit.band,
                     "Near-optimal: within this share of a grid's best (default: 0.0025, or twice "
                     "the noise where that is more)",
                     {.range = Range{1e-6, 0.999}});
  command.add_option("--excess-of", options->excess_of,
                     "Law (id or file) whose batch and learning rate are held against the grids; "
                     "repeatable",
                     {.repeatable = true});
  command.add_option("--metric-column", options->fit.metric_columns,
                     "A further column of the points to predict from the loss; repeatable",
                     {.repeatable = true});
  command.add_option("--curves", options->curves,
                     "CSV of the runs' training curves (run_id, params or flops_per_token, "
                     "tokens, loss or bits_per_byte), for the envelope");
  command.add_option("--out", options->out, "Law file to write");
  command.add_option("--id", options->id, "Id of the law (default: the file's name)");
  command.add_option("--warnings", options->warnings,
                     "How the terminal tells many: a line of each kind, or all in full",
                     {.show_default = true, .one_of = {"digest", "all"}});
  command.add_flag("--json", options->json, "Print JSON");
  command.set_action([options] { return run_fit(*options); });
}

}  // namespace isoflop::cli
