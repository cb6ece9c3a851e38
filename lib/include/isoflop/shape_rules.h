// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "isoflop/model_shape.h"

namespace isoflop {

/// What a cluster asks of a shape. What is left out is chosen by size: see practical_shapes().
struct ShapeRules {
  /// Ranks that each layer is split among. They divide the query heads, d_ff and the vocabulary;
  /// key/value heads are a multiple of them, or divide them and are replicated.
  std::int64_t tensor_parallel = 1;
  /// Key/value heads, or query heads per key/value head. Not both.
  std::optional<std::int64_t> n_kv_heads = {}, gqa_ratio = {};
  std::optional<std::int64_t> d_head = {};
  std::optional<std::int64_t> multiple_of = {};   // of d_ff
  std::optional<std::int64_t> pad_vocab_to = {};  // the vocabulary is padded to a multiple of it
  bool tied_embeddings = false;

  bool operator==(const ShapeRules&) const = default;
};

/// Throws Error(invalid_argument) naming the field, its value and what is allowed.
void validate(const ShapeRules& rules);

/// From so many parameters on, vocabulary included, shapes are those that clusters train: the heads
/// a multiple of 8 from kEightHeadsFrom on, grouped-query attention where the model would have
/// kGroupedQueryFrom without it.
inline constexpr double kPracticalFrom = 1e8;
inline constexpr double kEightHeadsFrom = 1e9;
inline constexpr double kGroupedQueryFrom = 3e10;

/// Whether a shape is of the size that practical_shapes() is about: kPracticalFrom parameters, and
/// a width of 256, below which it is the vocabulary that has them.
[[nodiscard]] bool is_practical_size(const ModelShape& shape);

/// A shape, its size, and how far it is from what its width calls for.
struct SizedShape {
  ModelShape shape;
  double m = 0;  // [FLOPs/token], by the convention that was asked for
  /// |ln(n_layers / ideal)|, and more where the head size is not the usual one.
  double oddness = 0;
};

/// Every practical shape whose M by `convention` is from `low` to `high`, ascending in M, with up
/// to 2.6 times more or fewer layers than its width calls for. Widths are multiples of 128, eight
/// to the octave from 1024 on; heads of 64 below a width of 2048, else of 128, or the other of the
/// two (below kEightHeadsFrom also 96, 48 or 32) where that gives a number of heads that the ranks
/// divide and the usual size does not; d_ff is 8/3 of the width up to
/// a multiple of 256; the vocabulary up to one of 128; from kGroupedQueryFrom on 8 key/value heads,
/// or more where the ranks ask for it. Where the rules say d_head, the heads are the number nearest
/// to d_model / d_head. References: DeepSeek LLM 67B (arXiv:2401.02954, table 2), Llama 3
/// (arXiv:2407.21783, table 3). Throws Error(invalid_argument) as validate(rules) does.
[[nodiscard]] std::vector<SizedShape> practical_shapes(double low, double high,
                                                       FlopsConvention convention,
                                                       const LadderOptions& options,
                                                       const ShapeRules& rules);

/// shape_ladder() under rules: the same rungs up to the first of practical size, as far as the
/// rules allow them, and from there on practical shapes at most 1.08 times apart in M. Throws
/// Error(invalid_argument) also where the rules allow no shape.
[[nodiscard]] std::vector<ModelShape> shape_ladder(FlopsPerToken to, const LadderOptions& options,
                                                   const ShapeRules& rules);

/// The shape for M = `m` by `convention`: below practical size the rung nearest by ratio, where
/// that is within 5 % or has fewer than 10M parameters; else of the practical shapes, or of all
/// depths of the ladder's widths, within 2 % of m the one with the depth that suits its width best,
/// or the nearest one where there is none. Throws Error(invalid_argument) for m outside (0, 1e16]
/// and where the rules allow no practical shape within a factor of 2.
[[nodiscard]] ModelShape shape_near(FlopsPerToken m, FlopsConvention convention,
                                    const LadderOptions& options, const ShapeRules& rules);

/// Whether M by the convention is 6 x a number of parameters, so that C = 6 N D.
[[nodiscard]] bool is_six_n(FlopsConvention convention);

/// The convention by which shapes are counted for a law of `convention`: for the nominal forms,
/// which take n layers of 12 d^2 weights for granted, the same with the shape's real matrices. The
/// two agree on the shapes that such laws were fitted on; grouped queries have 13 % less.
[[nodiscard]] FlopsConvention with_real_matrices(FlopsConvention convention);

/// What of the rules a shape does not keep to, in words; empty where it keeps to all of them.
[[nodiscard]] std::string broken_rule(const ModelShape& shape, const ShapeRules& rules);

}  // namespace isoflop
