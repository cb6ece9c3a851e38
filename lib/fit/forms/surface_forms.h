// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fit/forms/form_context.h"
#include "stats/curve_model.h"

namespace isoflop {

/// Another form of the table that is a special case of this one: its optimum is a start, so that
/// the wider form never ends above it.
struct NestedForm {
  const char* name = nullptr;  // nullptr: none
  /// Internal parameters of this form that give the same losses.
  ParameterVector (*embed)(const ParameterVector&) = nullptr;
};

/// A parameter that its form has beyond another, and the value at which it says nothing.
struct ExtraParameter {
  int index = 0;
  double null = 0;
  int n_idle = 1;  // parameters that say nothing then, itself among them
};

/// A split of a budget as a form sees it: at the batch size that is best there, if it says one.
struct SplitLoss {
  double loss = 0;
  std::optional<double> batch_tokens = {};
  std::optional<double> n_experts = {}, granularity = {};  // that it is said for
};

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
  /// What the formula sees of a run.
  Inputs (*inputs)(const FormContext&, const Sample&) = form_inputs;
  /// Of fresh data in one pass, sizes and tokens alone given. Absent: the formula itself.
  SplitLoss (*split)(const FormContext&, const ParameterVector&, double size,
                     double tokens) = nullptr;
  bool of_batches = false;  // runs at every batch size tell it, not those at the usual one alone
  NestedForm nested = {};
  std::vector<ExtraParameter> extra = {};
};

/// Throws Error(invalid_argument) naming the known ones.
[[nodiscard]] const SurfaceForm& surface_form(const std::string& name);

}  // namespace isoflop
