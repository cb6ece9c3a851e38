// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>

#include "isoflop/error.h"
#include "isoflop/model_shape.h"

namespace isoflop {
namespace {

constexpr std::int64_t kMinWidth = 16;
constexpr double kMinStep = 1.1;  // between neighbours, in M

/// Depth a width calls for: (d / 16)^(2/3), hence d / n = 16 at d = 16, 32 at 128, 64 at 1024 and
/// 128 at 8192. 128 x 4, 256 x 6, 768 x 13, 4096 x 40 are on it.
double ideal_depth(std::int64_t d_model) {
  return std::pow(static_cast<double>(d_model) / kMinWidth, 2.0 / 3.0);
}

/// Distance to the next width. 24 is what makes 8/3 d a multiple of 64; below 96 a step of 24 would
/// change M by more than any allowed factor.
std::int64_t width_step(std::int64_t d_model) {
  if (d_model < 48) return 4;
  if (d_model < 96) return 8;
  if (d_model < 384) return 24;
  if (d_model < 1536) return 96;
  return 384 * std::max<std::int64_t>(
                   1, d_model / (std::int64_t{384} * 16));  // d_head 128, d a multiple of 384
}

/// The head count for which d / heads is nearest to 32, 64 or 128 by width, in whole vectors of 8
/// where the width allows it, and even in any case.
std::int64_t head_count(std::int64_t d_model) {
  const double target = d_model <= 192 ? 32 : d_model <= 768 ? 64 : 128;
  std::int64_t best = 1;
  double best_score = std::numeric_limits<double>::infinity();
  for (std::int64_t heads = 1; heads <= d_model / 8; ++heads) {
    const std::int64_t d_head = d_model / heads;
    if (d_model % heads != 0 || d_head % 2 != 0) continue;
    const double score =
        std::abs(std::log(static_cast<double>(d_head) / target)) + (d_head % 8 == 0 ? 0.0 : 0.5);
    if (score < best_score) {
      best = heads;
      best_score = score;
    }
  }
  return best;
}

ModelShape one_layer(std::int64_t d_model, const LadderOptions& options) {
  ModelShape shape;
  shape.n_layers = 1;
  shape.d_model = d_model;
  shape.n_heads = shape.n_kv_heads = head_count(d_model);
  shape.d_head = d_model / shape.n_heads;
  shape.d_ff = default_d_ff(d_model);
  shape.vocab_size = options.vocab_size;
  shape.seq_len = options.seq_len;
  return shape;
}

struct Candidate {
  ModelShape shape;
  double m;
  double depth_error;  // |ln(n / ideal)|
};

/// Every width with the depths around its ideal one, ascending in M, past `to`.
std::vector<Candidate> candidates(double to, const LadderOptions& options) {
  std::vector<Candidate> found;
  for (std::int64_t d = kMinWidth;; d += width_step(d)) {
    const double ideal = ideal_depth(d);
    const auto shallowest = std::max<std::int64_t>(1, std::llround(ideal / 1.6));
    const auto deepest = static_cast<std::int64_t>(std::ceil(ideal * 1.6));
    ModelShape shape = one_layer(d, options);
    const double m_of_one = flops_per_token(shape).value();  // M is proportional to the depth
    for (shape.n_layers = shallowest; shape.n_layers <= deepest; ++shape.n_layers) {
      const auto n = static_cast<double>(shape.n_layers);
      found.push_back({shape, m_of_one * n, std::abs(std::log(n / ideal))});
    }
    if (m_of_one * static_cast<double>(shallowest) > to * options.max_step) break;
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.m < b.m; });
  return found;
}

}  // namespace

std::vector<ModelShape> shape_ladder(FlopsPerToken to, const LadderOptions& options) {
  if (!(to.value() > 0 && to.value() <= 1e16)) {
    throw Error(
        ErrorCode::invalid_argument,
        "a ladder reaches from 0 to 1e16 FLOPs/token, asked for " + std::to_string(to.value()));
  }
  if (!(options.max_step >= 1.2 && options.max_step <= 10)) {
    throw Error(ErrorCode::invalid_argument,
                "max_step: must be from 1.2 to 10, got " + std::to_string(options.max_step));
  }
  const std::vector<Candidate> all = candidates(to.value(), options);
  std::vector<ModelShape> ladder = {all.front().shape};
  double m = all.front().m;
  auto first = all.begin();
  while (m < to.value()) {
    // Of the shapes one step up, the one whose depth suits its width best; a short step counts as
    // much against a shape as a wrong depth does.
    const Candidate* next = nullptr;
    double next_score = std::numeric_limits<double>::infinity();
    while (first->m <= m * kMinStep && first + 1 != all.end()) ++first;
    for (auto it = first; it != all.end() && it->m <= m * options.max_step; ++it) {
      const double score = it->depth_error - std::log(it->m / m);
      if (it->m > m * kMinStep && score < next_score) {
        next = &*it;
        next_score = score;
      }
    }
    if (next == nullptr) {  // a gap wider than max_step: the next size there is
      const auto above = std::find_if(all.begin(), all.end(),
                                      [&](const Candidate& candidate) { return candidate.m > m; });
      ISOFLOP_CHECK(above != all.end(), "the candidates end below the ladder's end");
      next = &*above;
    }
    ladder.push_back(next->shape);
    m = next->m;
  }
  return ladder;
}

}  // namespace isoflop
