// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/json.h"
#include "base/text.h"
#include "commands.h"
#include "environment.h"
#include "isoflop/dataset.h"

namespace isoflop::cli {
namespace {

Json as_json(const SplitInfo& split) {
  return Json::object(
      {{"tokens", split.tokens}, {"bytes", split.bytes}, {"documents", split.documents}});
}

void print_info(const DatasetInfo& info, bool json) {
  if (json) {
    std::printf("%s", Json::object({{"schema", "isoflop.dataset_info/1"},
                                    {"name", info.name},
                                    {"tokenizer", info.tokenizer},
                                    {"vocab_size", info.vocab_size},
                                    {"hash", info.hash},
                                    {"source", info.source},
                                    {"train", as_json(info.train)},
                                    {"validation", as_json(info.validation)}})
                          .pretty()
                          .c_str());
    return;
  }
  std::printf("%s: tokenizer %s, vocabulary %lld, hash %s\n", info.name.c_str(),
              info.tokenizer.c_str(), static_cast<long long>(info.vocab_size), info.hash.c_str());
  const auto row = [](const char* name, const SplitInfo& split) {
    std::printf("  %-11s %10s tokens  %10s bytes  %8s documents\n", name,
                si_text(static_cast<double>(split.tokens)).c_str(),
                si_text(static_cast<double>(split.bytes)).c_str(),
                si_text(static_cast<double>(split.documents)).c_str());
  };
  row("train", info.train);
  row("validation", info.validation);
}

void add_build(CLI::App& command) {
  struct Options {
    std::string out;
    std::vector<std::filesystem::path> texts;
    BuildOptions build;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* build = command.add_subcommand("build", "Text files to token shards, one token a byte");
  build->add_option("--out", options->out, "Folder to write")->required();
  build->add_option("text", options->texts, "Text files")->required();
  build->add_option("--name", options->build.name, "Name of the data set (default: the folder's)");
  build->add_option("--source", options->build.source, "Where the text came from, in words");
  build->add_option(
      "--document-separator", options->build.document_separator,
      "A line equal to this ends a document (default: blank lines, from --min-document-bytes on)");
  build
      ->add_option("--min-document-bytes", options->build.min_document_bytes,
                   "Smallest document that a blank line may end")
      ->capture_default_str();
  build
      ->add_option("--validation-share", options->build.validation_share,
                   "Share of the documents held out")
      ->capture_default_str();
  build->add_flag("--json", options->json, "Print JSON");
  build->callback([options] {
    print_info(build_dataset(options->texts, options->out, options->build), options->json);
  });
}

void add_info(CLI::App& command) {
  auto folder = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  CLI::App* info = command.add_subcommand("info", "What a data set holds");
  info->add_option("folder", *folder, "Folder of a data set")->required();
  info->add_flag("--json", *json, "Print JSON");
  info->callback([folder, json] { print_info(open_dataset(*folder)->info(), *json); });
}

void add_synth(CLI::App& command) {
  auto kind = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  CLI::App* synth =
      command.add_subcommand("synth", "A built-in source whose entropy is known exactly");
  synth->add_option("kind", *kind, "santafe or markov")->required();
  synth->add_flag("--json", *json, "Print JSON");
  synth->callback([kind, json] {
    const auto dataset = find_dataset(*kind, data_root(""));
    print_info(dataset->info(), *json);
    if (*kind != "santafe" || *json) return;
    std::printf("  irreducible %.6f bits/byte; no predictor is below, after n records:\n",
                santa_fe_entropy());
    for (const double n : {1e3, 1e4, 1e5, 1e6, 1e7, 1e8}) {
      std::printf("    n = %-6s  %.4f bits/byte\n", rounded_text(n, 1).c_str(),
                  santa_fe_lower_bound(n, 128));
    }
  });
}

}  // namespace

void add_data_command(CLI::App& app, int&) {
  CLI::App* command = app.add_subcommand("data", "Text to token shards; what a data set holds");
  command->require_subcommand(1);
  add_build(*command);
  add_info(*command);
  add_synth(*command);
}

}  // namespace isoflop::cli
