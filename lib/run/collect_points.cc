// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "base/text.h"
#include "isoflop/run.h"
#include "run/collapse.h"
#include "run/run_files.h"

namespace isoflop {
namespace {

/// What a fit's warnings ask for; the names are those of docs/formats.md.
void set_health_columns(Point& point, const PlannedRun& run, const RunRecord& record) {
  const RunSpec& spec = run.spec;
  point.other["n_steps"] = std::to_string(spec.n_steps);
  point.other["warmup_steps"] = std::to_string(spec.warmup_steps);
  point.other["precision"] = to_string(spec.precision);
  point.other["outcome"] = to_string(record.outcome);
  // A generated source never repeats: its runs are 0 epochs long.
  if (run.epochs > 0) {
    point.other["unique_tokens"] = exact_text(std::round(point.tokens / run.epochs));
  }
  if (record.n_spikes) point.other["n_spikes"] = std::to_string(*record.n_spikes);
  if (record.clip_fraction) point.other["clip_fraction"] = exact_text(*record.clip_fraction);
  if (!record.device.empty()) point.other["device"] = record.device;
  if (!record.version.empty()) {
    point.other["code_version"] =
        record.version + (record.git_commit.empty() ? "" : "+" + record.git_commit);
  }
}

/// Of the evaluation. Bits per byte are of the same tokens, but for those without text, and have
/// the same relative error.
void set_evaluation_errors(Point& point, const Evaluation& validation) {
  const double error = validation.standard_error;
  if (!(error > 0 && validation.loss_nats > 0)) return;
  point.other["loss_se"] = exact_text(error);
  point.other["bits_per_byte_se"] =
      exact_text(validation.bits_per_byte * (error / validation.loss_nats));
}

Point point_of(const PlannedRun& run, const RunRecord& record) {
  const Evaluation& validation = *record.validation;
  const RunSpec& spec = run.spec;
  Point point;
  point.params = static_cast<double>(count_params(spec.shape).non_embedding());
  point.flops_per_token = flops_per_token(spec.shape).value();
  point.tokens = spec.tokens().value();
  point.loss = validation.loss_nats;
  point.bits_per_byte = validation.bits_per_byte;
  point.compute = run.compute;
  point.budget = run.budget;
  point.batch_tokens = static_cast<double>(spec.batch_tokens);
  point.peak_lr = spec.peak_lr;
  point.dataset = spec.dataset;
  point.seed = static_cast<std::int64_t>(spec.seed);
  point.label = run.run_id;
  point.trunk = trunk_id(spec);
  point.other["kind"] = to_string(run.kind);
  point.other["n_layers"] = std::to_string(spec.shape.n_layers);
  point.other["d_model"] = std::to_string(spec.shape.d_model);
  point.other["n_heads"] = std::to_string(spec.shape.n_heads);
  point.other["n_kv_heads"] = std::to_string(spec.shape.n_kv_heads);
  point.other["d_head"] = std::to_string(spec.shape.d_head);
  point.other["d_ff"] = std::to_string(spec.shape.d_ff);
  point.other["ffn"] = spec.shape.ffn == FfnKind::gelu ? "gelu" : "swiglu";
  point.other["tied_embeddings"] = spec.shape.tied_embeddings ? "true" : "false";
  point.other["vocab_size"] = std::to_string(spec.shape.vocab_size);
  point.other["seq_len"] = std::to_string(spec.shape.seq_len);
  set_health_columns(point, run, record);
  set_evaluation_errors(point, validation);
  return point;
}

}  // namespace

PointSet collect_points(const SweepFolder& sweep, const Plan& plan) {
  const RunStore store(sweep.runs());
  PointSet set;
  std::vector<RunCurve> curves;
  set.frame = {plan.dataset.name, plan.dataset.tokenizer, Metric::bits_per_byte,
               FlopsConvention::deepseek_m_actual};
  for (const PlannedRun& run : plan.runs) {
    const RecordFile file = read_record(store, run.run_id);
    if (!file.damage.empty()) ++set.n_skipped_rows;
    if (!file.record) continue;
    if (file.record->outcome == RunOutcome::diverged) ++set.n_diverged_runs;
    if (file.record->outcome == RunOutcome::completed) {
      set.points.push_back(point_of(run, *file.record));
      curves.push_back({&run, file.record->loss_curve});
    }
  }
  const std::vector<std::optional<CollapseResidual>> found = collapse_by_family(curves);
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i]) set.points[i].other["collapse_outlier"] = found[i]->is_outlier ? "1" : "0";
  }
  return set;
}

}  // namespace isoflop
