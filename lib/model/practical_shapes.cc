// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>

#include "isoflop/error.h"
#include "model/layer_rules.h"

namespace isoflop {
namespace {

constexpr std::int64_t kFirstWidth = 256;
constexpr std::int64_t kLastWidth = 1 << 20;  // as validate(ModelShape) has it
/// Fewer or more layers than the width calls for. The loss is nearly flat in the depth; where ranks
/// leave one width to the octave, this much is needed for every size to have a shape.
constexpr double kDepthRange = 2.6;
constexpr double kNear = 0.02, kGood = 0.05;  // in ln M
constexpr double kLargest = 1e16;

/// Multiples of 128, from 1024 on eight to the octave.
std::int64_t practical_width_step(std::int64_t d_model) {
  return std::max<std::int64_t>(
      128, static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(d_model))) / 8);
}

void add_depths(std::int64_t d_model, double low, double high, FlopsConvention convention,
                const LadderOptions& options, const ShapeRules& rules,
                std::vector<SizedShape>& found) {
  // Beyond so much nothing comes back below `high` by grouping the queries.
  constexpr double kMostSaved = 1.5;
  const double ideal = ideal_depth(d_model);
  const auto deepest = static_cast<std::int64_t>(std::ceil(ideal * kDepthRange));
  const auto m_of = [&](const ModelShape& shape) {
    return flops_per_token(shape, convention).value();
  };
  const std::optional<ModelShape> largest = practical_shape(d_model, deepest, options, rules);
  if (largest && m_of(*largest) < low) return;
  for (auto n = std::max<std::int64_t>(1, std::llround(ideal / kDepthRange)); n <= deepest; ++n) {
    const std::optional<ModelShape> shape = practical_shape(d_model, n, options, rules);
    if (!shape) continue;
    const double m = m_of(*shape);
    if (m > kMostSaved * high) break;
    if (m < low || m > high) continue;
    const double depth = std::abs(std::log(static_cast<double>(n) / ideal));
    found.push_back({*shape, m, depth + head_oddness(*shape, rules)});
  }
}

double log_distance(double a, double b) { return std::abs(std::log(a / b)); }

const SizedShape& nearest_to(double m, const std::vector<SizedShape>& choice) {
  return *std::min_element(choice.begin(), choice.end(), [m](const auto& a, const auto& b) {
    return log_distance(a.m, m) < log_distance(b.m, m);
  });
}

/// Of those that are near enough, the one with the best proportions; else the nearest.
ModelShape best_of(double m, const std::vector<SizedShape>& choice) {
  const SizedShape* best = nullptr;
  for (const SizedShape& shape : choice) {
    if (log_distance(shape.m, m) > kNear) continue;
    if (best == nullptr || shape.oddness < best->oddness) best = &shape;
  }
  return best != nullptr ? best->shape : nearest_to(m, choice).shape;
}

/// So small that only the ladder's rungs count.
bool has_few_params(const ModelShape& shape) {
  constexpr double kFew = 1e7;
  return static_cast<double>(count_params(shape).total()) < kFew;
}

/// Below practical size: every depth of the ladder's widths.
std::vector<SizedShape> small_around(double m, double to, FlopsConvention convention,
                                     const LadderOptions& options, const ShapeRules& rules) {
  std::vector<SizedShape> found = small_shapes(to, options, rules);
  std::erase_if(found, [](const SizedShape& shape) { return is_practical_size(shape.shape); });
  for (SizedShape& shape : found) shape.m = flops_per_token(shape.shape, convention).value();
  std::erase_if(found, [m](const SizedShape& shape) { return log_distance(shape.m, m) > 1; });
  return found;
}

/// Practical shapes within a factor of 1.3, or of 2 where there are none so near.
std::vector<SizedShape> practical_around(double m, FlopsConvention convention,
                                         const LadderOptions& options, const ShapeRules& rules) {
  for (const double window : {1.3, 2.0}) {
    auto found = practical_shapes(m / window, m * window, convention, options, rules);
    if (!found.empty()) return found;
  }
  return {};
}

}  // namespace

std::vector<SizedShape> practical_shapes(double low, double high, FlopsConvention convention,
                                         const LadderOptions& options, const ShapeRules& rules) {
  validate(rules);
  std::vector<SizedShape> found;
  for (std::int64_t d = kFirstWidth; d <= kLastWidth; d += practical_width_step(d)) {
    // 72 n d^2 is less than M by any convention but for grouped queries.
    const double least = ideal_depth(d) / kDepthRange * 40 * static_cast<double>(d * d);
    if (least > high) break;
    add_depths(d, low, high, convention, options, rules, found);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const SizedShape& a, const SizedShape& b) { return a.m < b.m; });
  return found;
}

ModelShape shape_near(FlopsPerToken target, FlopsConvention convention,
                      const LadderOptions& options, const ShapeRules& rules) {
  const double wanted = target.value();
  if (!(wanted > 0 && wanted <= kLargest)) {
    throw Error(ErrorCode::invalid_argument,
                "shapes are known up to 1e16 FLOPs/token, asked for " + std::to_string(wanted));
  }
  validate(rules);
  std::vector<ModelShape> rungs;
  double to = wanted;
  // The ladder counts by its own convention; it must reach past the target by the one asked for.
  for (; to <= kLargest; to *= 2) {
    rungs = small_ladder(to, options, rules);
    const bool ended = rungs.empty() || flops_per_token(rungs.back()).value() < to;
    if (ended || flops_per_token(rungs.back(), convention).value() >= wanted) break;
  }
  std::vector<SizedShape> choice;
  for (const ModelShape& rung : rungs) {
    choice.push_back({rung, flops_per_token(rung, convention).value(), 0});
  }
  if (!choice.empty() && wanted <= choice.back().m) {
    const SizedShape rung = nearest_to(wanted, choice);
    if (log_distance(rung.m, wanted) <= kGood || has_few_params(rung.shape)) return rung.shape;
    choice = small_around(wanted, to, convention, options, rules);
    choice.push_back(rung);
    return best_of(wanted, choice);
  }
  if (!choice.empty()) choice = {choice.back()};
  if (!choice.empty()) choice.back().oddness = kDepthRange;
  for (SizedShape& shape : practical_around(wanted, convention, options, rules)) {
    choice.push_back(std::move(shape));
  }
  if (choice.empty()) refuse_rules(rules, wanted);
  return best_of(wanted, choice);
}

}  // namespace isoflop
