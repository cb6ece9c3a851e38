// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>

#include "base/json.h"
#include "base/text.h"
#include "commands.h"
#include "isoflop/model_shape.h"

namespace isoflop::cli {
namespace {

double ratio(const ModelShape& shape, FlopsConvention convention) {
  return flops_per_token(shape, convention) / flops_per_token(shape, FlopsConvention::deepseek_m);
}

/// Whole numbers are written as integers while a double holds them exactly.
Json whole(double value) {
  if (value < 9007199254740992.0) return static_cast<std::int64_t>(value);
  return value;
}

Json as_json(const ModelShape& shape) {
  const ParamCounts counts = count_params(shape);
  Json flops = Json::object();
  for (const FlopsConvention convention : kAllFlopsConventions) {
    flops.set(std::string(to_string(convention)),
              whole(flops_per_token(shape, convention).value()));
  }
  flops.set("exact", exact_flops_per_token(shape));
  flops.set("exact_nohead", exact_flops_per_token(shape, false));
  return Json::object(
      {{"schema", "isoflop.flops/1"},
       {"shape", Json::object({{"n_layers", shape.n_layers},
                               {"d_model", shape.d_model},
                               {"n_heads", shape.n_heads},
                               {"n_kv_heads", shape.n_kv_heads},
                               {"d_head", shape.d_head},
                               {"d_ff", shape.d_ff},
                               {"vocab_size", shape.vocab_size},
                               {"seq_len", shape.seq_len},
                               {"tied_embeddings", shape.tied_embeddings}})},
       {"params", Json::object({{"embedding", counts.embedding},
                                {"unembedding", counts.unembedding},
                                {"attention", counts.attention},
                                {"ffn", counts.ffn},
                                {"norm", counts.norm},
                                {"non_embedding", counts.non_embedding()},
                                {"total", counts.total()}})},
       {"flops_per_token", flops},
       {"ratios", Json::object({{"six_n1_over_m", ratio(shape, FlopsConvention::six_n1_nominal)},
                                {"six_n2_over_m", ratio(shape, FlopsConvention::six_n2)}})}});
}

void print_table(const ModelShape& shape) {
  const ParamCounts counts = count_params(shape);
  const auto row = [](const char* name, double value, const char* note = "") {
    std::printf("  %-18s %22.0f  %8s%s\n", name, value, si_text(value).c_str(), note);
  };
  std::printf("parameters of %s\n", short_name(shape).c_str());
  row("embedding", static_cast<double>(counts.embedding));
  row("unembedding", static_cast<double>(counts.unembedding));
  row("attention", static_cast<double>(counts.attention));
  row("ffn", static_cast<double>(counts.ffn));
  row("norm", static_cast<double>(counts.norm));
  row("non-embedding", static_cast<double>(counts.non_embedding()));
  row("total", static_cast<double>(counts.total()));
  std::printf("training FLOPs per token, by convention\n");
  for (const FlopsConvention convention : kAllFlopsConventions) {
    const double exact = flops_per_token(shape, FlopsConvention::exact).value();
    const double value = flops_per_token(shape, convention).value();
    row(std::string(to_string(convention)).c_str(), value,
        ("   " + rounded_text(value / exact, 3) + " x exact").c_str());
  }
}

struct FlopsArguments {
  ModelShape shape;
  bool gelu = false, json = false;
};

void add_flops_options(Command& command, ModelShape& shape) {
  command.add_option("--n-layers", shape.n_layers, "Layers", {.required = true});
  command.add_option("--d-model", shape.d_model, "Width", {.required = true});
  command.add_option("--n-heads", shape.n_heads, "Query heads", {.required = true});
  command.add_option("--n-kv-heads", shape.n_kv_heads, "Key/value heads (default: n-heads)");
  command.add_option("--d-head", shape.d_head, "Head size (default: d-model / n-heads)");
  command.add_option("--d-ff", shape.d_ff, "FFN width (default: 8/3 d-model, rounded up)");
  command.add_option("--vocab-size", shape.vocab_size, "Vocabulary", {.required = true});
  command.add_option("--seq-len", shape.seq_len, "Sequence length", {.required = true});
  command.add_flag("--tied", shape.tied_embeddings, "One vocabulary matrix for both ends");
}

/// The sizes that `command` was not given, from those that it was.
ModelShape completed(const Command& command, const FlopsArguments& options) {
  ModelShape shape = options.shape;
  if (options.gelu) shape.ffn = FfnKind::gelu;
  if (!command.given("--n-kv-heads")) shape.n_kv_heads = shape.n_heads;
  if (!command.given("--d-head") && shape.n_heads > 0) shape.d_head = shape.d_model / shape.n_heads;
  if (!command.given("--d-ff") && shape.d_model > 0 && shape.d_model < (1 << 21)) {
    shape.d_ff = options.gelu ? 4 * shape.d_model : default_d_ff(shape.d_model);
  }
  return shape;
}

}  // namespace

void add_flops_command(Command& program) {
  auto options = std::make_shared<FlopsArguments>();
  Command& command = program.add_subcommand(
      "flops", "Parameter counts and FLOPs per token under every convention");
  add_flops_options(command, options->shape);
  command.add_flag("--gelu", options->gelu, "A two-matrix FFN instead of SwiGLU");
  command.add_flag("--json", options->json, "Print JSON");
  command.set_action([options, &command] {
    const ModelShape shape = completed(command, *options);
    validate(shape);
    if (options->json) {
      std::printf("%s", as_json(shape).pretty().c_str());
    } else {
      print_table(shape);
    }
    return kDone;
  });
}

}  // namespace isoflop::cli
