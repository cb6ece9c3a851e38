// SPDX-License-Identifier: Apache-2.0
#include "options/recipe_options.h"

#include "environment.h"
#include "isoflop/error.h"
#include "law/recipe_json.h"
#include "spec_patch.h"

namespace isoflop::cli {
namespace {

struct OwnOption {
  const char* key;
  const char* option;
};
constexpr OwnOption kOwnOptions[] = {{"batch_tokens", "--batch-tokens"}, {"peak_lr", "--peak-lr"},
                                     {"shape", "--d-head and others"},   {"dataset", "--dataset"},
                                     {"n_steps", "--compute"},           {"seq_len", "--seq-len"},
                                     {"vocab_size", "--vocab-size"}};

void refuse_own_options(const Json& json) {
  for (const OwnOption& own : kOwnOptions) {
    if (json.find(own.key) == nullptr) continue;
    throw Error(ErrorCode::invalid_argument,
                std::string("--set /") + own.key + ": is an option of its own, " + own.option);
  }
}

Json schedule_value(const std::string& text) {
  return text.starts_with('{') ? parse_json(text, "--schedule") : Json(text);
}

}  // namespace

void add_recipe_options(Command& command, RecipeOptions& options) {
  command.add_option("--hyper-law", options.hyper_laws,
                     "Law (id or file) that batch size, learning rate and weight decay are asked "
                     "of; repeatable, a later one for what those before it leave open",
                     {.repeatable = true});
  command.add_option("--batch-tokens", options.batch_tokens, "Batch size, in place of the law's",
                     {.range = Range{1, 0x1p50}});
  command.add_option("--peak-lr", options.peak_lr, "Learning rate, in place of the law's",
                     {.range = Range{1e-12, 100}});
  command.add_option("--weight-decay", options.weight_decay, "Weight decay",
                     {.range = Range{0, 100}});
  command.add_option("--schedule", options.schedule,
                     "multi_step, cosine, wsd, constant, or a schedule in JSON");
  command.add_option("--set", options.settings,
                     "/key=value: adam_beta2, grad_clip, init_std, schedule/kind, ...; repeatable",
                     {.repeatable = true});
}

void set_recipe(ProposalRequest& request, const RecipeOptions& options) {
  for (const std::string& id : options.hyper_laws) {
    request.hyper_laws.push_back(find_law(id, "--hyper-law"));
  }
  request.batch_tokens = options.batch_tokens;
  request.peak_lr = options.peak_lr;
  Json json = patched(Json::object(), options.settings);
  refuse_own_options(json);
  if (options.weight_decay) json.set("weight_decay", *options.weight_decay);
  if (!options.schedule.empty()) json.set("schedule", schedule_value(options.schedule));
  request.recipe = read_recipe(JsonReader(json, "recipe"));
}

}  // namespace isoflop::cli
