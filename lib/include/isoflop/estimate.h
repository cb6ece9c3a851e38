// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "isoflop/interval.h"
#include "isoflop/law.h"

namespace isoflop {

/// A fit is always returned; ask usable() of what it found before using it.
enum class FitStatus { ok, too_few_points, not_bracketed, not_convex, not_converged };
[[nodiscard]] std::string_view to_string(FitStatus);

/// y = coefficient x^exponent with the interval of both.
struct PowerLawFit {
  PowerLaw law;
  Interval coefficient, exponent;
  double residual_sd = 0;  // of ln y
  double tau = 0;          // between-budget scatter of ln y beyond each point's own error
  std::int64_t n_points = 0;
  FitStatus status = FitStatus::too_few_points;
  /// The points leave the exponent open: it was taken from elsewhere (see the fit's
  /// warnings), the coefficient alone was fitted, and there are no intervals.
  bool exponent_assumed = false;
  /// ln y = ln law(x) has standard errors level_se at ln x = centre and exponent_se in the slope,
  /// uncorrelated; t is the quantile of a two-sided 90 % interval.
  double centre = 0, level_se = 0, exponent_se = 0, t = 0;
  /// Student's, of t: n_points - 2, or fewer where the points' errors are correlated.
  double dof = 0;

  [[nodiscard]] bool usable() const { return status == FitStatus::ok; }
  /// Where a further budget's y will lie with 90 %: the error of the law and the scatter tau.
  [[nodiscard]] Interval prediction_interval(double x) const;
};

/// What speaks for or against the law through the valleys. Absent: too few budgets to tell.
struct LawChecks {
  /// Exponents with one budget left out: all of them lie in here. From 4 budgets.
  std::optional<Interval> leave_one_out;
  double leave_one_out_compute = 0;  // the budget whose absence moves the exponent most
  /// c of ln y = a + b ln x + c (ln x)^2 and the two-sided p of c = 0 by Student's t of n - 3. From
  /// 4 budgets.
  std::optional<double> curvature, curvature_p;
  double exponent_sum = 1;  // a + b of N* ~ C^a, D* ~ C^b; 1 where C = k N D holds
  /// Slope of ln(centre of the sizes / optimum) against ln C, and what it does to the exponent: the
  /// slope of the parabolas' predicted bias, where a surface is known (arXiv:2603.22339).
  std::optional<double> centre_drift, drift_bias;
  /// (sum w)^2 / sum w^2, w = 1 / (se^2 + tau^2): budgets of equal weight that know as much.
  double effective_budgets = 0;
};

}  // namespace isoflop
