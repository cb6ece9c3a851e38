// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "isoflop/estimate.h"
#include "isoflop/model_shape.h"
#include "isoflop/point.h"
#include "isoflop/surface.h"

namespace isoflop {

/// The points refitted with M, and C = M D, counted by another convention.
struct ConventionFit {
  FlopsConvention convention = FlopsConvention::deepseek_m_actual;
  /// M_opt ~ C^a and D_opt ~ C^b through the curves' minima. The curves keep their runs; as C
  /// varies along them by this convention, each loss is moved to the curve's mean C along D, by the
  /// surface.
  PowerLawFit scale_opt, tokens_opt;
  double surface_a = 0;  // the same exponent by the fitted surface; 0 where that is unusable
  /// Of M within one curve, exp of the sd of ln C: 1 where the curve is one of equal C.
  double compute_spread = 1;
  /// D_opt / (M_opt / 6) at the smallest and the largest budget, and its exponent in C: b - a.
  double first_ratio = 0, last_ratio = 0, drift = 0;
};

/// The ladder that explains why Kaplan (arXiv:2001.08361), Chinchilla (2203.15556) and DeepSeek
/// (2401.02954) found different exponents in runs much alike (arXiv:2406.12907, 2406.19146).
struct ConventionLadder {
  std::vector<ConventionFit> rows;  // usable ones, in the order of kAllFlopsConventions
  /// The row whose tokens per parameter drift least with C.
  std::optional<FlopsConvention> most_constant;
  /// Non-embedding parameters of a model whose vocabulary matrices have as many: below it, counting
  /// them or not changes the exponent. Absent where vocabulary sizes differ.
  std::optional<double> embedding_transition;
  /// Columns that were absent and taken as the nominal shape has them (n_heads, d_ff, ...).
  std::vector<std::string> assumed;
};

/// The shape that a point's columns n_layers, d_model, vocab_size, seq_len state; n_heads (1),
/// n_kv_heads (n_heads), d_head (d_model / n_heads), d_ff (default_d_ff), ffn and tied_embeddings
/// have defaults. Nothing where a needed one is absent; Error(invalid_argument), naming point and
/// column, for a value that is no count.
[[nodiscard]] std::optional<ModelShape> shape_of(const Point& point);

/// Nothing where a point has no shape, or no convention gives an allocation law.
[[nodiscard]] std::optional<ConventionLadder> fit_conventions(const PointSet& points,
                                                              ObjectiveKind objective,
                                                              double delta);

}  // namespace isoflop
