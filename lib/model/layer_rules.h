// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "isoflop/shape_rules.h"

namespace isoflop {

/// Depth a width calls for: (d / 16)^(2/3), hence d / n = 16 at d = 16, 32 at 128, 64 at 1024 and
/// 128 at 8192. 128 x 4, 256 x 6, 768 x 13, 4096 x 40 are on it.
[[nodiscard]] double ideal_depth(std::int64_t d_model);

/// A small model of one layer: heads of about 32 up to d = 192, 64 up to 768, 128 above, in whole
/// vectors of 8 where the width allows it, and even in any case. Nothing where the rules allow none
/// of the width.
[[nodiscard]] std::optional<ModelShape> small_layer(std::int64_t d_model,
                                                    const LadderOptions& options,
                                                    const ShapeRules& rules);

/// The practical shape of this width and depth; nothing where the rules allow none.
[[nodiscard]] std::optional<ModelShape> practical_shape(std::int64_t d_model, std::int64_t n_layers,
                                                        const LadderOptions& options,
                                                        const ShapeRules& rules);

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
