// SPDX-License-Identifier: Apache-2.0
#include "train/health/noise_scale.h"

#include <cmath>
#include <limits>
#include <vector>

#include "base/rng.h"
#include "support/catch.h"

namespace isoflop {
namespace {

/// Gradients whose noise is known: G has n_dims entries of `mean`, a token's gradient adds normal
/// noise of variance `variance` to each, so tr Sigma = n_dims variance and |G|^2 = n_dims mean^2.
struct GaussianGradients {
  int n_dims = 100;
  double mean = 0.1, variance = 2;
  std::int64_t small_tokens = 8;
  int n_small = 8;

  [[nodiscard]] std::int64_t big_tokens() const { return small_tokens * n_small; }
  [[nodiscard]] double noise_trace() const { return n_dims * variance; }
  [[nodiscard]] double gradient_squared() const { return n_dims * mean * mean; }

  void add_step(NoiseScale& scale, std::uint64_t step) const {
    const Rng rng(11, step);
    const double sd = std::sqrt(variance / static_cast<double>(small_tokens));
    std::vector<double> big(static_cast<std::size_t>(n_dims));
    double small_norms = 0;
    std::uint64_t draw = 0;
    for (int batch = 0; batch < n_small; ++batch) {
      for (double& sum : big) {
        const double g = mean + sd * rng.normal(draw++);
        small_norms += g * g;
        sum += g;
      }
    }
    double big_norm = 0;
    for (const double sum : big) big_norm += sum * sum / (n_small * n_small);
    scale.add(small_norms / n_small, big_norm);
  }
};

TEST_CASE("the noise scale of Gaussian gradients is found within its own standard error") {
  const GaussianGradients source;
  const double truth = source.noise_trace() / source.gradient_squared();
  CHECK(truth == Approx(200));
  NoiseScale scale(source.small_tokens, source.big_tokens());
  double squared_z = 0;
  int n = 0;
  for (std::uint64_t step = 1; step <= 12000; ++step) {
    source.add_step(scale, step);
    if (step % 600 != 0) continue;  // three memories apart: nearly independent
    const NoiseEstimate estimate = scale.estimate().value();
    const double z = (estimate.tokens - truth) / estimate.standard_error;
    CHECK(std::abs(z) < 4);
    CHECK(estimate.standard_error < 0.1 * truth);
    CHECK(estimate.noise_trace == Approx(source.noise_trace()).epsilon(0.03));
    CHECK(estimate.gradient_squared == Approx(source.gradient_squared()).epsilon(0.2));
    squared_z += z * z;
    ++n;
  }
  // z^2 has mean 1 if the error is the right one; 20 of them have a mean of 1 +- 0.32.
  CHECK(squared_z / n > 0.3);
  CHECK(squared_z / n < 2.2);
}

TEST_CASE("the start of the averages is not biased towards zero") {
  GaussianGradients source;
  source.mean = 1;  // hardly any noise in |G|^2
  NoiseScale scale(source.small_tokens, source.big_tokens());
  for (std::uint64_t step = 1; step <= 20; ++step) source.add_step(scale, step);
  const NoiseEstimate estimate = scale.estimate().value();
  CHECK(estimate.gradient_squared == Approx(source.gradient_squared()).epsilon(0.05));
  CHECK(estimate.noise_trace == Approx(source.noise_trace()).epsilon(0.05));
}

TEST_CASE("without noise in the norms the formulas are exact") {
  NoiseScale scale(10, 40);
  for (int step = 0; step < 25; ++step) scale.add(3.0 + 50.0 / 10, 3.0 + 50.0 / 40);
  const NoiseEstimate estimate = scale.estimate().value();
  CHECK(estimate.gradient_squared == Approx(3));
  CHECK(estimate.noise_trace == Approx(50));
  CHECK(estimate.tokens == Approx(50.0 / 3));
  CHECK(estimate.standard_error < 1e-6);
}

TEST_CASE("nothing is said after few steps, nor where an estimate is not positive") {
  const GaussianGradients source;
  NoiseScale scale(source.small_tokens, source.big_tokens());
  for (std::uint64_t step = 1; step < NoiseScale::kFewest; ++step) {
    source.add_step(scale, step);
    CHECK(!scale.estimate());
  }
  NoiseScale no_gradient(10, 40), no_noise(10, 40);
  for (int step = 0; step < 50; ++step) {
    no_gradient.add(5.0, 1.2);  // less than noise alone would leave
    no_noise.add(1.0, 1.5);
  }
  CHECK(!no_gradient.estimate());
  CHECK(!no_noise.estimate());
}

TEST_CASE("norms that are not finite leave no trace") {
  const GaussianGradients source;
  NoiseScale clean(source.small_tokens, source.big_tokens()), poisoned = clean;
  for (std::uint64_t step = 1; step <= 50; ++step) {
    source.add_step(clean, step);
    poisoned.add(std::nan(""), 1);
    poisoned.add(1, std::numeric_limits<double>::infinity());
    source.add_step(poisoned, step);
  }
  CHECK(poisoned.state() == clean.state());
}

TEST_CASE("a restored noise scale goes on as if nothing had happened") {
  const GaussianGradients source;
  NoiseScale whole(source.small_tokens, source.big_tokens()), resumed = whole;
  for (std::uint64_t step = 1; step <= 40; ++step) source.add_step(whole, step);
  source.add_step(resumed, 99);  // forgotten
  resumed.restore(whole.state());
  for (std::uint64_t step = 41; step <= 80; ++step) {
    source.add_step(whole, step);
    source.add_step(resumed, step);
    CHECK(resumed.state() == whole.state());
    CHECK(resumed.estimate()->tokens == whole.estimate()->tokens);
  }
}

TEST_CASE("batches of one size, and states that are none, are refused") {
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(NoiseScale(64, 64)),
             contains("fewer than the big batch's 64 tokens, got 64"));
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(NoiseScale(0, 64)), contains("got 0"));
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(NoiseScale(1, 64, 1.0)), contains("between 0 and 1, got 1"));
  NoiseScale scale(1, 2);
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(scale.restore(std::vector<double>(5))),
             contains("6 numbers, got 5"));
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(scale.restore(std::vector<double>{1, 1, 1, 1, 1, NAN})),
             contains("finite, got nan"));
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(scale.restore(std::vector<double>{0.5, 1, 1, 1, 1, 1})),
             contains("number of steps, got 0.5"));
}

}  // namespace
}  // namespace isoflop
