// SPDX-License-Identifier: Apache-2.0
// At a given alpha the law is linear: starts are the least squares of the rest there.
#include "fit/anneal/annealing_setup.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "fit/anneal/annealing_area.h"
#include "stats/distributions.h"
#include "stats/jet_model.h"
#include "stats/linear_algebra.h"
#include "stats/profile_interval.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr double kLeastAlpha = 0.01;
constexpr double kMostAlpha = 10;
constexpr double kMostTerm = 100;  // of the largest loss
constexpr int kDecay = 3;          // the parameter C'

struct Moments {
  double s1_mean = 0, s1_sd = 0, s2_mean = 0;
};

/// Of steps, counted from 1.
template <class Steps>
Moments moments_of(const AnnealingAreas& areas, const Steps& steps) {
  const auto n = static_cast<double>(steps.size());
  Moments moments;
  for (const std::int64_t step : steps) {
    moments.s1_mean += areas.s1[static_cast<std::size_t>(step - 1)] / n;
    moments.s2_mean += areas.s2[static_cast<std::size_t>(step - 1)] / n;
  }
  for (const std::int64_t step : steps) {
    const double off = areas.s1[static_cast<std::size_t>(step - 1)] - moments.s1_mean;
    moments.s1_sd += off * off / n;
  }
  moments.s1_sd = std::sqrt(moments.s1_sd);
  return moments;
}

}  // namespace

AnnealingSetup::AnnealingSetup(const std::vector<RateCurve>& curves, const AnnealingBins& bins,
                               std::vector<double> weights, double lambda,
                               std::optional<double> delta)
    : lambda_(lambda), delta_(delta), has_decay_(bins.has_decay) {
  std::vector<AnnealingAreas> areas;
  for (const RateCurve& curve : curves) areas.push_back(annealing_areas(curve.lr, lambda));
  std::vector<Moments> moments;
  double s2_unit = 0;
  for (const AnnealingBin& bin : bins.bins) {
    moments.push_back(moments_of(areas[bin.curve], bin.steps));
    centre_ += std::log(moments.back().s1_mean) / static_cast<double>(bins.bins.size());
    s2_unit = std::max(s2_unit, std::abs(moments.back().s2_mean));
    largest_s1_ =
        std::max(largest_s1_, areas[bin.curve].s1[static_cast<std::size_t>(bin.steps.back() - 1)]);
    largest_loss_ = std::max(largest_loss_, bin.loss);
  }
  if (s2_unit > 0) s2_unit_ = s2_unit;
  std::vector<AnnealingRow> rows;
  for (std::size_t i = 0; i < bins.bins.size(); ++i) {
    const AnnealingBin& bin = bins.bins[i];
    const Moments& m = moments[i];
    AnnealingRow row{.own = terms_of(m.s1_mean, m.s1_sd, m.s2_mean)};
    double y = bin.loss;
    if (bin.reference) {
      const Moments r = moments_of(areas[*bin.reference], bin.steps);
      row.reference = terms_of(r.s1_mean, r.s1_sd, r.s2_mean);
      row.slope = bins.batch_slope;
      y *= std::pow(bin.reference_loss, -row.slope);
    }
    observations_.push_back(
        {.x = {static_cast<double>(rows.size())}, .y = y, .weight = weights[i]});
    losses_.push_back(bin.loss);
    rows.push_back(row);
  }
  rows_ = std::make_shared<const std::vector<AnnealingRow>>(std::move(rows));
}

AnnealingTerms AnnealingSetup::terms_of(double s1_mean, double s1_sd, double s2_mean) const {
  return {std::log(s1_mean - kOuterNode * s1_sd) - centre_, std::log(s1_mean) - centre_,
          s2_mean / s2_unit_, std::log(s1_mean + kOuterNode * s1_sd) - centre_};
}

std::unique_ptr<CurveModel> AnnealingSetup::law() const {
  if (has_decay_) return std::make_unique<JetModel<4, AnnealingFormula<true>>>();
  return std::make_unique<JetModel<3, AnnealingFormula<false>>>();
}

std::unique_ptr<CurveModel> AnnealingSetup::model() const {
  if (has_decay_) {
    using Formula = AnnealingOfRows<AnnealingFormula<true>>;
    return std::make_unique<JetModel<4, Formula>>(Formula{.rows = rows_});
  }
  using Formula = AnnealingOfRows<AnnealingFormula<false>>;
  return std::make_unique<JetModel<3, Formula>>(Formula{.rows = rows_});
}

std::vector<ParameterVector> AnnealingSetup::starts() const {
  const int p = has_decay_ ? 4 : 3;
  const auto n = static_cast<Eigen::Index>(observations_.size());
  std::vector<ParameterVector> starts;
  for (const double alpha : {0.05, 0.15, 0.3, 0.5, 0.8, 1.2, 2.0, 4.0}) {
    Eigen::MatrixXd design(n, p - 1);
    Eigen::VectorXd response(n);
    for (Eigen::Index i = 0; i < n; ++i) {
      const auto row = static_cast<std::size_t>(i);
      const AnnealingTerms& terms = (*rows_)[row].own;
      const double root = std::sqrt(observations_[row].weight) / losses_[row];
      design(i, 0) = root;
      design(i, 1) = root * mean_power(terms, alpha);
      if (has_decay_) design(i, 2) = -root * terms[2];
      response[i] = root * losses_[row];
    }
    const Eigen::MatrixXd linear = least_squares(design, response).solution;
    ParameterVector start(p);
    start[0] = linear(0, 0);
    start[1] = linear(1, 0);
    start[2] = alpha;
    if (has_decay_) start[kDecay] = linear(2, 0);
    // With a floor below 0 the rest was fitted for another one.
    if (start[0] < 0) start[0] = 0.5 * largest_loss_;
    starts.push_back(start);
  }
  return starts;
}

NonlinearOptions AnnealingSetup::options() const {
  const int p = has_decay_ ? 4 : 3;
  const double most = kMostTerm * largest_loss_;
  NonlinearOptions options;
  options.scale = ResidualScale::log;
  options.delta = delta_;
  options.low = ParameterVector::Zero(p);
  options.high = ParameterVector::Constant(p, most);
  options.low[2] = kLeastAlpha;
  options.high[2] = kMostAlpha;
  if (has_decay_) options.low[kDecay] = -most;
  options.starts = starts();
  return options;
}

NonlinearFit AnnealingSetup::fit() const {
  return fit_nonlinear(*model(), observations_, options());
}

std::vector<double> AnnealingSetup::residuals(const NonlinearFit& fit) const {
  const std::unique_ptr<CurveModel> of_rows = model();
  std::vector<double> residuals;
  for (const Observation& seen : observations_) {
    residuals.push_back(std::log(of_rows->value(seen.x, fit.theta) / seen.y));
  }
  return residuals;
}

double AnnealingSetup::value_without_decay(const NonlinearFit& fit) const {
  return profile_value(*model(), observations_, options(), fit, kDecay, 0);
}

Interval AnnealingSetup::profile(const NonlinearFit& fit, int parameter) const {
  return profile_interval(*model(), observations_, options(), fit, parameter);
}

AnnealingQuestion AnnealingSetup::question(const std::vector<double>& lr, std::size_t first) const {
  const AnnealingAreas areas = annealing_areas(lr, lambda_);
  std::vector<std::int64_t> steps;
  for (std::size_t i = first; i < lr.size(); ++i) steps.push_back(static_cast<std::int64_t>(i) + 1);
  const Moments m = moments_of(areas, steps);
  return {.terms = terms_of(m.s1_mean, m.s1_sd, m.s2_mean),
          .s1 = areas.s1.back(),
          .s2 = areas.s2.back()};
}

AnnealingQuestion AnnealingSetup::at_last_step(const std::vector<double>& lr) const {
  return question(lr, lr.size() - 1);
}

AnnealingQuestion AnnealingSetup::at_last_tenth(const std::vector<double>& lr) const {
  return question(lr, lr.size() - std::max<std::size_t>(1, lr.size() / 10));
}

double AnnealingSetup::predict(const NonlinearFit& fit, const AnnealingQuestion& question) const {
  return law()->value(question.terms, fit.theta);
}

Interval AnnealingSetup::delta_interval(const NonlinearFit& fit,
                                        const AnnealingTerms& terms) const {
  ParameterVector slope(fit.theta.size());
  const double value = law()->gradient(terms, fit.theta, slope);
  const double variance = slope.dot(fit.covariance * slope);
  return around(value, t90(fit.dof) * std::sqrt(variance));
}

Interval AnnealingSetup::predict_interval(const NonlinearFit& fit,
                                          const AnnealingQuestion& question) const {
  if (!(fit.dof > 0)) return {.low = 0, .high = std::numeric_limits<double>::infinity()};
  const Interval by_delta = delta_interval(fit, question.terms);
  if (std::find(fit.at_bound.begin(), fit.at_bound.end(), 0) != fit.at_bound.end()) {
    return by_delta;
  }
  NonlinearOptions bounds = options();
  NonlinearFit at_target = fit;
  at_target.theta[0] = predict(fit, question);
  at_target.standard_errors[0] = 0.5 * (by_delta.high - by_delta.low) / t90(fit.dof);
  std::unique_ptr<CurveModel> of_rows;
  if (has_decay_) {
    using Formula = AnnealingOfRows<AnnealingAtTarget<true>>;
    of_rows = std::make_unique<JetModel<4, Formula>>(
        Formula{.rows = rows_, .law = {.target = question.terms}});
  } else {
    using Formula = AnnealingOfRows<AnnealingAtTarget<false>>;
    of_rows = std::make_unique<JetModel<3, Formula>>(
        Formula{.rows = rows_, .law = {.target = question.terms}});
  }
  // A prediction far beyond the curves may be below 0 before its interval is.
  bounds.low[0] = std::min(0.0, at_target.theta[0]) - kMostTerm * largest_loss_;
  return profile_interval(*of_rows, observations_, bounds, at_target, 0);
}

}  // namespace isoflop
