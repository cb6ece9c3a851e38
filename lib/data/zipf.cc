// SPDX-License-Identifier: Apache-2.0
#include "data/zipf.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace isoflop {
namespace {

// (e^x - 1) / x and log(1 + x) / x, both 1 at 0: an exponent of exactly 1 needs no case of its own.
double expm1_ratio(double x) { return std::abs(x) > 1e-8 ? std::expm1(x) / x : 1 + x / 2; }
double log1p_ratio(double x) { return std::abs(x) > 1e-8 ? std::log1p(x) / x : 1 - x / 2; }

constexpr std::int64_t kTermsOneByOne = 4096;

// Gauss-Legendre, 8 points on [-1, 1].
struct Node {
  double at, weight;
};
constexpr std::array<Node, 4> kNodes = {{{0.1834346424956498, 0.3626837833783620},
                                         {0.5255324099163290, 0.3137066458778873},
                                         {0.7966664774136267, 0.2223810344533745},
                                         {0.9602898564975363, 0.1012285362903763}}};

// Integral of f from `low` to `high`, in panels of at most 1/8 of t = ln x.
double integrate_in_logarithm(double low, double high, const std::function<double(double)>& f) {
  const double t0 = std::log(low), t1 = std::log(high);
  const auto n_panels = static_cast<std::int64_t>(std::ceil((t1 - t0) * 8));
  const double half = (t1 - t0) / static_cast<double>(n_panels) / 2;
  double sum = 0;
  for (std::int64_t panel = 0; panel < n_panels; ++panel) {
    const double middle = t0 + half * static_cast<double>(2 * panel + 1);
    for (const Node& node : kNodes) {
      for (const double t : {middle - half * node.at, middle + half * node.at}) {
        const double x = std::exp(t);
        sum += node.weight * half * x * f(x);
      }
    }
  }
  return sum;
}

}  // namespace

ZipfSampler::ZipfSampler(std::int64_t n_ranks, double exponent)
    : n_ranks_(static_cast<double>(n_ranks)), exponent_(exponent) {
  area_first_ = integral(1.5) - 1;
  area_last_ = integral(n_ranks_ + 0.5);
  sure_distance_ = 2 - inverse(integral(2.5) - density(2));
}

double ZipfSampler::density(double x) const { return std::exp(-exponent_ * std::log(x)); }

double ZipfSampler::integral(double x) const {
  const double log_x = std::log(x);
  return expm1_ratio((1 - exponent_) * log_x) * log_x;
}

double ZipfSampler::inverse(double area) const {
  const double t = std::max(-1.0, area * (1 - exponent_));
  return std::exp(log1p_ratio(t) * area);
}

std::int64_t ZipfSampler::operator()(const Rng& stream, std::uint64_t index) const {
  // A trial fails with probability below 0.2: the 64 numbers of one draw are never used up.
  for (std::uint64_t trial = 0;; ++trial) {
    const double u = area_last_ + stream.uniform(64 * index + trial) * (area_first_ - area_last_);
    const double x = inverse(u);
    const double k = std::clamp(std::floor(x + 0.5), 1.0, n_ranks_);
    if (k - x <= sure_distance_ || u >= integral(k + 0.5) - density(k)) {
      return static_cast<std::int64_t>(k);
    }
  }
}

double sum_over_ranks(std::int64_t n, const std::function<double(double)>& f) {
  double tail = 0;
  const std::int64_t head = std::min(n, kTermsOneByOne);
  if (n > head) {
    const double low = static_cast<double>(head) + 0.5, high = static_cast<double>(n) + 0.5;
    const auto slope = [&](double x) { return (f(x + 0.5) - f(x - 0.5)); };
    tail = integrate_in_logarithm(low, high, f) - (slope(high) - slope(low)) / 24;
  }
  for (std::int64_t k = head; k >= 1; --k) tail += f(static_cast<double>(k));
  return tail;
}

}  // namespace isoflop
