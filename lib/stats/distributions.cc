// SPDX-License-Identifier: Apache-2.0
#include "stats/distributions.h"

#include <cmath>

#include <boost/math/distributions/fisher_f.hpp>
#include <boost/math/distributions/students_t.hpp>

namespace isoflop {
namespace {

namespace policies = boost::math::policies;
using policies::errno_on_error;

// In double throughout, and NaN for NaN instead of an exception.
using Policy =
    policies::policy<policies::promote_double<false>, policies::domain_error<errno_on_error>,
                     policies::pole_error<errno_on_error>, policies::overflow_error<errno_on_error>,
                     policies::evaluation_error<errno_on_error>,
                     policies::indeterminate_result_error<errno_on_error>>;
using StudentT = boost::math::students_t_distribution<double, Policy>;
using FisherF = boost::math::fisher_f_distribution<double, Policy>;

}  // namespace

double student_t_upper_tail(double t, double dof) {
  return boost::math::cdf(boost::math::complement(StudentT(dof), t));
}

double student_t_quantile(double p, double dof) {
  // Odd about the median, to the last bit.
  return p < 0.5 ? -student_t_quantile(1 - p, dof) : boost::math::quantile(StudentT(dof), p);
}

double t90(double dof) { return student_t_quantile(0.95, dof); }

double central_t_probability(double t, double dof) { return 1 - 2 * student_t_upper_tail(t, dof); }

double student_t_two_sided(double t, double dof) {
  return 2 * student_t_upper_tail(std::abs(t), dof);
}

double f_upper_tail(double f, double numerator, double denominator) {
  return boost::math::cdf(boost::math::complement(FisherF(numerator, denominator), f));
}

double f_quantile(double p, double numerator, double denominator) {
  return boost::math::quantile(FisherF(numerator, denominator), p);
}

}  // namespace isoflop
