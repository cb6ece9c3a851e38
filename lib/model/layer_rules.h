// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "isoflop/shape_rules.h"

namespace isoflop {

/// Depth a width calls for: (d / 16)^(2/3), hence d / n = 16 at d = 16, 32 at 128, 64 at 1024 and
/// 128 at 8192. 128 x 4, 256 x 6, 768 x 13, 4096 x 40 are on it.
[[nodiscard]] double ideal_depth(std::int64_t d_model);

/// A small model of one layer: heads of the family's size for the width, or as near to it as the
/// rules allow, in whole vectors of 8 where the width allows it, and even in any case. Nothing
/// where the rules allow none of the width.
[[nodiscard]] std::optional<ModelShape> small_layer(std::int64_t d_model,
                                                    const LadderOptions& options,
                                                    const ShapeRules& rules);

/// The practical shape of this width and depth; nothing where the rules allow none.
[[nodiscard]] std::optional<ModelShape> practical_shape(std::int64_t d_model, std::int64_t n_layers,
                                                        const LadderOptions& options,
                                                        const ShapeRules& rules);

/// The head size that the family aims at.
[[nodiscard]] std::int64_t head_size(std::int64_t d_model, ShapeFamily family);

/// The family's narrowest width and, from a width, its next one.
[[nodiscard]] std::int64_t first_width(ShapeFamily family);
[[nodiscard]] std::int64_t next_width(std::int64_t d_model, ShapeFamily family);

/// The fewest and the most layers that a width of the family is tried with.
struct DepthRange {
  std::int64_t shallowest = 1, deepest = 1;
};
[[nodiscard]] DepthRange depth_range(std::int64_t d_model, ShapeFamily family);

/// The one depth of a width of the uniform family.
[[nodiscard]] std::int64_t uniform_depth(std::int64_t d_model);

/// What a head size other than the usual one of the width counts as, in ln of the depth's ratio.
[[nodiscard]] double head_oddness(const ModelShape& shape, const ShapeRules& rules);

/// Throws Error(invalid_argument): the rules, by name and value, allow no shape of about `m`
/// FLOPs/token.
[[noreturn]] void refuse_rules(const ShapeRules& rules, double m);

/// Every width of the ladder of small models with the depths around its ideal one, ascending in M
/// (deepseek_m_actual), past `to` or the first of practical size.
[[nodiscard]] std::vector<SizedShape> small_shapes(double to, const LadderOptions& options,
                                                   const ShapeRules& rules);

/// Rungs of small models, to the last before the first of practical size, or to the first whose M
/// is at least `to`.
[[nodiscard]] std::vector<ModelShape> small_ladder(double to, const LadderOptions& options,
                                                   const ShapeRules& rules);

}  // namespace isoflop
