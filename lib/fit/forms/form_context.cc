// SPDX-License-Identifier: Apache-2.0
#include "fit/forms/form_context.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "stats/linear_algebra.h"

namespace isoflop {
namespace {

constexpr double kRepeatedBeyond = 0.01;  // passes beyond the first

/// Rms of y about its regression on the columns and a constant.
double spread_about(const std::vector<double>& y, const std::vector<std::vector<double>>& columns) {
  const auto n = static_cast<Eigen::Index>(y.size());
  const auto p = static_cast<Eigen::Index>(columns.size());
  if (n == 0) return 0;
  Eigen::MatrixXd design = Eigen::MatrixXd::Ones(n, p + 1);
  for (Eigen::Index j = 0; j < p; ++j) {
    design.col(j + 1) =
        Eigen::Map<const Eigen::VectorXd>(columns[static_cast<std::size_t>(j)].data(), n);
    design.col(j + 1).array() -= design.col(j + 1).mean();
  }
  Eigen::VectorXd rest = Eigen::Map<const Eigen::VectorXd>(y.data(), n);
  // Gram and Schmidt: a column that the others explain takes nothing more out.
  for (Eigen::Index j = 0; j <= p; ++j) {
    Eigen::VectorXd column = design.col(j);
    const double length = column.norm();
    for (Eigen::Index i = 0; i < j; ++i) column -= design.col(i).dot(column) * design.col(i);
    if (column.norm() > 1e-9 * length && length > 0) {
      design.col(j) = column.normalized();
    } else {
      design.col(j).setZero();
    }
    rest -= design.col(j).dot(rest) * design.col(j);
  }
  return rest.norm() / std::sqrt(static_cast<double>(n));
}

void set_batches(std::span<const Sample> samples, FormContext& context) {
  std::vector<double> sizes, tokens, batches;
  for (const Sample& sample : samples) {
    if (!sample.batch_tokens) return;
    sizes.push_back(std::log(sample.scale));
    tokens.push_back(std::log(sample.tokens));
    batches.push_back(std::log(*sample.batch_tokens));
    context.log_batch0 += batches.back() / static_cast<double>(samples.size());
  }
  context.has_batches = true;
  context.batch_spread = spread_about(batches, {sizes, tokens});
}

void set_repeats(std::span<const Sample> samples, FormContext& context) {
  std::vector<double> repeats, overload;
  for (const Sample& sample : samples) {
    if (repeats_of(sample) <= kRepeatedBeyond) continue;
    repeats.push_back(std::log(repeats_of(sample)));
    overload.push_back(std::log(sample.scale / *sample.unique_tokens));
  }
  context.repeats = !repeats.empty();
  context.n_repeated = static_cast<std::int64_t>(repeats.size());
  context.repeats_spread = spread_about(repeats, {});
  context.overload_spread = spread_about(overload, {repeats});
}

ExpertsAxis axis_of(std::span<const Sample> samples, std::optional<double> Sample::*member) {
  ExpertsAxis axis;
  std::vector<double> sizes, tokens, values;
  double largest = 0;
  for (const Sample& sample : samples) {
    if (!(sample.*member)) return {};
    sizes.push_back(std::log(sample.scale));
    tokens.push_back(std::log(sample.tokens));
    values.push_back(std::log(*(sample.*member)));
    axis.log0 += values.back() / static_cast<double>(samples.size());
    if (sample.compute > largest) {
      largest = sample.compute;
      axis.log_target = values.back();
    }
  }
  axis.complete = true;
  axis.spread = spread_about(values, {sizes, tokens});
  std::sort(values.begin(), values.end());
  for (std::size_t i = 0; i < values.size(); ++i) {
    axis.n_distinct += i == 0 || values[i] - values[i - 1] > kSameSetting;
  }
  return axis;
}

}  // namespace

double repeats_of(const Sample& sample) {
  return sample.unique_tokens ? std::max(0.0, sample.tokens / *sample.unique_tokens - 1) : 0;
}

FormContext form_context(std::span<const Sample> samples, double params_per_size,
                         std::optional<double> upper_bound) {
  FormContext context;
  context.params_per_size = params_per_size;
  context.flops_factor = params_per_size == 1 ? 6 : 1;
  context.upper_bound = upper_bound;
  context.lowest = samples.front().metric;
  const auto n = static_cast<double>(samples.size());
  for (const Sample& sample : samples) {
    context.log_size0 += std::log(sample.scale) / n;
    context.log_tokens0 += std::log(sample.tokens) / n;
    context.mean += sample.metric / n;
    context.lowest = std::min(context.lowest, sample.metric);
  }
  set_batches(samples, context);
  set_repeats(samples, context);
  context.n_experts = axis_of(samples, &Sample::n_experts);
  context.granularity = axis_of(samples, &Sample::granularity);
  return context;
}

Inputs form_inputs(const FormContext& context, const Sample& sample) {
  const double unique = std::min(sample.unique_tokens.value_or(sample.tokens), sample.tokens);
  return {std::log(sample.scale) - context.log_size0, std::log(sample.tokens) - context.log_tokens0,
          std::log(unique) - context.log_tokens0, 0};
}

}  // namespace isoflop
