// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

namespace isoflop {

/// Akima's interpolant (J. ACM 17, 1970): a cubic between neighbours whose slopes follow from the
/// two points on either side, so that one bad point moves the curve near itself alone.
class AkimaCurve {
 public:
  /// `x` ascending, at least 3 of them.
  AkimaCurve(std::span<const double> x, std::span<const double> y);

  [[nodiscard]] double operator()(double x) const;
  /// Where it is lowest within the points' range: exact, from the roots of the cubics' derivatives.
  [[nodiscard]] double argmin() const;

 private:
  [[nodiscard]] double value(std::size_t interval, double offset) const;

  std::vector<double> x_, y_;
  std::vector<double> slope_, square_, cube_;  // of the cubic right of each point
};

}  // namespace isoflop
