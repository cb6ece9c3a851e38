// SPDX-License-Identifier: Apache-2.0
#include "isoflop/deadweight.h"

#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;

TEST_CASE("an over-sized model wastes the published shares of compute on the Epoch surface") {
  // Computed independently, to the digits given; the share is the same at every budget.
  const LossLaw law = test::epoch_surface();
  const auto percent = [&](double ratio) {
    return 100 * deadweight(law, 1e21, ratio).wasted_share;
  };
  CHECK(percent(1.1) == Approx(0.3).margin(0.05));
  CHECK(percent(1.2) == Approx(1.2).margin(0.05));
  CHECK(percent(1.5) == Approx(5.7).margin(0.05));
  CHECK(percent(2) == Approx(15.7).margin(0.05));
  CHECK(percent(3) == Approx(34).margin(0.5));
  CHECK(deadweight(law, 1e27, 2).wasted_share ==
        Approx(deadweight(law, 1e15, 2).wasted_share).epsilon(1e-12));
}

TEST_CASE("a 7B model at 2T tokens is what a well split half of its budget would have bought") {
  // M / M_opt = 0.235: half the compute wasted, +1.5 % loss at the budget of that run.
  const LossLaw law = test::epoch_surface();
  CHECK(1 - deadweight(law, 1e23, 0.235).wasted_share == Approx(0.49).margin(0.01));
}

TEST_CASE("the equivalent budget buys, at its optimum, the loss that was paid for") {
  for (const auto scale : {LossLaw::Scale::params, LossLaw::Scale::flops_per_token}) {
    LossLaw law = test::epoch_surface();
    law.scale = scale;
    law.alpha = 0.61;
    for (const double ratio : {0.05, 0.8, 1.0, 1.3, 40.0}) {
      INFO(ratio);
      const double compute = 3e19;
      const Optimum best = optimum_of(law, compute);
      const double size = best.size * ratio;
      const double loss = law(size, compute / law.flops_factor() / size);
      const Deadweight waste = deadweight(law, compute, ratio);
      CHECK(waste.excess_loss == Approx(loss - best.loss).margin(1e-12));
      CHECK(optimum_of(law, waste.equivalent_compute).loss == Approx(loss).epsilon(1e-12));
      CHECK(waste.equivalent_compute + waste.wasted_compute == Approx(compute).epsilon(1e-12));
    }
  }
}

TEST_CASE("waste near the optimum is the second-order term, without cancellation") {
  const LossLaw law = test::epoch_surface();
  const double x = 1e-7;
  // ln r = alpha beta x^2 / 2, and gamma = alpha beta / (alpha + beta).
  const double expected = 0.5 * (law.alpha + law.beta) * x * x;
  CHECK(deadweight(law, 1e21, std::exp(x)).wasted_share == Approx(expected).epsilon(1e-6));
}

TEST_CASE("the ends of a flat range have the loss that they are named after") {
  const LossLaw law = test::epoch_surface();
  for (const double excess : {1e-6, 0.001, 0.0025, 0.2}) {
    const double compute = 1e20;
    const Optimum best = optimum_of(law, compute);
    const FlatRange range = flat_range(law, compute, excess);
    CHECK(range.low < best.size);
    CHECK(range.high > best.size);
    for (const double size : {range.low, range.high}) {
      CHECK(law(size, compute / 6 / size) / best.loss - 1 == Approx(excess).epsilon(1e-8));
    }
  }
}

TEST_CASE("the optimum is least among its neighbours and spends the budget") {
  const LossLaw law = test::epoch_surface();
  const Optimum best = optimum_of(law, 1e20);
  CHECK(6 * best.size * best.tokens == Approx(1e20).epsilon(1e-12));
  for (const double ratio : {0.999, 1.001}) {
    CHECK(law(best.size * ratio, best.tokens / ratio) > best.loss);
  }
}

TEST_CASE("what has no optimum or no size is refused by name") {
  LossLaw law = test::epoch_surface();
  const auto message = [&](double compute, double ratio) {
    return ISOFLOP_ERROR_MESSAGE(deadweight(law, compute, ratio));
  };
  CHECK(message(1e20, 0).find("size_ratio must be finite and > 0, got 0") == 0);
  CHECK(message(-1, 2).find("compute must be") == 0);
  CHECK(ISOFLOP_ERROR_MESSAGE(flat_range(law, 1e20, 0)).find("excess must be") == 0);
  CHECK(has_optimum(law));
  law.b = 0;
  CHECK_FALSE(has_optimum(law));
  CHECK(message(1e20, 2).find("has an optimal allocation only where") != std::string::npos);
}

TEST_CASE("FLOPs are paid in GPU-hours and money") {
  const ComputeRate rate{.gpu_peak_flops = 1e15, .mfu = 0.5, .price_per_gpu_hour = 2};
  CHECK(rate.gpu_hours(3.6e18) == Approx(2));
  CHECK(rate.price(3.6e18) == Approx(4));
  CHECK_FALSE(ComputeRate{.gpu_peak_flops = 1e15, .mfu = 0.5}.price(1e18));
}
