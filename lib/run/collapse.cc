// SPDX-License-Identifier: Apache-2.0
#include "run/collapse.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/text.h"
#include "run/metrics_file.h"

namespace isoflop {
namespace {

constexpr std::size_t kFewestParts = 4;
constexpr std::size_t kFewestRuns = 6;
/// On 136 healthy runs of two sweeps and two grids the largest ratio is 3.6 in sweeps and 4.3 in
/// grids, there for the cell with the worst learning rate. A tenth of the right rate, or 25 times
/// it, is 8 and 6 times the typical residual at 30 % of a run; a quarter, or 6 times it, is not
/// seen.
constexpr double kOutlierRatio = 5;
constexpr double kLeastResidual = 0.02;  // of the loss: what nobody needs to look at

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

/// y less the robust line through (x, y); x ascending.
std::vector<double> without_trend(const std::vector<double>& x, std::vector<double> y) {
  std::vector<double> slopes;
  for (std::size_t i = 0, j = y.size() - y.size() / 2; j < y.size(); ++i, ++j) {
    if (x[j] > x[i]) slopes.push_back((y[j] - y[i]) / (x[j] - x[i]));
  }
  const double slope = slopes.empty() ? 0 : median(slopes);
  for (std::size_t i = 0; i < y.size(); ++i) y[i] -= slope * x[i];
  const double level = median(y);
  for (double& value : y) value -= level;
  return y;
}

/// Residuals of `curves` over their first n_parts parts, which all of them have; ascending in
/// tokens per parameter.
std::vector<double> residuals(const std::vector<const LossCurve*>& curves, std::size_t n_parts) {
  std::vector<double> x, squares(curves.size());
  for (const LossCurve* curve : curves) x.push_back(std::log(curve->tokens_per_param));
  for (std::size_t part = 1; part + 1 < n_parts; ++part) {
    std::vector<double> v;
    v.reserve(curves.size());
    for (const LossCurve* curve : curves) {
      v.push_back(std::log(curve->losses[part] / curve->losses[n_parts - 1]));
    }
    v = without_trend(x, std::move(v));
    for (std::size_t i = 0; i < v.size(); ++i) squares[i] += v[i] * v[i];
  }
  for (double& square : squares) square = std::sqrt(square / static_cast<double>(n_parts - 2));
  return squares;
}

/// Runs that may be compared: of one kind and schedule. (A grid varies the learning rate on
/// purpose, and its spread is not a curve's.)
bool are_family(const PlannedRun& a, const PlannedRun& b) {
  return a.kind == b.kind && a.spec.schedule == b.spec.schedule &&
         a.spec.dataset_hash == b.spec.dataset_hash;
}

std::string warning_of(const CellStatus& cell) {
  const CollapseResidual& collapse = *cell.collapse;
  return "run " + cell.run.run_id + " (" + short_name(cell.run.spec.shape) + ", lr " +
         rounded_text(cell.run.spec.peak_lr, 3) + ", batch " +
         std::to_string(cell.run.spec.batch_tokens) + "): its loss curve is " +
         rounded_text(100 * collapse.residual, 2) + " % off those of its " +
         std::to_string(collapse.n_runs) + " like runs, which are " +
         rounded_text(100 * collapse.typical, 2) + " % apart, at " +
         rounded_text(100 * collapse.progress, 3) + " % of its steps";
}

/// A final record has the curve; what is under way, and older records, have metrics.jsonl alone.
std::vector<double> losses_of(const SweepFolder& sweep, const CellStatus& cell) {
  if (cell.record && !cell.record->loss_curve.empty()) return cell.record->loss_curve;
  return read_loss_curve(RunStore(sweep.runs()).run_folder(cell.run.run_id) / "metrics.jsonl",
                         cell.run.spec.n_steps);
}

LossCurve curve_of(const RunCurve& run) {
  const RunSpec& spec = run.run->spec;
  return {spec.tokens().value() / static_cast<double>(count_params(spec.shape).non_embedding()),
          run.losses};
}

}  // namespace

std::vector<double> read_loss_curve(const std::filesystem::path& metrics_file,
                                    std::int64_t n_steps) {
  std::vector<double> sums(kLossCurveParts), counts(kLossCurveParts);
  std::int64_t last = 0;
  for_each_step(metrics_file, [&](const StepMetrics& step) {
    if (step.step > n_steps) return;
    last = step.step;
    if (!(step.loss_nats > 0)) return;
    const auto part = static_cast<std::size_t>((step.step - 1) * kLossCurveParts / n_steps);
    sums[part] += step.loss_nats;
    counts[part] += 1;
  });
  std::vector<double> losses;
  for (std::size_t part = 0; part < sums.size() && counts[part] > 0; ++part) {
    const bool whole = last * kLossCurveParts >= (static_cast<std::int64_t>(part) + 1) * n_steps;
    if (!whole) break;
    losses.push_back(sums[part] / counts[part]);
  }
  return losses;
}

std::vector<std::optional<CollapseResidual>> collapse_residuals(std::span<const LossCurve> family) {
  std::vector<std::size_t> order(family.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return family[a].tokens_per_param < family[b].tokens_per_param;
  });
  std::vector<std::optional<CollapseResidual>> result(family.size());
  for (std::size_t n_parts = kFewestParts; n_parts <= kLossCurveParts; ++n_parts) {
    std::vector<const LossCurve*> curves;
    std::vector<std::size_t> indices;
    bool any_ends_here = false;
    for (const std::size_t i : order) {
      if (family[i].losses.size() < n_parts) continue;
      curves.push_back(&family[i]);
      indices.push_back(i);
      any_ends_here |= family[i].losses.size() == n_parts;
    }
    if (curves.size() < kFewestRuns || !any_ends_here) continue;
    const std::vector<double> found = residuals(curves, n_parts);
    const double typical = median(found);
    for (std::size_t k = 0; k < found.size(); ++k) {
      if (family[indices[k]].losses.size() != n_parts) continue;
      result[indices[k]] = {
          .residual = found[k],
          .typical = typical,
          .n_runs = static_cast<std::int64_t>(curves.size()) - 1,
          .progress = static_cast<double>(n_parts) / static_cast<double>(kLossCurveParts),
          .is_outlier = found[k] > kOutlierRatio * typical && found[k] > kLeastResidual};
    }
  }
  return result;
}

std::vector<std::optional<CollapseResidual>> collapse_by_family(std::span<const RunCurve> runs) {
  std::vector<std::vector<std::size_t>> families;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto family = std::find_if(families.begin(), families.end(), [&](const auto& members) {
      return are_family(*runs[members.front()].run, *runs[i].run);
    });
    if (family == families.end()) {
      families.push_back({i});
    } else {
      family->push_back(i);
    }
  }
  std::vector<std::optional<CollapseResidual>> result(runs.size());
  for (const std::vector<std::size_t>& family : families) {
    std::vector<LossCurve> curves;
    curves.reserve(family.size());
    for (const std::size_t i : family) curves.push_back(curve_of(runs[i]));
    const std::vector<std::optional<CollapseResidual>> found = collapse_residuals(curves);
    for (std::size_t k = 0; k < family.size(); ++k) result[family[k]] = found[k];
  }
  return result;
}

void watch_collapse(const SweepFolder& sweep, SweepStatus& status) {
  std::vector<CellStatus*> cells;
  std::vector<RunCurve> runs;
  for (CellStatus& cell : status.cells) {
    cell.collapse.reset();
    if (cell.state == CellState::diverged) continue;
    cells.push_back(&cell);
    runs.push_back({&cell.run, losses_of(sweep, cell)});
  }
  const std::vector<std::optional<CollapseResidual>> found = collapse_by_family(runs);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    cells[i]->collapse = found[i];
    if (found[i] && found[i]->is_outlier) status.warnings.push_back(warning_of(*cells[i]));
  }
}

}  // namespace isoflop
