// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fit/points/curves.h"
#include "stats/curve_model.h"

namespace isoflop {

/// What the formulas are written in: u = ln(size / size0), v = ln(tokens / tokens0), and w =
/// ln(unique tokens / tokens0), about geometric means of the points. That takes the near-dependence
/// of the coefficients on the exponents out.
struct FormContext {
  double log_size0 = 0, log_tokens0 = 0;
  double flops_factor = 6;            // k of C = k size tokens
  double params_per_size = 1;         // N / size: 1, or 1/6 where the size is FLOPs per token
  double lowest = 0, mean = 0;        // of the metric
  std::optional<double> upper_bound;  // of the metric: ln V
  bool repeats = false;               // some run saw its unique tokens more than once
};

[[nodiscard]] FormContext form_context(std::span<const Sample> samples, double params_per_size,
                                       std::optional<double> upper_bound);
[[nodiscard]] Inputs form_inputs(const FormContext& context, double size, double tokens,
                                 std::optional<double> unique_tokens);

/// One row of the table of forms. The internal parameters are those of the centred formula;
/// `reported` turns them into those of the publication.
struct SurfaceForm {
  const char* name;
  const char* formula;
  const char* source;
  std::vector<std::string> parameters;
  std::vector<double> low, high;  // internal
  std::unique_ptr<CurveModel> (*model)(const FormContext&);
  std::vector<ParameterVector> (*starts)(const FormContext&);
  ParameterVector (*reported)(const FormContext&, const ParameterVector&);
  /// Why the points cannot tell it; empty where they can.
  std::string (*excuse)(const FormContext&);
};

/// Throws Error(invalid_argument) naming the known ones.
[[nodiscard]] const SurfaceForm& surface_form(const std::string& name);

}  // namespace isoflop
