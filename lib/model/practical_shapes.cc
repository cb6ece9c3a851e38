// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>

#include "base/text.h"
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

/// The rungs below practical size, by the convention that was asked for.
struct SmallSizes {
  std::vector<SizedShape> rungs;
  double to = 0;  // of the ladder, by its own convention
  [[nodiscard]] bool reach(double m) const { return !rungs.empty() && m <= rungs.back().m; }
};

SmallSizes small_sizes(double m, FlopsConvention convention, const LadderOptions& options,
                       const ShapeRules& rules) {
  SmallSizes small{.rungs = {}, .to = m};
  // The ladder counts by its own convention; it must reach past m by the one asked for.
  for (; small.to <= kLargest; small.to *= 2) {
    const std::vector<ModelShape> rungs = small_ladder(small.to, options, rules);
    small.rungs.clear();
    small.rungs.reserve(rungs.size());
    for (const ModelShape& rung : rungs) {
      // As odd as can be: taken for its size alone, where practical shapes are beside it.
      small.rungs.push_back({rung, flops_per_token(rung, convention).value(), kDepthRange});
    }
    const bool ended = rungs.empty() || flops_per_token(rungs.back()).value() < small.to;
    if (ended || small.reach(m)) break;
  }
  return small;
}

/// The nearest rung where it is near, or small; else another depth of the ladder's widths.
ModelShape small_near(double m, const SmallSizes& small, FlopsConvention convention,
                      const LadderOptions& options, const ShapeRules& rules) {
  const SizedShape& rung = nearest_to(m, small.rungs);
  if (log_distance(rung.m, m) <= kGood || has_few_params(rung.shape)) return rung.shape;
  std::vector<SizedShape> choice = small_around(m, small.to, convention, options, rules);
  choice.push_back(rung);
  return best_of(m, choice);
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
                "shapes are known up to 1e16 FLOPs/token, asked for " + rounded_text(wanted));
  }
  validate(rules);
  const SmallSizes small = small_sizes(wanted, convention, options, rules);
  if (small.reach(wanted)) return small_near(wanted, small, convention, options, rules);
  std::vector<SizedShape> choice = practical_around(wanted, convention, options, rules);
  if (!small.rungs.empty()) choice.push_back(small.rungs.back());
  if (choice.empty()) refuse_rules(rules, wanted);
  return best_of(wanted, choice);
}

}  // namespace isoflop
