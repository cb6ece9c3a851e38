// SPDX-License-Identifier: Apache-2.0
#include "fit/points/sample.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

std::string where(const Point& point, std::size_t index) {
  return point.label.empty() ? "point " + std::to_string(index + 1) : point.label;
}

void require_positive(const std::optional<double>& value, std::string_view name,
                      const std::string& place) {
  if (!value) {
    throw Error(ErrorCode::invalid_argument, place + ": has no " + std::string(name));
  }
  if (!(*value > 0) || !std::isfinite(*value)) {
    throw Error(
        ErrorCode::invalid_argument,
        place + ": " + std::string(name) + " must be finite and > 0, got " + exact_text(*value));
  }
}

void require_one_dataset(const PointSet& set) {
  std::string name = set.frame.dataset;
  std::string first_place = "the others";
  for (std::size_t i = 0; i < set.points.size(); ++i) {
    const Point& point = set.points[i];
    if (point.dataset.empty() || point.dataset == name) continue;
    if (name.empty()) {
      name = point.dataset;
      first_place = where(point, i);
      continue;
    }
    Frame other = set.frame;
    Frame first = set.frame;
    first.dataset = name;
    other.dataset = point.dataset;
    require_same_frame(first, other,
                       "points of one fit, " + first_place + " and " + where(point, i));
  }
}

// All points must have the scale, or none; a law in M from points in N goes by M = 6 N.
enum class ScaleSource { stated, converted };
ScaleSource scale_source(const PointSet& set, LossLaw::Scale scale) {
  const bool params = scale == LossLaw::Scale::params;
  const auto has = [&](const Point& p) {
    return params ? p.params.has_value() : p.flops_per_token.has_value();
  };
  const auto n_stated = std::count_if(set.points.begin(), set.points.end(), has);
  if (n_stated == static_cast<std::ptrdiff_t>(set.points.size())) return ScaleSource::stated;
  if (n_stated == 0) return ScaleSource::converted;
  const auto with = std::find_if(set.points.begin(), set.points.end(), has);
  const auto without = std::find_if_not(set.points.begin(), set.points.end(), has);
  const auto place = [&](auto point) {
    return where(*point, static_cast<std::size_t>(point - set.points.begin()));
  };
  const LossLaw::Scale other = params ? LossLaw::Scale::flops_per_token : LossLaw::Scale::params;
  throw Error(ErrorCode::invalid_argument,
              place(without) + ": has no " + std::string(to_string(scale)) + ", which " +
                  place(with) + " has; a fit needs it for all points, or for none (--scale " +
                  std::string(to_string(other)) + " does without it)");
}

/// Of a column critical_batch_tokens, or noise_scale_tokens (arXiv:1812.06162: they agree about).
std::optional<double> critical_batch(const Point& point) {
  for (const char* name : {"critical_batch_tokens", "noise_scale_tokens"}) {
    const auto entry = point.other.find(name);
    if (entry == point.other.end()) continue;
    const std::optional<double> value = parse_double(entry->second);
    if (value && *value > 0 && std::isfinite(*value)) return value;
  }
  return std::nullopt;
}

std::optional<double> stated_decay(const Point& point) {
  const auto entry = point.other.find("weight_decay");
  if (entry == point.other.end()) return std::nullopt;
  const std::optional<double> value = parse_double(entry->second);
  return value && *value >= 0 && std::isfinite(*value) ? value : std::nullopt;
}

/// Of a column that may be absent, where a number must be one that can be.
std::optional<double> stated_positive(const Point& point, const char* column,
                                      const std::string& place) {
  const auto entry = point.other.find(column);
  if (entry == point.other.end()) return std::nullopt;
  const std::optional<double> value = parse_double(entry->second);
  if (!value) {
    throw Error(ErrorCode::invalid_argument,
                place + ": " + column + " must be a number > 0, got \"" + entry->second + "\"");
  }
  require_positive(value, column, place);
  return value;
}

Sample sample_of(const Point& point, const PointSet& set, LossLaw::Scale scale, ScaleSource source,
                 std::size_t index) {
  const std::string place = where(point, index);
  const bool bits = set.frame.metric == Metric::bits_per_byte;
  const std::optional<double> metric = bits ? point.bits_per_byte : point.loss;
  require_positive(metric, bits ? "bits_per_byte" : "loss", place);
  require_positive(point.tokens, "tokens", place);
  const bool want_params = (scale == LossLaw::Scale::params) == (source == ScaleSource::stated);
  const std::optional<double> size = want_params ? point.params : point.flops_per_token;
  require_positive(size, want_params ? "params" : "flops_per_token", place);
  Sample sample;
  sample.scale = *size;
  if (source == ScaleSource::converted) {
    sample.scale *= scale == LossLaw::Scale::params ? 1.0 / 6 : 6.0;
  }
  sample.tokens = point.tokens;
  sample.compute = point.compute           ? *point.compute
                   : point.flops_per_token ? *point.flops_per_token * point.tokens
                                           : 6 * *point.params * point.tokens;
  require_positive(sample.compute, "compute", place);
  sample.metric = *metric;
  sample.params = point.params ? *point.params : *point.flops_per_token / 6;
  sample.batch_tokens = point.batch_tokens;
  sample.peak_lr = point.peak_lr;
  sample.weight_decay = stated_decay(point);
  sample.critical_batch_tokens = critical_batch(point);
  sample.trunk = point.trunk;
  sample.label = place;
  sample.unique_tokens = stated_positive(point, "unique_tokens", place);
  sample.n_experts = stated_positive(point, "n_experts", place);
  sample.granularity = stated_positive(point, "granularity", place);
  if (point.budget) require_positive(point.budget, "budget", place);
  return sample;
}

bool nearly_equal(double a, double b) { return std::abs(a - b) <= 1e-9 * std::max(a, b); }

bool equal_or_absent(const std::optional<double>& a, const std::optional<double>& b) {
  if (!a || !b) return a.has_value() == b.has_value();
  return nearly_equal(*a, *b) || std::abs(std::log(*a / *b)) < kSameSetting;
}

}  // namespace

std::vector<Sample> samples_of(const PointSet& points, LossLaw::Scale scale) {
  require_one_dataset(points);
  const ScaleSource source = scale_source(points, scale);
  std::vector<Sample> samples;
  for (std::size_t i = 0; i < points.points.size(); ++i) {
    samples.push_back(sample_of(points.points[i], points, scale, source, i));
  }
  return samples;
}

bool same_scale(const Sample& a, const Sample& b) { return nearly_equal(a.scale, b.scale); }

bool same_batch_and_rate(const Sample& a, const Sample& b) {
  return equal_or_absent(a.batch_tokens, b.batch_tokens) && equal_or_absent(a.peak_lr, b.peak_lr);
}

bool same_hyper_parameters(const Sample& a, const Sample& b) {
  return same_batch_and_rate(a, b) && equal_or_absent(a.weight_decay, b.weight_decay);
}

bool same_setting(const Sample& a, const Sample& b) {
  return same_scale(a, b) && nearly_equal(a.tokens, b.tokens) && same_hyper_parameters(a, b) &&
         equal_or_absent(a.unique_tokens, b.unique_tokens) &&
         equal_or_absent(a.n_experts, b.n_experts) && equal_or_absent(a.granularity, b.granularity);
}

std::size_t best_index(std::span<const Sample> samples) {
  const auto best =
      std::min_element(samples.begin(), samples.end(),
                       [](const Sample& a, const Sample& b) { return a.metric < b.metric; });
  return static_cast<std::size_t>(best - samples.begin());
}

double mean_compute(std::span<const Sample> samples) {
  double sum = 0;
  for (const Sample& sample : samples) sum += std::log(sample.compute);
  return std::exp(sum / static_cast<double>(samples.size()));
}

double flops_factor(std::span<const Sample> samples) {
  double sum = 0;
  for (const Sample& sample : samples) {
    sum += std::log(sample.compute / (sample.scale * sample.tokens));
  }
  return std::exp(sum / static_cast<double>(samples.size()));
}

std::vector<LossSample> loss_samples(std::span<const Sample> samples) {
  std::vector<LossSample> result;
  for (const Sample& sample : samples) {
    result.push_back({.size = sample.scale,
                      .tokens = sample.tokens,
                      .loss = sample.metric,
                      .by_seed = sample.by_seed});
  }
  return result;
}

}  // namespace isoflop
