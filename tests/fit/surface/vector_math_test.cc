// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <vector>

#include "base/rng.h"
#include "fit/surface/surface_kernels.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

// In units in the last place of the correctly rounded result; x87's extended precision has 11 bits
// to spare.
double ulps(double found, long double exact) {
  const double size = std::abs(static_cast<double>(exact));
  const double ulp = std::nextafter(size, std::numeric_limits<double>::infinity()) - size;
  return static_cast<double>(std::abs(static_cast<long double>(found) - exact)) / ulp;
}

std::vector<double> numbers(double low, double high) {
  std::vector<double> values(4096);
  const Rng rng(1);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = low + (high - low) * rng.uniform(i);
  }
  return values;
}

}  // namespace

TEST_CASE("exp and log of every instruction set are within 2 ulp of libm's") {
  const KernelList all = available_surface_kernels();
  for (int k = 0; k < all.n; ++k) {
    INFO(all.first[k]->name);
    for (const double range : {0.3, 5.0, 700.0}) {
      const std::vector<double> x = numbers(-range, range);
      std::vector<double> y(x.size()), back(x.size());
      const auto n = static_cast<std::int64_t>(x.size());
      all.first[k]->exp(n, x.data(), y.data());
      all.first[k]->log(n, y.data(), back.data());
      double worst_exp = 0, worst_log = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        worst_exp = std::max(worst_exp, ulps(y[i], std::exp(static_cast<long double>(x[i]))));
        worst_log = std::max(worst_log, ulps(back[i], std::log(static_cast<long double>(y[i]))));
      }
      CHECK(worst_exp < 2);
      CHECK(worst_log < 2);
    }
  }
}

TEST_CASE("exp and log are exact or saturate where they must") {
  const KernelList all = available_surface_kernels();
  for (int k = 0; k < all.n; ++k) {
    const double x[kColumnBlock] = {0, -0.0, 1000, -1000, 708, -708, 1e300, -1e300};
    double y[kColumnBlock];
    all.first[k]->exp(kColumnBlock, x, y);
    CHECK(y[0] == 1);
    CHECK(y[1] == 1);
    CHECK(y[2] == y[4]);
    CHECK(y[3] == y[5]);
    CHECK(y[6] == y[4]);
    CHECK(y[5] > 0);
    const double z[kColumnBlock] = {1, 2, 0.5, 0, -1, 1e-320, 1.5, 1.0000000001};
    all.first[k]->log(kColumnBlock, z, y);
    CHECK(y[0] == 0);
    CHECK(y[1] == std::log(2.0));
    CHECK(y[2] == -std::log(2.0));
    CHECK(y[3] == y[4]);
    CHECK(y[3] == y[5]);
    CHECK(ulps(y[7], std::log(static_cast<long double>(z[7]))) < 2);
  }
}

TEST_CASE("all instruction sets give the same sums") {
  const std::vector<double> x = numbers(-3, 3), y = numbers(-2, 4), weight = numbers(0, 2);
  const std::vector<double> target = numbers(0.5, 1.5);
  const SurfaceColumns points{.n = 48,
                              .x = x.data(),
                              .y = y.data() + 100,
                              .target = target.data() + 200,
                              .weight = weight.data()};
  const double surface[5] = {1.5, 0.4, 0.5, 0.3, 0.4};
  const KernelList all = available_surface_kernels();
  for (const bool logarithmic : {true, false}) {
    const ResidualLoss loss{.logarithmic = logarithmic, .delta = 0.3};
    SurfaceDerivatives first, other;
    all.first[0]->derivatives(points, loss, surface, first);
    for (int k = 0; k < all.n; ++k) {
      all.first[k]->derivatives(points, loss, surface, other);
      CHECK(other.value == Approx(first.value).epsilon(1e-13));
      CHECK(all.first[k]->value(points, loss, surface) == Approx(first.value).epsilon(1e-13));
      for (int i = 0; i < 15; ++i) {
        CHECK(other.hessian[i] == Approx(first.hessian[i]).epsilon(1e-12).margin(1e-12));
      }
    }
  }
}
