// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

namespace isoflop {

/// One normal distribution of a mixture; ln_weight up to a constant that all parts share.
struct NormalPart {
  double ln_weight = 0, mean = 0, sd = 0;
};

/// sum w_i N(mean_i, sd_i^2), weights summing to 1.
class NormalMixture {
 public:
  /// Parts of less than 1e-7 of the largest weight are left out. Needs a part, every sd > 0.
  explicit NormalMixture(std::vector<NormalPart> parts);

  [[nodiscard]] double cumulative(double x) const;  // P(X <= x)
  [[nodiscard]] double density(double x) const;
  /// To 1e-10 of the narrowest part's sd, or to rounding; 0 < p < 1.
  [[nodiscard]] double quantile(double p) const;
  /// Parts with the logarithms of their weights, which sum to 1.
  [[nodiscard]] const std::vector<NormalPart>& parts() const { return parts_; }

 private:
  std::vector<NormalPart> parts_;
  double narrowest_ = 0;       // sd
  double low_ = 0, high_ = 0;  // all quantiles that a double can tell lie within
};

}  // namespace isoflop
