// SPDX-License-Identifier: Apache-2.0
// The slope at a point is (w_r m_l + w_l m_r) / (w_r + w_l): m_l and m_r the chords beside it, w_r
// and w_l how much the two chords to the right and the two to the left of it differ; the mean of
// m_l and m_r where both are 0. Boost's makima has other weights, and is another curve than the
// paper's (decision 13).
#include "stats/akima.h"

#include <algorithm>
#include <cmath>

#include "isoflop/error.h"

namespace isoflop {
namespace {

// Slopes of the chords, continued by two on either side as by parabolas through the end points.
std::vector<double> chords(std::span<const double> x, std::span<const double> y) {
  const std::size_t n = x.size();
  std::vector<double> m(n + 3);
  for (std::size_t i = 0; i + 1 < n; ++i) m[i + 2] = (y[i + 1] - y[i]) / (x[i + 1] - x[i]);
  m[1] = 2 * m[2] - m[3];
  m[0] = 2 * m[1] - m[2];
  m[n + 1] = 2 * m[n] - m[n - 1];
  m[n + 2] = 2 * m[n + 1] - m[n];
  return m;
}

std::vector<double> akima_slopes(const std::vector<double>& m, std::size_t n) {
  double largest = 0;
  for (const double slope : m) largest = std::max(largest, std::abs(slope));
  std::vector<double> slopes(n);
  for (std::size_t i = 0; i < n; ++i) {
    const double right = std::abs(m[i + 3] - m[i + 2]), left = std::abs(m[i + 1] - m[i]);
    const bool straight = right + left <= 1e-12 * largest;
    slopes[i] = straight ? 0.5 * (m[i + 1] + m[i + 2])
                         : (right * m[i + 1] + left * m[i + 2]) / (right + left);
  }
  return slopes;
}

}  // namespace

AkimaCurve::AkimaCurve(std::span<const double> x, std::span<const double> y)
    : x_(x.begin(), x.end()), y_(y.begin(), y.end()) {
  ISOFLOP_CHECK(x.size() >= 3 && x.size() == y.size(), "an Akima curve needs 3 points");
  const std::vector<double> m = chords(x, y);
  slope_ = akima_slopes(m, x.size());
  for (std::size_t i = 0; i + 1 < x.size(); ++i) {
    const double width = x[i + 1] - x[i], chord = m[i + 2];
    square_.push_back((3 * chord - 2 * slope_[i] - slope_[i + 1]) / width);
    cube_.push_back((slope_[i] + slope_[i + 1] - 2 * chord) / (width * width));
  }
}

double AkimaCurve::value(std::size_t interval, double offset) const {
  return y_[interval] +
         offset * (slope_[interval] + offset * (square_[interval] + offset * cube_[interval]));
}

double AkimaCurve::operator()(double x) const {
  const auto right = std::upper_bound(x_.begin() + 1, x_.end() - 1, x);
  const auto interval = static_cast<std::size_t>(right - x_.begin()) - 1;
  return value(interval, x - x_[interval]);
}

double AkimaCurve::argmin() const {
  const auto lowest = static_cast<std::size_t>(std::min_element(y_.begin(), y_.end()) - y_.begin());
  double best = x_[lowest], best_value = y_[lowest];
  const auto consider = [&](std::size_t interval, double offset) {
    const double width = x_[interval + 1] - x_[interval];
    if (!(offset > 0 && offset < width)) return;
    const double there = value(interval, offset);
    if (there >= best_value) return;
    best = x_[interval] + offset;
    best_value = there;
  };
  for (std::size_t i = 0; i < cube_.size(); ++i) {
    // slope + 2 square t + 3 cube t^2 = 0 with the cancellation-free root first.
    const double discriminant = square_[i] * square_[i] - 3 * cube_[i] * slope_[i];
    if (discriminant < 0) continue;
    const double sum = -(square_[i] + std::copysign(std::sqrt(discriminant), square_[i]));
    if (sum != 0) consider(i, slope_[i] / sum);
    if (cube_[i] != 0) consider(i, sum / (3 * cube_[i]));
  }
  return best;
}

}  // namespace isoflop
