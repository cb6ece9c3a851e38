// SPDX-License-Identifier: Apache-2.0
// What the rows of the table of forms are made of, and those that have a file of their own.
#pragma once

#include <algorithm>
#include <initializer_list>

#include "fit/forms/surface_forms.h"
#include "stats/jet_model.h"

namespace isoflop {

inline constexpr double kMostCoefficient = 1e6;

template <int P, class Formula>
std::unique_ptr<CurveModel> model_of(const FormContext&) {
  return std::make_unique<JetModel<P, Formula>>();
}

inline ParameterVector parameters_of(std::initializer_list<double> values) {
  ParameterVector vector(static_cast<Eigen::Index>(values.size()));
  std::copy(values.begin(), values.end(), vector.data());
  return vector;
}

inline std::string no_excuse(const FormContext&) { return ""; }

/// E, A, B of a surface that is half asymptote, half terms, with alpha and beta each 0.12, 0.35 and
/// 0.9; `more` behind (E, A, B, alpha, beta).
[[nodiscard]] std::vector<ParameterVector> sum_starts(const FormContext& context,
                                                      std::initializer_list<double> more = {});

/// (E, A, B, alpha, beta, ...): A and B as they are at size and tokens 1.
[[nodiscard]] ParameterVector reported_sum(const FormContext& context, const ParameterVector& p);

[[nodiscard]] SurfaceForm skaling_form();
[[nodiscard]] SurfaceForm three_term_form();
[[nodiscard]] SurfaceForm repetition_damage_form();
[[nodiscard]] SurfaceForm moe_granularity_form();
[[nodiscard]] SurfaceForm moe_experts_form();

}  // namespace isoflop
