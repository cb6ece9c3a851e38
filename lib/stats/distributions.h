// SPDX-License-Identifier: Apache-2.0
// Student's t and Fisher's F, by Boost.Math; degrees of freedom are > 0 and need not be whole.
#pragma once

namespace isoflop {

/// P(T > t), t >= 0.
[[nodiscard]] double student_t_upper_tail(double t, double dof);

/// t with P(T <= t) = p, 0 < p < 1.
[[nodiscard]] double student_t_quantile(double p, double dof);

/// The t of a two-sided 90 % interval.
[[nodiscard]] double t90(double dof);

/// P(|T| <= t), t >= 0.
[[nodiscard]] double central_t_probability(double t, double dof);

/// P(|T| > |t|): the two-sided p-value of t.
[[nodiscard]] double student_t_two_sided(double t, double dof);

/// P(F > f).
[[nodiscard]] double f_upper_tail(double f, double numerator, double denominator);

/// f with P(F <= f) = p.
[[nodiscard]] double f_quantile(double p, double numerator, double denominator);

}  // namespace isoflop
