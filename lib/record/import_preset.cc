// SPDX-License-Identifier: Apache-2.0
#include "record/import_preset.h"

#include "base/text.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

ImportPreset wandb(const std::vector<std::string>& header, bool is_chart) {
  ImportPreset preset;
  preset.state = "State";
  preset.choices = {
      {kRunId, {{"Name"}}},
      {kParams,
       {{"parameter_count"},
        {"config.parameter_count"},
        {"num_params"},
        {"config.num_params"},
        {"n_params"},
        {"config.n_params"},
        {"params"}}},
      {kTokens,
       {{"throughput/total_tokens"},
        {"summary.throughput/total_tokens"},
        {"total_tokens"},
        {"summary.total_tokens"},
        {"tokens"},
        {"config.tokens"}}},
      {kCompute, {{"throughput/total_gflops", "GFLOP"}, {"total_flops"}, {"compute"}}},
      {kLoss,
       {{"eval/loss"}, {"val/loss"}, {"summary.val/loss"}, {"val_loss"}, {"eval_loss"}, {"loss"}}},
      {kPeakLr, {{"optimizer.learning_rate"}, {"learning_rate"}, {"config.learning_rate"}}},
      {kSeed, {{"seed"}, {"config.seed"}}}};
  // The metric of a chart is the third column that wandb_chart_rows() makes.
  if (is_chart) preset.choices[4].candidates = {{header[2]}};
  return preset;
}

// Its newer results.csv has parameters by kind, the older one num_params and num_scaling_params.
// Its own analysis takes the matrices of the transformer and of the head.
ImportPreset nanochat(std::optional<FlopsConvention> convention) {
  ImportPreset preset;
  const FlopsConvention counted = convention.value_or(FlopsConvention::nanochat);
  std::vector<ForeignColumn> params;
  switch (counted) {
    case FlopsConvention::nanochat:
      params = {{"params_transformer+params_lm_head"}, {"num_scaling_params"}};
      break;
    case FlopsConvention::six_n1_nominal:
    case FlopsConvention::six_n1_actual:
      params = {{"params_transformer"}};
      break;
    case FlopsConvention::six_n_total:
    case FlopsConvention::chinchilla:
      params = {{"params_total"}, {"num_params"}};
      break;
    default:
      throw Error(ErrorCode::invalid_argument,
                  "convention: nanochat's file can be counted by nanochat, six_n1_actual or "
                  "six_n_total, not by " +
                      std::string(to_string(counted)));
  }
  preset.choices = {{kParams, params},
                    {kTokens, {{"tokens_trained"}}},
                    {kBudget, {{"flops_budget"}}},
                    {kBitsPerByte, {{"val_bpb"}}}};
  preset.kept_as = {{"depth", "n_layers"}, {"model_dim", "d_model"}};
  preset.convention = counted;
  return preset;
}

ImportPreset chinchilla() {
  ImportPreset preset;
  preset.choices = {{kParams, {{"Model Size"}}},
                    {kCompute, {{"Training FLOP"}}},
                    {kTokens, {{"Training Tokens"}}},
                    {kLoss, {{"loss"}}}};
  preset.tokens_from_compute = true;
  preset.dataset = "massivetext";
  preset.rule = ImportPreset::Rule::five_highest_losses;
  preset.convention = FlopsConvention::six_n_total;
  return preset;
}

// Batches are of sequences of 2048 tokens; the smoothed loss is the one its laws are fitted to.
ImportPreset steplaw() {
  ImportPreset preset;
  preset.choices = {{kParams, {{"N"}}},         {kTokens, {{"D"}}},
                    {kLoss, {{"smooth loss"}}}, {kBatchTokens, {{"bs", "2048"}}},
                    {kPeakLr, {{"lr"}}},        {kRunId, {{"exp_name"}}}};
  preset.kept_as = {{"loss", "loss_last"}, {"h", "d_model"},     {"ffnh", "d_ff"},
                    {"numh", "n_heads"},   {"numl", "n_layers"}, {"ti", "n_steps"}};
  preset.rule = ImportPreset::Rule::diverged_in_cell;
  return preset;
}

ImportPreset open_athena() {
  ImportPreset preset;
  preset.reason = "reason";
  preset.rule = ImportPreset::Rule::raw_loss_view;
  return preset;
}

}  // namespace

std::string_view to_string(ImportFormat format) {
  switch (format) {
    case ImportFormat::csv:
      return "csv";
    case ImportFormat::jsonl:
      return "jsonl";
    case ImportFormat::wandb:
      return "wandb";
    case ImportFormat::nanochat:
      return "nanochat";
    case ImportFormat::chinchilla:
      return "chinchilla";
    case ImportFormat::steplaw:
      return "steplaw";
    case ImportFormat::open_athena:
      return "open-athena";
    case ImportFormat::tensorboard:
      return "tensorboard";
  }
  return "";
}

ImportFormat import_format_from(std::string_view name) {
  std::vector<std::string> known;
  for (const ImportFormat format : kAllImportFormats) {
    if (to_string(format) == name) return format;
    known.emplace_back(to_string(format));
  }
  throw Error(ErrorCode::invalid_argument, "format: must be one of " + join(known, ", ") +
                                               ", got \"" + std::string(name) + "\"" +
                                               did_you_mean(name, known));
}

ImportPreset import_preset(ImportFormat format, const std::vector<std::string>& header,
                           std::optional<FlopsConvention> convention, bool is_chart) {
  switch (format) {
    case ImportFormat::wandb:
      return wandb(header, is_chart);
    case ImportFormat::nanochat:
      return nanochat(convention);
    case ImportFormat::chinchilla:
      return chinchilla();
    case ImportFormat::steplaw:
      return steplaw();
    case ImportFormat::open_athena:
      return open_athena();
    case ImportFormat::tensorboard: {
      ImportPreset preset;
      preset.choices = {{kRunId, {{"run_name"}}}};
      return preset;
    }
    case ImportFormat::csv:
    case ImportFormat::jsonl:
      break;
  }
  return {};
}

}  // namespace isoflop
