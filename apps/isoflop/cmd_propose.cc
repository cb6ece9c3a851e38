// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include "base/text.h"
#include "checks/output_check.h"
#include "commands.h"
#include "environment.h"
#include "gpu_options.h"
#include "isoflop/dataset.h"
#include "isoflop/error.h"
#include "isoflop/proposal.h"
#include "isoflop/run_record.h"

namespace isoflop::cli {
namespace {

struct ProposeArguments {
  GpuOptions gpu;
  std::string law = "deepseek-llm-2024", out, dataset, data_root;
  double compute = 0;
  std::optional<double> data_tokens, inference_tokens;
  std::optional<std::int64_t> seq_len, vocab_size, validation_tokens;
  std::int64_t gpus = 1;
  bool json = false;
};

/// The vocabulary and the tokens of the data set that is named, unless they are given.
void take_from_dataset(const ProposeArguments& options, ProposalRequest& request) {
  if (options.dataset.empty()) return;
  const DatasetInfo info = find_dataset(options.dataset, data_root(options.data_root))->info();
  if (!request.vocab_size) request.vocab_size = info.vocab_size;
  if (!request.data_tokens && !info.generated) {
    request.data_tokens = static_cast<double>(info.train.tokens);
  }
}

ProposalRequest request_of(const ProposeArguments& options) {
  ProposalRequest request;
  request.compute_budget = Flops(options.compute);
  request.seq_len = options.seq_len;
  request.vocab_size = options.vocab_size;
  request.data_tokens = options.data_tokens;
  request.inference_tokens = options.inference_tokens;
  if (const auto rate = compute_rate(options.gpu)) {
    request.gpu_peak_flops = rate->gpu_peak_flops;
    request.mfu = rate->mfu;
  }
  request.price_per_gpu_hour = options.gpu.price;
  request.n_gpus = options.gpus;
  take_from_dataset(options, request);
  return request;
}

void print_row(const char* name, const std::string& text) {
  std::printf("  %-22s %s\n", name, text.c_str());
}

std::string of_law(const std::optional<double>& value) {
  return value ? "   (law: " + rounded_text(*value, 4) + ")" : "";
}

std::string range_text(const Prediction& prediction, const char* unit) {
  std::string text = rounded_text(prediction.value, 4) + " " + unit;
  if (prediction.low < prediction.high) {
    text +=
        ", 90 %: " + rounded_text(prediction.low, 4) + " to " + rounded_text(prediction.high, 4);
  }
  return text;
}

void print_split(const char* name, const LifetimeSplit& split) {
  std::printf("  %-22s %-10s %-10s %-10s %-10s %s\n", name, si_text(split.size).c_str(),
              si_text(split.tokens).c_str(), rounded_text(split.training_compute, 4).c_str(),
              rounded_text(split.inference_compute, 4).c_str(),
              rounded_text(split.total_compute(), 4).c_str());
}

void print_inference_aware(const InferenceAware& aware, LossLaw::Scale scale) {
  std::printf("loss %s, then %s tokens of inference: FLOPs in all by the law's surface\n",
              rounded_text(aware.loss, 4).c_str(), si_text(aware.inference_tokens).c_str());
  std::printf("  %-22s %-10s %-10s %-10s %-10s %s\n", "",
              scale == LossLaw::Scale::params ? "parameters" : "FLOPs/tok", "tokens", "training",
              "inference", "total");
  print_split("compute-optimal", aware.compute_optimal);
  print_split("inference-aware", aware.best);
}

void print_text(const Proposal& proposal) {
  const RunSpec& spec = proposal.spec;
  std::printf("%s FLOPs by law %s\n", rounded_text(proposal.compute_budget.value(), 4).c_str(),
              proposal.law_id.c_str());
  print_row("shape", short_name(spec.shape) + ", d_ff " + std::to_string(spec.shape.d_ff) +
                         ", vocabulary " + std::to_string(spec.shape.vocab_size) + ", sequence " +
                         std::to_string(spec.shape.seq_len));
  print_row("parameters", si_text(static_cast<double>(count_params(spec.shape).non_embedding())) +
                              " non-embedding, " +
                              si_text(static_cast<double>(count_params(spec.shape).total())) +
                              " in all");
  print_row("FLOPs per token",
            si_text(flops_per_token(spec.shape).value()) + of_law(proposal.law_flops_per_token));
  print_row("tokens", si_text(spec.tokens().value()) + of_law(proposal.law_tokens));
  if (proposal.effective_tokens) {
    print_row("worth, repeated", si_text(*proposal.effective_tokens) + " fresh tokens");
  }
  print_row("batch", si_text(static_cast<double>(spec.batch_tokens)) + " tokens, " +
                         std::to_string(proposal.batch_seqs) + " sequences" +
                         of_law(proposal.law_batch_tokens));
  print_row("steps",
            std::to_string(spec.n_steps) + ", warm-up " + std::to_string(spec.warmup_steps));
  if (proposal.law_peak_lr) print_row("peak learning rate", rounded_text(spec.peak_lr, 4));
  print_row("schedule", std::string(to_string(spec.schedule.kind)));
  if (proposal.loss_nats)
    print_row("predicted loss", range_text(*proposal.loss_nats, "nats/token"));
  if (proposal.bits_per_byte) {
    print_row("predicted", range_text(*proposal.bits_per_byte, "bits/byte"));
  }
  if (proposal.gpu_hours) print_row("GPU hours", rounded_text(*proposal.gpu_hours, 4));
  if (proposal.price) print_row("price", rounded_text(*proposal.price, 4));
  if (proposal.inference_aware) {
    print_inference_aware(*proposal.inference_aware, proposal.inference_scale);
  }
  for (const std::string& warning : proposal.warnings) {
    std::fprintf(stderr, "warning: %s\n", warning.c_str());
  }
}

/// The proposal as a spec that `isoflop train` takes.
void save_spec(const Proposal& proposal, const ProposeArguments& options) {
  if (options.dataset.empty()) {
    throw Error(ErrorCode::invalid_argument, "--out: a spec needs --dataset, the name of the data");
  }
  const auto dataset = find_dataset(options.dataset, data_root(options.data_root));
  RunSpec spec = proposal.spec;
  spec.dataset = dataset->info().name;
  spec.dataset_hash = dataset->info().hash;
  spec.validation_tokens =
      std::min(options.validation_tokens.value_or(1 << 17), dataset->info().validation.tokens);
  validate(spec);
  save_run_spec(spec, options.out);
}

void run_propose(const ProposeArguments& options) {
  refuse_input_as_output(options.out, {options.law});
  const Law law = find_law(options.law);
  Proposal proposal = propose(request_of(options), law);
  if (!options.dataset.empty() && !law.frame.dataset.empty() &&
      law.frame.dataset != options.dataset) {
    proposal.warnings.push_back("The law is of data set " + law.frame.dataset + ", the spec of " +
                                options.dataset +
                                ": another text has another loss, and other optima.");
  }
  if (options.json) {
    std::printf("%s", to_json(proposal).c_str());
  } else {
    print_text(proposal);
  }
  if (!options.out.empty()) save_spec(proposal, options);
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
  command.add_option("--data-tokens", options->data_tokens,
                     "Unique tokens at hand (default: the data set's)");
  command.add_option("--inference-tokens", options->inference_tokens,
                     "Tokens of use after training, for the least compute in all");
  add_gpu_options(command, options->gpu);
  command.add_option("--gpus", options->gpus, "How many", {.range = Range{1, 1'000'000}});
  command.add_option("--out", options->out, "Spec file to write, for `isoflop train`");
  command.add_option("--dataset", options->dataset,
                     "Data set of that spec; its vocabulary and tokens are taken, too");
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
