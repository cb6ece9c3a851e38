// SPDX-License-Identifier: Apache-2.0
#include "fit/interval/surface_region.h"

#include <cmath>
#include <vector>

#include "fit/interval/linearised_surface.h"
#include "isoflop/deadweight.h"
#include "stats/linear_algebra.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"

using isoflop::LossLaw;
using isoflop::Sample;
using isoflop::SurfaceQuantity;
using isoflop::SurfaceRegion;
using Kind = SurfaceQuantity::Kind;
using Side = SurfaceRegion::Side;

namespace {

std::vector<Sample> grid(const LossLaw& law, double size_step) {
  std::vector<Sample> samples;
  for (int i = 0; i < 6; ++i) {
    for (int j = 0; j < 6; ++j) {
      Sample sample;
      sample.scale = 2e7 * std::pow(size_step, i);
      sample.tokens = 1e9 * std::pow(2, j);
      sample.compute = 6 * sample.scale * sample.tokens;
      sample.metric = law(sample.scale, sample.tokens);
      samples.push_back(sample);
    }
  }
  return samples;
}

const std::vector<SurfaceQuantity> kAll = {{Kind::E},
                                           {Kind::ln_A},
                                           {Kind::ln_B},
                                           {Kind::ln_alpha},
                                           {Kind::ln_beta},
                                           {Kind::a},
                                           {Kind::ln_scale_opt, std::log(1e19)},
                                           {Kind::ln_loss_opt, std::log(1e19)}};

}  // namespace

TEST_CASE("a surface's numbers are the law's") {
  const LossLaw law = isoflop::test::epoch_surface();
  const SurfaceRegion region(law, grid(law, 2));
  CHECK(region.value({Kind::E}) == law.irreducible);
  CHECK(region.value({Kind::ln_A}) == Approx(std::log(law.a)).epsilon(1e-12));
  CHECK(region.value({Kind::ln_B}) == Approx(std::log(law.b)).epsilon(1e-12));
  CHECK(region.value({Kind::ln_alpha}) == Approx(std::log(law.alpha)).epsilon(1e-12));
  CHECK(region.value({Kind::a}) == Approx(law.beta / (law.alpha + law.beta)).epsilon(1e-12));
  const isoflop::Optimum best = isoflop::optimum_of(law, 6 * 1e19);
  CHECK(region.value(kAll[6]) == Approx(std::log(best.size)).epsilon(1e-12));
  CHECK(region.value(kAll[7]) == Approx(std::log(best.loss)).epsilon(1e-12));
}

TEST_CASE("close to the fitted surface a region's ends are those of linear errors") {
  const LossLaw law = isoflop::test::epoch_surface();
  const std::vector<Sample> samples = grid(law, 2);
  const SurfaceRegion region(law, samples);
  const Eigen::MatrixXd inverse =
      isoflop::pseudo_inverse(isoflop::linearise(law, samples).jacobian);
  constexpr double kRadius = 1e-5;
  for (const SurfaceQuantity& quantity : kAll) {
    const double step = kRadius * (inverse.transpose() * region.gradient(quantity)).norm();
    const double value = region.value(quantity);
    CHECK(region.extreme(quantity, Side::least, kRadius, step) ==
          Approx(value - step).margin(0.01 * step));
    CHECK(region.extreme(quantity, Side::largest, kRadius, step) ==
          Approx(value + step).margin(0.01 * step));
  }
}

TEST_CASE("E ends at 0, and what the points leave open has no end") {
  LossLaw law = isoflop::test::epoch_surface();
  law.irreducible = 0.01;
  const SurfaceRegion wide(law, grid(law, 2));
  CHECK(wide.extreme({Kind::E}, Side::least, 0.05, 0.5) == 0);
  const double most = wide.extreme({Kind::E}, Side::largest, 0.05, 0.5);
  CHECK(most > 0.01);
  CHECK(most < 2);
  const SurfaceRegion near_equal(law, grid(law, 1.005));
  CHECK(std::isinf(near_equal.extreme({Kind::ln_alpha}, Side::largest, 0.05, 1)));
  CHECK(std::isinf(near_equal.extreme({Kind::ln_alpha}, Side::least, 0.05, 1)));
  // A number that the losses do not depend on has no radius.
  CHECK(
      std::isinf(near_equal.extreme({Kind::ln_alpha}, Side::largest, std::nan(""), std::nan(""))));
}
