// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "base/json.h"
#include "checks/output_check.h"
#include "commands.h"
#include "isoflop/import.h"
#include "name_pairs.h"

namespace isoflop::cli {
namespace {

struct ImportArguments {
  std::string format, file, out, columns, units, constants, where, dataset, convention, runs;
  std::optional<double> vocab_size;
  bool tokens_from_compute = false, skip_bad_rows = false, json = false;
};

ImportOptions import_options(const ImportArguments& options) {
  ImportOptions settings;
  settings.format = import_format_from(options.format);
  settings.columns = name_pairs("--columns", options.columns);
  settings.units = name_pairs("--units", options.units);
  settings.constants = name_pairs("--constants", options.constants);
  settings.where = name_pairs("--where", options.where);
  if (!options.dataset.empty()) settings.constants["dataset"] = options.dataset;
  if (!options.convention.empty()) settings.convention = flops_convention_from(options.convention);
  settings.vocab_size = options.vocab_size;
  settings.runs_table = options.runs;
  settings.tokens_from_compute = options.tokens_from_compute;
  settings.skip_bad_rows = options.skip_bad_rows;
  settings.on_left_out = [](const std::string& why) {
    std::fprintf(stderr, "left out: %s\n", why.c_str());
  };
  return settings;
}

void print_json(const ImportArguments& options, const ImportSummary& summary) {
  Json outliers = Json::object();
  for (const auto& [reason, n] : summary.outliers) outliers.set(reason, n);
  std::printf("%s", Json::object({{"schema", "isoflop.import/1"},
                                  {"format", options.format},
                                  {"file", options.file},
                                  {"out", options.out},
                                  {"n_rows", summary.n_rows},
                                  {"n_points", summary.n_points},
                                  {"n_left_out", summary.n_left_out},
                                  {"n_not_asked_for", summary.n_not_asked_for},
                                  {"n_outliers", summary.n_outliers},
                                  {"outliers", outliers},
                                  {"warnings", Json::array_of(summary.warnings)}})
                        .pretty()
                        .c_str());
}

void print_text(const ImportArguments& options, const ImportSummary& summary) {
  const auto count = [](const char* what, std::int64_t n) {
    std::printf("  %-32s %lld\n", what, static_cast<long long>(n));
  };
  std::printf("%s: points of %s\n", options.out.c_str(), options.file.c_str());
  count("rows read", summary.n_rows);
  count("points written", summary.n_points);
  count("left out (named above)", summary.n_left_out);
  if (summary.n_not_asked_for > 0) count("other than --where", summary.n_not_asked_for);
  count("written as outliers", summary.n_outliers);
  for (const auto& [reason, n] : summary.outliers) count(("  " + reason).c_str(), n);
}

int run_import(const ImportArguments& options) {
  refuse_input_as_output(options.out, {options.file});
  const ImportSummary summary = import_points(options.file, options.out, import_options(options));
  options.json ? print_json(options, summary) : print_text(options, summary);
  for (const std::string& warning : summary.warnings) {
    std::fprintf(stderr, "warning: %s\n", warning.c_str());
  }
  return kDone;
}

}  // namespace

void add_import_command(Command& program) {
  auto options = std::make_shared<ImportArguments>();
  Command& command = program.add_subcommand("import", "Other people's runs, as a points CSV");
  command.add_argument(
      "format", options->format,
      "csv, jsonl, wandb, nanochat, chinchilla, steplaw, open-athena or tensorboard");
  command.add_argument("file", options->file, "What to read");
  command.add_option("--out", options->out, "Points CSV to write", {.required = true});
  command.add_option("--columns", options->columns,
                     "Names of the file's columns: params=N,loss=val/loss; sums are a+b");
  command.add_option("--units", options->units,
                     "Where they are not ours: tokens=B,compute=GFLOP,loss=ppl,batch_tokens=2048");
  command.add_option("--constants", options->constants, "Values of every row: params=124e6");
  command.add_flag("--tokens-from-compute", options->tokens_from_compute,
                   "D = C / (6 N) by compute or budget, for a file without tokens");
  command.add_option("--where", options->where, "Take these rows alone: experiment=NAME");
  command.add_option("--dataset", options->dataset, "What all runs were trained on");
  command.add_option("--convention", options->convention, "How the file counts FLOPs");
  command.add_option("--vocab-size", options->vocab_size,
                     "A loss above its logarithm makes an outlier");
  command.add_option("--runs", options->runs, "W&B's table of runs, for a chart of them");
  command.add_flag("--skip-bad-rows", options->skip_bad_rows,
                   "Leave out, name and count rows that cannot be used");
  command.add_flag("--json", options->json, "Print JSON");
  command.set_action([options] { return run_import(*options); });
}

}  // namespace isoflop::cli
