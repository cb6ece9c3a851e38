// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "isoflop/error.h"
#include "model/layer_rules.h"

namespace isoflop {
namespace {

constexpr double kMinStep = 1.1;  // between neighbours, in M
constexpr std::int64_t kWidestSmall = 1 << 16;
// Of practical shapes: no size is then more than 4 % off the nearest.
constexpr double kMinFineStep = 1.03, kMaxFineStep = 1.08;

/// Of the shapes one step above `m`, the one whose depth suits its width best; a short step counts
/// as much against a shape as a wrong depth does. Where there is a gap wider than the step, the
/// next size there is. `from`: where the ascending `all` has passed m.
const SizedShape* next_rung(const std::vector<SizedShape>& all, double m, double min_step,
                            double max_step, std::size_t& from) {
  while (from < all.size() && all[from].m <= m * min_step) ++from;
  const SizedShape* next = nullptr;
  double next_score = std::numeric_limits<double>::infinity();
  for (std::size_t i = from; i < all.size() && all[i].m <= m * max_step; ++i) {
    const double score = all[i].oddness - std::log(all[i].m / m);
    if (score < next_score) {
      next = &all[i];
      next_score = score;
    }
  }
  if (next != nullptr) return next;
  const auto above =
      std::find_if(all.begin(), all.end(), [&](const SizedShape& shape) { return shape.m > m; });
  return above == all.end() ? nullptr : &*above;
}

/// One depth a width, and at a width whose depth is more than that of the width before both:
/// neither falls from one rung to the next.
std::vector<ModelShape> uniform_ladder(double to, const LadderOptions& options,
                                       const ShapeRules& rules) {
  std::vector<ModelShape> ladder;
  std::int64_t previous = uniform_depth(first_width(options.family));
  for (std::int64_t d = first_width(options.family); d <= kWidestSmall;
       d = next_width(d, options.family)) {
    std::optional<ModelShape> shape = small_layer(d, options, rules);
    if (!shape) continue;
    for (shape->n_layers = previous; shape->n_layers <= uniform_depth(d); ++shape->n_layers) {
      if (is_practical_size(*shape)) return ladder;
      ladder.push_back(*shape);
      if (flops_per_token(*shape).value() >= to) return ladder;
    }
    previous = uniform_depth(d);
  }
  return ladder;
}

/// Goes on with practical shapes, to the first past `to`.
void add_practical(double to, const LadderOptions& options, const ShapeRules& rules,
                   std::vector<ModelShape>& ladder) {
  double m = ladder.empty() ? 0 : flops_per_token(ladder.back()).value();
  if (m >= to) return;
  const std::vector<SizedShape> all =
      practical_shapes(m, 8 * to, FlopsConvention::deepseek_m_actual, options, rules);
  std::size_t from = 0;
  while (m < to) {
    const SizedShape* next = next_rung(all, m, kMinFineStep, kMaxFineStep, from);
    if (next == nullptr) break;
    ladder.push_back(next->shape);
    m = next->m;
  }
}

}  // namespace

std::vector<SizedShape> small_shapes(double to, const LadderOptions& options,
                                     const ShapeRules& rules) {
  std::vector<SizedShape> found;
  double largest_small =
      std::numeric_limits<double>::infinity();  // once all that are wider are not
  double previous_deepest = 0;
  for (std::int64_t d = first_width(options.family);; d = next_width(d, options.family)) {
    const double ideal = ideal_depth(d);
    const auto [shallowest, deepest] = depth_range(d, options.family);
    const std::optional<ModelShape> layer = small_layer(d, options, rules);
    if (!layer) {
      if (d > kWidestSmall) break;
      continue;
    }
    ModelShape shape = *layer;
    const double m_of_one = flops_per_token(shape).value();  // M is proportional to the depth
    for (shape.n_layers = shallowest; shape.n_layers <= deepest; ++shape.n_layers) {
      const auto n = static_cast<double>(shape.n_layers);
      found.push_back({shape, m_of_one * n, std::abs(std::log(n / ideal))});
    }
    shape.n_layers = shallowest;
    if (is_practical_size(shape)) {
      largest_small = std::min(largest_small, previous_deepest);
    }
    previous_deepest = m_of_one * static_cast<double>(deepest);
    const double end = std::min(to, largest_small) * options.max_step;
    if (m_of_one * static_cast<double>(shallowest) > end) break;
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.m < b.m; });
  return found;
}

std::vector<ModelShape> small_ladder(double to, const LadderOptions& options,
                                     const ShapeRules& rules) {
  if (options.family == ShapeFamily::uniform) return uniform_ladder(to, options, rules);
  std::vector<ModelShape> ladder;
  const std::vector<SizedShape> all = small_shapes(to, options, rules);
  std::size_t from = 0;
  const SizedShape* rung = all.empty() ? nullptr : &all.front();
  while (rung != nullptr && !is_practical_size(rung->shape)) {
    ladder.push_back(rung->shape);
    if (rung->m >= to) break;
    rung = next_rung(all, rung->m, kMinStep, options.max_step, from);
  }
  return ladder;
}

std::vector<ModelShape> shape_ladder(FlopsPerToken to, const LadderOptions& options) {
  return shape_ladder(to, options, {});
}

std::vector<ModelShape> shape_ladder(FlopsPerToken to, const LadderOptions& options,
                                     const ShapeRules& rules) {
  if (!(to.value() > 0 && to.value() <= 1e16)) {
    throw Error(
        ErrorCode::invalid_argument,
        "a ladder reaches from 0 to 1e16 FLOPs/token, asked for " + rounded_text(to.value()));
  }
  if (!(options.max_step >= 1.2 && options.max_step <= 10)) {
    throw Error(ErrorCode::invalid_argument,
                "max_step: must be from 1.2 to 10, got " + exact_text(options.max_step));
  }
  validate(rules);
  std::vector<ModelShape> ladder = small_ladder(to.value(), options, rules);
  add_practical(to.value(), options, rules, ladder);
  if (ladder.empty()) refuse_rules(rules, to.value());
  return ladder;
}

}  // namespace isoflop
