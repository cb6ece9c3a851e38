// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <filesystem>
#include <memory>
#include <vector>

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

void add_build(Command& data) {
  struct Options {
    std::string out;
    std::vector<std::string> texts;
    BuildOptions build;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  Command& command = data.add_subcommand("build", "Text files to token shards, one token a byte");
  command.add_option("--out", options->out, "Folder to write", {.required = true});
  command.add_argument("text", options->texts, "Text files");
  command.add_option("--name", options->build.name, "Name of the data set (default: the folder's)");
  command.add_option("--source", options->build.source, "Where the text came from, in words");
  command.add_option(
      "--document-separator", options->build.document_separator,
      "A line equal to this ends a document (default: blank lines, from --min-document-bytes on)");
  command.add_option("--min-document-bytes", options->build.min_document_bytes,
                     "Smallest document that a blank line may end", {.show_default = true});
  command.add_option("--validation-share", options->build.validation_share,
                     "Share of the documents held out", {.show_default = true});
  command.add_flag("--json", options->json, "Print JSON");
  command.set_action([options] {
    const std::vector<std::filesystem::path> texts(options->texts.begin(), options->texts.end());
    print_info(build_dataset(texts, options->out, options->build), options->json);
    return kDone;
  });
}

void add_info(Command& data) {
  struct Options {
    std::string folder;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  Command& command = data.add_subcommand("info", "What a data set holds");
  command.add_argument("folder", options->folder, "Folder of a data set");
  command.add_flag("--json", options->json, "Print JSON");
  command.set_action([options] {
    verify_dataset(options->folder);
    print_info(open_dataset(options->folder)->info(), options->json);
    return kDone;
  });
}

void print_synthetic(const std::string& kind, bool json) {
  print_info(find_dataset(kind, data_root(""))->info(), json);
  if (kind != "santafe" || json) return;
  std::printf("  irreducible %.6f bits/byte; no predictor is below, after n records:\n",
              santa_fe_entropy());
  for (const double n : {1e3, 1e4, 1e5, 1e6, 1e7, 1e8}) {
    std::printf("    n = %-6s  %.4f bits/byte\n", rounded_text(n, 1).c_str(),
                santa_fe_lower_bound(n, 128));
  }
}

void add_synth(Command& data) {
  struct Options {
    std::string kind;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  Command& command =
      data.add_subcommand("synth", "A built-in source whose entropy is known exactly");
  command.add_argument("kind", options->kind, "santafe or markov");
  command.add_flag("--json", options->json, "Print JSON");
  command.set_action([options] {
    print_synthetic(options->kind, options->json);
    return kDone;
  });
}

}  // namespace

void add_data_command(Command& program) {
  Command& command = program.add_subcommand("data", "Text to token shards; what a data set holds");
  command.require_subcommand();
  add_build(command);
  add_info(command);
  add_synth(command);
}

}  // namespace isoflop::cli
