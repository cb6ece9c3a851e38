// SPDX-License-Identifier: Apache-2.0
#include "report/demo_report.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "base/rng.h"

namespace isoflop::test {
namespace {

// L = 1.2 + t (M/M0)^-0.35 + t (D/D0)^-0.35 bits/byte, so that M_opt = M0 sqrt(C / C0).
constexpr double kIrreducible = 1.2, kTerm = 0.485, kPower = 0.35;
constexpr double kScale0 = 4.8e5, kCompute0 = 1e12, kTokens0 = kCompute0 / kScale0;

double surface(double m, double d) {
  return kIrreducible + kTerm * std::pow(m / kScale0, -kPower) +
         kTerm * std::pow(d / kTokens0, -kPower);
}

double best_rate(double compute) { return 0.004 * std::pow(compute / kCompute0, -0.12); }
double best_batch(double compute) { return 1024 * std::pow(compute / kCompute0, 0.3); }

// A mistuned run loses 1.5 % of its loss per squared factor e.
double mistuning(double compute, double rate, double batch) {
  const double x = std::log(rate / best_rate(compute)), y = std::log(batch / best_batch(compute));
  return 1 + 0.015 * (x * x + y * y + 0.6 * x * y);
}

struct Setting {
  ModelShape shape;
  double budget = 0, rate = 0;
  std::int64_t batch = 0;
  bool diverged = false;
};

void add_run(ReportChapter& chapter, const Setting& setting) {
  RunRecord record;
  record.spec.shape = setting.shape;
  record.spec.dataset = chapter.points.frame.dataset;
  record.spec.batch_tokens = setting.batch;
  record.spec.peak_lr = setting.rate;
  const double m = flops_per_token(setting.shape).value();
  record.spec.n_steps = std::llround(setting.budget / m / static_cast<double>(setting.batch));
  record.run_id = hash_hex(std::to_string(chapter.records.size()) + chapter.title);
  record.device = "cpu: 1 thread of AMD EPYC 7B13";
  record.version = "0.1.0";
  record.git_commit = "249e866";
  record.wall_seconds = setting.budget / 40e9;
  record.flops_per_second = 41e9;
  record.tokens_per_second = 40e9 / m;
  record.outcome = RunOutcome::completed;
  if (setting.diverged) {
    record.outcome = RunOutcome::diverged;
    record.message = "loss is NaN at step 312";
    chapter.records.push_back(record);
    return;
  }
  const double tokens = record.spec.tokens().value();
  const double noise = 1 + 0.002 * Rng(7).normal(chapter.records.size());
  const double bits = noise * surface(m, tokens) *
                      mistuning(setting.budget, setting.rate, static_cast<double>(setting.batch));
  record.validation = Evaluation{bits * std::log(2.0), bits, 0.004, 131072, 131000};
  Point point;
  point.flops_per_token = m;
  point.params = m / 6;
  point.tokens = tokens;
  point.bits_per_byte = bits;
  point.budget = setting.budget;
  point.batch_tokens = static_cast<double>(setting.batch);
  point.peak_lr = setting.rate;
  point.dataset = record.spec.dataset;
  point.seed = 0;
  point.label = record.run_id;
  chapter.points.points.push_back(point);
  chapter.records.push_back(record);
}

// Nine rungs around M, an eighth to eight times it.
std::vector<ModelShape> curve_shapes(const std::vector<ModelShape>& ladder, double m) {
  std::vector<ModelShape> shapes;
  for (int i = -4; i <= 4; ++i) {
    const double target = m * std::pow(8, i / 4.0);
    const auto distance = [&](const ModelShape& s) {
      return std::abs(std::log(flops_per_token(s).value() / target));
    };
    const ModelShape best =
        *std::min_element(ladder.begin(), ladder.end(),
                          [&](const auto& a, const auto& b) { return distance(a) < distance(b); });
    if (shapes.empty() || !(shapes.back() == best)) shapes.push_back(best);
  }
  return shapes;
}

void add_grid(ReportChapter& chapter, const ModelShape& shape, double budget) {
  for (const double rate : {0.001, 0.002, 0.004, 0.008, 0.016}) {
    for (const std::int64_t batch : {256, 512, 1024, 2048, 4096}) {
      const bool diverged = rate > 0.01 && batch < 512;
      add_run(chapter, {shape, budget, rate, batch, diverged});
    }
  }
}

Valley valley_at(double budget, std::int64_t n_points, bool bracketed) {
  Valley valley;
  valley.budget = valley.compute = budget;
  valley.scale_opt =
      kScale0 * std::sqrt(budget / kCompute0) * std::exp(0.08 * std::sin(3 * std::log10(budget)));
  valley.tokens_opt = budget / valley.scale_opt;
  valley.loss_opt = surface(valley.scale_opt, valley.tokens_opt);
  const double half = kPower * kPower * (valley.loss_opt - kIrreducible) / 2;
  const double x = std::log(valley.scale_opt);
  valley.curvature = 2 * half;
  valley.coefficients[0] = valley.loss_opt + half * x * x;
  valley.coefficients[1] = -2 * half * x;
  valley.coefficients[2] = half;
  valley.ln_scale_se = 0.06;
  valley.loss_se = 0.003;
  valley.n_points = n_points;
  valley.n_fitted = n_points;
  valley.fitted_scale = {valley.scale_opt / 5, valley.scale_opt * 5};
  valley.bracketed = bracketed;
  valley.status = bracketed ? FitStatus::ok : FitStatus::not_bracketed;
  return valley;
}

PowerLawFit law_at(double y0, double exponent, std::int64_t n_points) {
  PowerLawFit fit;
  fit.law = {y0 / std::pow(kCompute0, exponent), exponent};
  fit.centre = std::log(kCompute0);
  fit.level_se = 0.03;
  fit.exponent_se = 0.013;
  fit.t = 2.353;
  fit.tau = 0.05;
  fit.residual_sd = 0.06;
  fit.exponent = {exponent - 0.031, exponent + 0.031};
  fit.coefficient = {fit.law.coefficient / 2.4, fit.law.coefficient * 2.4};
  fit.n_points = n_points;
  fit.status = FitStatus::ok;
  return fit;
}

Target target_at(double compute, double ratio) {
  const LossLaw law{.irreducible = kIrreducible,
                    .a = kTerm * std::pow(kScale0, kPower),
                    .alpha = kPower,
                    .b = kTerm * std::pow(kTokens0, kPower),
                    .beta = kPower};
  const Optimum best = optimum_of(law, compute);
  Target target{.compute = compute, .ratio = ratio, .light = extrapolation_light(ratio)};
  target.scale = {best.size, Interval{best.size / 1.5, best.size * 1.5}};
  target.tokens = {best.tokens, Interval{best.tokens / 1.5, best.tokens * 1.5}};
  target.light_reasons = {"10x beyond the data"};
  target.estimates = {{.method = "isoflop",
                       .scale = target.scale,
                       .tokens = {best.tokens},
                       .loss = {best.loss, Interval{0.98 * best.loss, 1.02 * best.loss}}}};
  target.loss = target.estimates.front().loss;
  target.estimates.push_back({.method = "posterior", .scale = target.scale});
  target.disagreement = 0.07;
  target.overestimate = MissCost{.waste = deadweight(law, compute, 1.5)};
  target.underestimate = MissCost{.waste = deadweight(law, compute, 1 / 1.5)};
  return target;
}

HyperFit hyper_of(const std::vector<double>& budgets) {
  HyperFit hyper;
  hyper.batch_tokens = law_at(1024, 0.3, 3);
  hyper.peak_lr = law_at(0.004, -0.12, 3);
  for (const double budget : budgets) {
    HyperCell cell;
    cell.budget = cell.compute = budget;
    cell.batch_tokens = best_batch(budget);
    cell.peak_lr = best_rate(budget);
    cell.n_runs = 24;
    cell.n_near_optimal = 3;
    cell.batch_at_edge = budget < 2e11;
    hyper.cells.push_back(cell);
  }
  hyper.n_cells = static_cast<std::int64_t>(budgets.size());
  hyper.n_near_optimal = 9;
  return hyper;
}

Law reference_law() {
  Law law;
  law.id = "deepseek-llm-2024";
  law.source = "DeepSeek LLM, arXiv:2401.02954: eq. 1 and eq. 4";
  law.frame = {"deepseek_in_house", "deepseek_bbpe", Metric::bits_per_byte,
               FlopsConvention::deepseek_m};
  law.fitted_from = Flops(1e17);
  law.fitted_to = Flops(3e20);
  law.allocation = AllocationLaw{{0.1715, 0.5243}, {5.8316, 0.4757}};
  law.hyper = HyperLaw{{0.2920, 0.3271}, {0.3118, -0.1250}};
  return law;
}

}  // namespace

ReportChapter demo_chapter(const DemoOptions& options) {
  ReportChapter chapter;
  chapter.title = options.dataset;
  chapter.question = "Where is the compute-optimal model on " + options.dataset +
                     " between 1e11 and 1e13 FLOPs, and does the law found reach a decade further?";
  chapter.points.frame = {options.dataset, "bytes", Metric::bits_per_byte,
                          FlopsConvention::deepseek_m_actual};
  const std::vector<ModelShape> ladder = shape_ladder(FlopsPerToken(5e7));
  Fit fit;
  fit.frame = chapter.points.frame;
  std::vector<double> grid_budgets;
  for (int i = 0; i < options.n_budgets; ++i) {
    const double budget = std::pow(10, 11 + i / 2.0);
    const double m = kScale0 * std::sqrt(budget / kCompute0);
    const std::vector<ModelShape> shapes = curve_shapes(ladder, m);
    for (const ModelShape& shape : shapes) add_run(chapter, {shape, budget, 0.004, 1024});
    if (i % 2 == 0) {
      add_grid(chapter, shapes[shapes.size() / 2], budget);
      grid_budgets.push_back(budget);
    }
    fit.valleys.push_back(valley_at(budget, static_cast<std::int64_t>(shapes.size()),
                                    options.last_bracketed || i + 1 < options.n_budgets));
    fit.compute_from = fit.valleys.front().budget;
    fit.compute_to = budget;
  }
  fit.n_points = static_cast<std::int64_t>(chapter.points.points.size());
  fit.scale_opt = law_at(kScale0, 0.5, 5);
  fit.tokens_opt = law_at(kTokens0, 0.5, 5);
  fit.frontier =
      FrontierLaw{kIrreducible, 2 * kTerm * std::pow(kCompute0, kPower / 2), -kPower / 2, 0.02};
  fit.hyper = hyper_of(grid_budgets);
  fit.holdout = {{.dropped = 1,
                  .compute = 1e13,
                  .ratio = std::sqrt(10.0),
                  .method = "isoflop",
                  .scale_error = -0.083,
                  .tokens_error = 0.091,
                  .loss_error = 0.0041},
                 {.dropped = 2,
                  .compute = 1e13,
                  .ratio = 10,
                  .method = "isoflop",
                  .scale_error = 0.12,
                  .tokens_error = -0.11,
                  .loss_error = -0.0093}};
  fit.holdout_summary = summarize(fit.holdout);
  fit.targets = {target_at(10 * fit.compute_to, 10)};
  fit.warnings = {"The budgets span 2 decades; a law from fewer than 2.5 is known to wander.",
                  "At 1e11 FLOPs the near-optimal band reaches the smallest batch of the grid."};
  chapter.fit = fit;
  chapter.reference = reference_law();
  return chapter;
}

}  // namespace isoflop::test
