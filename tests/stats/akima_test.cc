// SPDX-License-Identifier: Apache-2.0
#include "stats/akima.h"

#include <array>
#include <cmath>

#include "support/catch.h"

using namespace isoflop;

namespace {

constexpr std::array<double, 6> kX = {0, 1, 2.5, 3, 4.5, 6};
constexpr std::array<double, 6> kY = {5, 3.2, 2.1, 2.0, 2.6, 4.4};

}  // namespace

TEST_CASE("Akima's curve has the values of an independent implementation") {
  const AkimaCurve curve(kX, kY);
  // scipy.interpolate.Akima1DInterpolator.
  CHECK(curve(0.4) == Approx(4.134933333333333).epsilon(1e-14));
  CHECK(curve(1.7) == Approx(2.55640375308642).epsilon(1e-14));
  CHECK(curve(2.8) == Approx(2.013504).epsilon(1e-14));
  CHECK(curve(3.6) == Approx(2.1128685714285713).epsilon(1e-14));
  CHECK(curve(5.5) == Approx(3.6603174603174606).epsilon(1e-14));
  CHECK(curve.argmin() == Approx(2.9646530743361676).epsilon(1e-7));
  CHECK(curve(curve.argmin()) == Approx(1.9992973011169133).epsilon(1e-14));
  for (std::size_t i = 0; i < kX.size(); ++i) CHECK(curve(kX[i]) == Approx(kY[i]).epsilon(1e-14));
}

TEST_CASE("the lowest place of Akima's curve is lower than a fine grid finds") {
  const AkimaCurve curve(kX, kY);
  const double lowest = curve.argmin();
  for (int i = 0; i <= 6000; ++i) CHECK(curve(lowest) <= curve(1e-3 * i) + 1e-15);
  CHECK(lowest > 2.5);
  CHECK(lowest < 3);
}

TEST_CASE("a curve that falls throughout is lowest at its end") {
  const std::array<double, 4> x = {0, 1, 2, 3}, y = {4, 3, 2.5, 2.2};
  CHECK(AkimaCurve(x, y).argmin() == 3);
}

TEST_CASE("points on a line give the line") {
  const std::array<double, 4> x = {0, 1, 2.5, 3}, y = {1, 3, 6, 7};
  CHECK(AkimaCurve(x, y)(1.7) == Approx(4.4).epsilon(1e-14));
}
