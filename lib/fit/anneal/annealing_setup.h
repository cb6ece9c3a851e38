// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "fit/anneal/annealing_bins.h"
#include "fit/anneal/annealing_formula.h"
#include "isoflop/interval.h"
#include "stats/nonlinear_fit.h"

namespace isoflop {

/// What a target is asked at: its last step, or the mean over its last tenth.
struct AnnealingQuestion {
  AnnealingTerms terms = {};
  double s1 = 0, s2 = 0;  // at the last of the steps
};

/// The law at one lambda, as the bins see it. Parameters are (L0, A', alpha, C') with A' at the
/// bins' geometric mean of S1 and C' in units of the largest S2.
class AnnealingSetup {
 public:
  /// `weights`: of the bins, of mean 1.
  AnnealingSetup(const std::vector<RateCurve>& curves, const AnnealingBins& bins,
                 std::vector<double> weights, double lambda, std::optional<double> delta);

  [[nodiscard]] double lambda() const { return lambda_; }
  [[nodiscard]] double log_s1_centre() const { return centre_; }
  [[nodiscard]] double s2_unit() const { return s2_unit_; }
  [[nodiscard]] double largest_s1() const { return largest_s1_; }

  [[nodiscard]] NonlinearFit fit() const;
  /// ln predicted - ln loss of every bin.
  [[nodiscard]] std::vector<double> residuals(const NonlinearFit& fit) const;
  /// The objective with C = 0, minimised over the rest.
  [[nodiscard]] double value_without_decay(const NonlinearFit& fit) const;
  /// As profile_interval().
  [[nodiscard]] Interval profile(const NonlinearFit& fit, int parameter) const;

  [[nodiscard]] AnnealingQuestion at_last_step(const std::vector<double>& lr) const;
  [[nodiscard]] AnnealingQuestion at_last_tenth(const std::vector<double>& lr) const;
  [[nodiscard]] double predict(const NonlinearFit& fit, const AnnealingQuestion& question) const;
  /// Of the predicted loss, by profile; by the delta method where L0 is at its bound, which the
  /// loss at the target in its place does not know of.
  [[nodiscard]] Interval predict_interval(const NonlinearFit& fit,
                                          const AnnealingQuestion& question) const;

 private:
  [[nodiscard]] std::unique_ptr<CurveModel> law() const;    // of terms
  [[nodiscard]] std::unique_ptr<CurveModel> model() const;  // of the observations' rows
  [[nodiscard]] NonlinearOptions options() const;
  [[nodiscard]] std::vector<ParameterVector> starts() const;
  [[nodiscard]] AnnealingTerms terms_of(double s1_mean, double s1_sd, double s2_mean) const;
  [[nodiscard]] AnnealingQuestion question(const std::vector<double>& lr, std::size_t first) const;
  [[nodiscard]] Interval delta_interval(const NonlinearFit& fit, const AnnealingTerms& terms) const;

  double lambda_;
  std::optional<double> delta_;
  bool has_decay_;
  double centre_ = 0, s2_unit_ = 1, largest_s1_ = 0, largest_loss_ = 0;
  std::shared_ptr<const std::vector<AnnealingRow>> rows_;
  std::vector<double> losses_;  // of the rows' own steps
  std::vector<Observation> observations_;
};

}  // namespace isoflop
