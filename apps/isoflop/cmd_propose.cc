// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include "base/text.h"
#include "checks/output_check.h"
#include "commands.h"
#include "environment.h"
#include "isoflop/dataset.h"
#include "isoflop/error.h"
#include "isoflop/proposal.h"
#include "isoflop/run_record.h"
#include "options/gpu_options.h"
#include "options/recipe_options.h"
#include "options/shape_options.h"

namespace isoflop::cli {
namespace {

struct ProposeArguments {
  GpuOptions gpu;
  ShapeOptions shape;
  RecipeOptions recipe;
  std::string law = "deepseek-llm-2024", out, dataset, data_root;
  double compute = 0;
  std::optional<double> data_tokens, inference_tokens;
  std::optional<std::int64_t> seq_len, vocab_size, validation_tokens, gpus;
  bool json = false;
};

/// Vocabulary and length of the data at hand.
void set_dataset(ProposalRequest& request, const DatasetInfo& info) {
  request.dataset = info.name;
  request.tokenizer = info.tokenizer;
  if (request.vocab_size && *request.vocab_size < info.vocab_size) {
    throw Error(ErrorCode::invalid_argument, "--vocab-size: must be at least that of " + info.name +
                                                 ", " + std::to_string(info.vocab_size) + ", got " +
                                                 std::to_string(*request.vocab_size));
  }
  if (!request.vocab_size) request.vocab_size = info.vocab_size;
  if (!request.data_tokens && !info.generated && info.train.tokens > 0) {
    request.data_tokens = static_cast<double>(info.train.tokens);
  }
}

ProposalRequest request_of(const ProposeArguments& options, const Dataset* dataset) {
  ProposalRequest request;
  request.compute_budget = Flops(options.compute);
  request.seq_len = options.seq_len;
  request.vocab_size = options.vocab_size;
  request.shape = with_options({}, options.shape);
  set_recipe(request, options.recipe);
  request.data_tokens = options.data_tokens;
  request.inference_tokens = options.inference_tokens;
  request.gpu_peak_flops = gpu_peak_flops(options.gpu);
  request.mfu = options.gpu.mfu;
  request.price_per_gpu_hour = options.gpu.price;
  request.n_gpus = options.gpus;
  if (dataset != nullptr) set_dataset(request, dataset->info());
  return request;
}

/// What was named and changes nothing here.
std::vector<std::string> idle_options(const ProposeArguments& options) {
  std::vector<std::string> idle;
  const auto say = [&](bool named, const char* option, const char* needs) {
    if (named) idle.push_back(std::string(option) + " has no effect without " + needs + ".");
  };
  say(options.validation_tokens && options.out.empty(), "--validation-tokens", "--out");
  say(!options.data_root.empty() && options.dataset.empty(), "--data-root", "--dataset");
  return idle;
}

/// The proposal as a spec that `isoflop train` takes, or another trainer where no data are named.
void save_spec(const Proposal& proposal, const Dataset* dataset, const ProposeArguments& options) {
  if (!proposal.trainable()) {
    throw Error(ErrorCode::invalid_argument,
                "--out: there is no " + join(proposal.missing, " and no ") +
                    "; give --hyper-law, or --batch-tokens and --peak-lr");
  }
  RunSpec spec = proposal.spec;
  if (dataset == nullptr) {
    spec.dataset = "external";
    spec.validation_tokens = options.validation_tokens.value_or(spec.validation_tokens);
  } else {
    const DatasetInfo& info = dataset->info();
    spec.dataset = info.name;
    spec.dataset_hash = info.hash;
    const std::int64_t asked = spec.validation_tokens > 0 ? spec.validation_tokens : 1 << 17;
    spec.validation_tokens =
        std::min(options.validation_tokens.value_or(asked), info.validation.tokens);
  }
  validate(spec);
  save_run_spec(spec, options.out);
}

/// What a law asks for and nobody can do is the fault of its file.
Proposal proposal_of(const ProposalRequest& request, const Law& law, const std::string& named) {
  try {
    return propose(request, law);
  } catch (const Error& error) {
    const std::string what = error.what();
    const bool of_file = named != law.id && what.starts_with("law " + law.id);
    throw Error(error.code(), of_file ? named + ": " + what : what);
  }
}

void run_propose(const ProposeArguments& options) {
  refuse_input_as_output(options.out, {options.law});
  const Law law = find_law(options.law);
  const std::unique_ptr<Dataset> dataset =
      options.dataset.empty() ? nullptr
                              : find_dataset(options.dataset, data_root(options.data_root));
  Proposal proposal = proposal_of(request_of(options, dataset.get()), law, options.law);
  for (std::string& text : idle_options(options)) proposal.warnings.push_back(std::move(text));
  std::printf("%s", options.json ? to_json(proposal).c_str() : proposal_text(proposal).c_str());
  if (!options.json) {
    for (const std::string& warning : proposal.warnings) {
      std::fprintf(stderr, "warning: %s\n", warning.c_str());
    }
    for (const std::string& remark : proposal.remarks) {
      std::fprintf(stderr, "note: %s\n", remark.c_str());
    }
  }
  if (!options.out.empty()) save_spec(proposal, dataset.get(), options);
}

}  // namespace

void add_propose_command(Command& program) {
  auto options = std::make_shared<ProposeArguments>();
  Command& command = program.add_subcommand("propose", "The training recipe for a compute budget");
  command.add_option("--compute", options->compute, "Budget [FLOPs]", {.required = true});
  command.add_option("--law", options->law, "Law id, or a law file", {.show_default = true});
  command.add_option("--seq-len", options->seq_len, "Sequence length (default: the law's)");
  command.add_option("--vocab-size", options->vocab_size,
                     "Vocabulary (default: the data set's, else the law's)");
  add_shape_options(command, options->shape);
  add_recipe_options(command, options->recipe);
  command.add_option("--data-tokens", options->data_tokens,
                     "Unique tokens at hand (default: the data set's)");
  command.add_option("--inference-tokens", options->inference_tokens,
                     "Tokens of use after training, for the least compute in all");
  add_gpu_options(command, options->gpu);
  command.add_option("--gpus", options->gpus, "How many", {.range = Range{1, 1'000'000}});
  command.add_option("--out", options->out, "Spec file to write, for `isoflop train`");
  command.add_option("--dataset", options->dataset,
                     "Data set at hand: its vocabulary, its number of tokens, the spec's data");
  command.add_option("--data-root", options->data_root,
                     "Folder of data sets (default: $ISOFLOP_DATA, else ./data)");
  command.add_option("--validation-tokens", options->validation_tokens, "Of that spec",
                     {.positive = true});
  command.add_flag("--json", options->json, "Print JSON");
  command.set_action([options] {
    run_propose(*options);
    return kDone;
  });
}

}  // namespace isoflop::cli
