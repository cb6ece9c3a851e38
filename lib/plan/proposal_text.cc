// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/text.h"
#include "isoflop/proposal.h"
#include "plan/figures.h"

namespace isoflop {
namespace {

constexpr std::size_t kNameWidth = 22, kCellWidth = 10;

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

class Page {
 public:
  void line(const std::string& text) { text_ += text + "\n"; }
  void row(const std::string& name, const std::string& text) {
    line("  " + padded(name, kNameWidth) + " " + text);
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

double number(std::int64_t value) { return static_cast<double>(value); }

std::string of_law(const std::optional<double>& value, std::string (*text)(double)) {
  return value ? "   (law: " + text(*value) + ")" : "";
}

std::string from_text(const Proposal& proposal, const std::string& part) {
  for (const Provenance& provenance : proposal.provenance) {
    if (provenance.part == part) return "   (" + provenance.from + ")";
  }
  return "";
}

/// " (default)" where neither the caller nor the law says it; whose it is where data are named.
std::string whose(const Proposal& proposal, const std::string& part) {
  const std::string from = from_text(proposal, part);
  if (from.find("(default of ") != std::string::npos) return " (default)";
  const bool of_law = from.find("(the runs behind law ") != std::string::npos;
  return of_law && !proposal.dataset.empty() ? " (the law's)" : "";
}

void add_shape(const Proposal& proposal, Page& page) {
  const ModelShape& shape = proposal.spec.shape;
  const ParamCounts counts = count_params(shape);
  page.row("shape", short_name(shape) + ", heads of " + std::to_string(shape.d_head) + ", d_ff " +
                        std::to_string(shape.d_ff) + ", vocabulary " +
                        std::to_string(shape.vocab_size) + whose(proposal, "vocab_size") +
                        (shape.tied_embeddings ? " (tied)" : "") + ", sequence " +
                        std::to_string(shape.seq_len) + whose(proposal, "seq_len"));
  page.row("parameters", count_text(number(counts.non_embedding())) + " non-embedding, " +
                             count_text(number(counts.total())) + " in all");
  const double m = proposal.flops_per_token.value();
  std::string size = flops_text(m) + " by " + std::string(to_string(proposal.convention));
  const auto& asked = proposal.law_flops_per_token;
  if (asked) {
    size += "   (";
    if (const auto& forecast = proposal.forecast_flops_per_token) {
      size += "forecast: " + flops_text(*forecast) + "; ";
    }
    size += "law: " + flops_text(*asked);
    if (is_six_n(proposal.convention)) size += ", " + count_text(*asked / 6) + " parameters";
    size += ")";
  }
  page.row("FLOPs per token", size);
}

void add_data(const Proposal& proposal, Page& page) {
  const double per_param =
      proposal.tokens.value() / number(count_params(proposal.spec.shape).total());
  page.row("tokens", count_text(proposal.tokens.value()) + ", " + rounded_text(per_param, 3) +
                         " per parameter" + of_law(proposal.law_tokens, count_text));
  if (proposal.epochs) {
    page.row("epochs", rounded_text(*proposal.epochs, 3) +
                           (proposal.dataset.empty() ? "" : " of " + proposal.dataset));
  }
  if (proposal.effective_tokens) {
    page.row("worth, repeated", count_text(*proposal.effective_tokens) + " fresh tokens");
  }
}

std::string weight_decay_text(const Proposal& proposal) {
  std::string text =
      rounded_text(proposal.spec.weight_decay, 4) + from_text(proposal, "weight_decay");
  if (const auto& advice = proposal.law_weight_decay) {
    text += "; timescale " + rounded_text(advice->timescale, 2) + " of the run at D/N " +
            rounded_text(advice->tokens_per_param, 3) +
            (advice->in_range ? "" : ", outside of what the law was tuned on");
    if (advice->law_id == proposal.power_lines->law_id) return text;
  }
  if (const auto& advice = proposal.power_lines) {
    text += "; " + rounded_text(advice->value, 2) +
            " by Power Lines (arXiv:2505.13738, on 111M to 3.3B parameters" +
            (advice->in_range ? ")" : ", which this is outside of)");
  }
  return text;
}

void add_training(const Proposal& proposal, Page& page) {
  const RunSpec& spec = proposal.spec;
  if (spec.batch_tokens > 0) {
    page.row("batch", count_text(number(spec.batch_tokens)) + " tokens, " +
                          std::to_string(proposal.batch_seqs) + " sequences" +
                          of_law(proposal.law_batch_tokens, count_text));
    page.row("steps",
             std::to_string(spec.n_steps) + ", warm-up " + std::to_string(spec.warmup_steps));
  }
  if (spec.peak_lr > 0) {
    page.row("peak learning rate", rounded_text(spec.peak_lr, 4) + from_text(proposal, "peak_lr"));
  }
  if (spec.batch_tokens == 0) return;
  page.row("weight decay", weight_decay_text(proposal));
  page.row("schedule",
           std::string(to_string(spec.schedule.kind)) + from_text(proposal, "schedule"));
}

std::string range_text(const Prediction& prediction, const std::string& unit) {
  std::string text = rounded_text(prediction.value, 4) + " " + unit;
  if (prediction.low < prediction.high) {
    text +=
        ", 90 %: " + rounded_text(prediction.low, 4) + " to " + rounded_text(prediction.high, 4);
  }
  return text;
}

void add_prediction(const Proposal& proposal, Page& page) {
  if (proposal.loss_nats) page.row("predicted loss", range_text(*proposal.loss_nats, "nats/token"));
  if (proposal.bits_per_byte) {
    page.row("predicted", range_text(*proposal.bits_per_byte, "bits/byte"));
  }
}

void add_reliability(const Proposal& proposal, Page& page) {
  if (!proposal.reliability) return;
  const Reliability& reliability = *proposal.reliability;
  page.row("light", std::string(color_of(reliability.light)) + ": " + reliability.reason);
  if (!reliability.flops_per_token) {
    page.row("optimum, 90 %", "open: the points behind the law do not bound it");
    return;
  }
  const auto range = [](const Interval& interval, std::string (*text)(double)) {
    return text(interval.low) + " to " + text(interval.high);
  };
  std::string text = "FLOPs per token " + range(*reliability.flops_per_token, flops_text) +
                     ", tokens " + range(*reliability.tokens, count_text);
  if (const auto& waste = reliability.worst_waste) text += "; worst waste " + share_text(*waste);
  page.row("optimum, 90 %", text);
}

void add_cost(const Proposal& proposal, Page& page) {
  if (!proposal.gpu_hours) return;
  constexpr double kSecondsPerHour = 3600, kHoursPerDay = 24, kDaysFrom = 96;
  const double hours = *proposal.wall_hours;
  page.row("wall time", (hours < kDaysFrom ? duration_text(hours * kSecondsPerHour)
                                           : plain_text(hours / kHoursPerDay) + " days") +
                            " on " + std::to_string(proposal.n_gpus) +
                            (proposal.n_gpus == 1 ? " GPU" : " GPUs"));
  const FlopsPerToken exact = flops_per_token(proposal.spec.shape, FlopsConvention::exact);
  page.row("GPU hours", plain_text(*proposal.gpu_hours) + " for " + flops_text(exact.value()) +
                            " FLOPs per token by exact (head included) at an MFU of " +
                            rounded_text(*proposal.mfu, 3) +
                            (proposal.mfu_assumed ? ", which is assumed" : ""));
  if (proposal.price) page.row("price", plain_text(*proposal.price));
}

void add_split(const std::string& name, const LifetimeSplit& split, Page& page) {
  std::string cells;
  for (const std::string& cell :
       {count_text(split.size), count_text(split.tokens), rounded_text(split.training_compute, 4),
        rounded_text(split.inference_compute, 4)}) {
    cells += padded(cell, kCellWidth) + " ";
  }
  page.row(name, cells + rounded_text(split.total_compute(), 4));
}

void add_inference_aware(const Proposal& proposal, Page& page) {
  if (!proposal.inference_aware) return;
  const InferenceAware& aware = *proposal.inference_aware;
  page.line("loss " + rounded_text(aware.loss, 4) + ", then " + count_text(aware.inference_tokens) +
            " tokens of inference: FLOPs in all by the law's surface");
  const bool params = proposal.inference_scale == LossLaw::Scale::params;
  std::string heads;
  for (const char* head :
       {params ? "parameters" : "FLOPs/tok", "tokens", "training", "inference"}) {
    heads += padded(head, kCellWidth) + " ";
  }
  page.row("", heads + "total");
  add_split("compute-optimal", aware.compute_optimal, page);
  add_split("inference-aware", aware.best, page);
}

}  // namespace

std::string proposal_text(const Proposal& proposal) {
  Page page;
  page.line(rounded_text(proposal.compute_budget.value(), 4) + " FLOPs by law " + proposal.law_id);
  add_shape(proposal, page);
  add_data(proposal, page);
  add_training(proposal, page);
  add_prediction(proposal, page);
  add_reliability(proposal, page);
  add_cost(proposal, page);
  add_inference_aware(proposal, page);
  return page.take();
}

}  // namespace isoflop
