// SPDX-License-Identifier: Apache-2.0
#include "train/cpu/table.h"

namespace isoflop::ISOFLOP_CPU_ISA {
namespace {

struct RowScan {
  float largest;  // -inf of nothing
  float defect;   // 0, or NaN where an element is NaN or infinite: a logit of -inf leaves no other
                  // trace in loss and gradient
};

RowScan scan(Index n, const float* x) {
  Vec<kLanes> wide = splat<kLanes>(-__builtin_inff());
  float rest = -__builtin_inff();
  Sum defect;
  sweep(n, [&](auto w, Index i) {
    constexpr int N = decltype(w)::kWidth;
    const Vec<N> v = load<N>(x + i);
    defect.add<N>(v * 0.0f);
    if constexpr (N == kLanes) {
      wide = larger<N>(wide, v);
    } else {
      const float here = max_of<N>(v);
      rest = here > rest ? here : rest;
    }
  });
  const float here = max_of<kLanes>(wide);
  return {here > rest ? here : rest, defect.total()};
}

/// Sum of exp(x - largest), each term given to `use(Width<N>, i, term)`.
template <class Use>
ISOFLOP_INLINE float sum_exponentials(Index n, const float* x, float largest, Use&& use) {
  Sum sum;
  sweep(n, [&](auto w, Index i) {
    constexpr int N = decltype(w)::kWidth;
    const Vec<N> e = exp2_of<N>((load<N>(x + i) - largest) * kLog2E);
    use(w, i, e);
    sum.add<N>(e);
  });
  return sum.total();
}

/// Statistics of one row over the whole vocabulary.
struct Combined {
  float largest, sum, target;
};

/// `statistics` of n_ranks shards, `stride` floats apart. A shard without tokens has a sum of 0.
Combined combine(Index n_ranks, Index stride, const float* statistics) {
  Combined all{-__builtin_inff(), 0.0f, 0.0f};
  for (Index i = 0; i < n_ranks; ++i) {
    const float largest = statistics[i * stride];
    if (statistics[i * stride + 1] != 0.0f && largest > all.largest) all.largest = largest;
  }
  for (Index i = 0; i < n_ranks; ++i) {
    const float* shard = statistics + i * stride;
    all.target += shard[2];
    if (shard[1] == 0.0f) continue;
    const float defect = shard[0] - shard[0];  // 0, or NaN where the largest is not finite
    all.sum += shard[1] * exp2_of<1>(splat<1>((shard[0] - all.largest) * kLog2E))[0] + defect;
  }
  return all;
}

}  // namespace

void cross_entropy(Index n_rows, Index n_cols, float* logits, const std::int32_t* targets,
                   float scale, float* losses) {
  const bool backward = scale != 0.0f;
  for (Index r = 0; r < n_rows; ++r, logits += n_cols) {
    const RowScan row = scan(n_cols, logits);
    const float target = logits[targets[r]];
    const float total =
        row.defect + sum_exponentials(n_cols, logits, row.largest, [&](auto w, Index i, auto e) {
          if (backward) store<decltype(w)::kWidth>(logits + i, e);
        });
    losses[r] = __builtin_logf(total) + (row.largest - target);
    if (!backward) continue;
    const float factor = scale / total;
    sweep(n_cols, [&](auto w, Index i) {
      constexpr int N = decltype(w)::kWidth;
      store<N>(logits + i, load<N>(logits + i) * factor);
    });
    logits[targets[r]] -= scale;
  }
}

void vocabulary_statistics(Index n_rows, Index n_cols, const float* logits,
                           const std::int32_t* targets, Index first_token, float* statistics) {
  for (Index r = 0; r < n_rows; ++r, logits += n_cols, statistics += 3) {
    const RowScan row = scan(n_cols, logits);
    const Index target = targets[r] - first_token;
    statistics[0] = row.largest;
    statistics[1] =
        row.defect + sum_exponentials(n_cols, logits, row.largest, [](auto, Index, auto) {});
    statistics[2] = target >= 0 && target < n_cols ? logits[target] : 0.0f;
  }
}

void vocabulary_cross_entropy(Index n_rows, Index n_cols, float* logits,
                              const std::int32_t* targets, Index first_token, Index n_ranks,
                              const float* statistics, float scale, float* losses) {
  for (Index r = 0; r < n_rows; ++r, logits += n_cols) {
    const Combined all = combine(n_ranks, 3 * n_rows, statistics + 3 * r);
    losses[r] = __builtin_logf(all.sum) + (all.largest - all.target);
    if (scale == 0.0f) continue;
    const float factor = scale / all.sum;
    (void)sum_exponentials(n_cols, logits, all.largest, [&](auto w, Index i, auto e) {
      constexpr int N = decltype(w)::kWidth;
      store<N>(logits + i, e * factor + load<N>(logits + i) * 0.0f);  // infinite ones become NaN
    });
    const Index target = targets[r] - first_token;
    if (target >= 0 && target < n_cols) logits[target] -= scale;
  }
}

}  // namespace isoflop::ISOFLOP_CPU_ISA
