// SPDX-License-Identifier: Apache-2.0
#include "train/health/spike_detector.h"

#include <cmath>
#include <limits>
#include <vector>

#include "base/rng.h"
#include "support/catch.h"

namespace isoflop {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// A loss that falls like a training loss, with normal noise.
double loss_at(std::uint64_t step) {
  return 2 + 3 / std::sqrt(1 + static_cast<double>(step) / 10) + 0.02 * Rng(7).normal(step);
}

TEST_CASE("an ordinary run has no spikes, and nothing is said about its first 32 steps") {
  SpikeDetector detector;
  for (std::uint64_t step = 0; step < 5000; ++step) {
    const SpikeVerdict verdict = detector.observe(loss_at(step));
    CHECK(verdict.z.has_value() == (step >= SpikeDetector::kFewest));
    CHECK(!verdict.is_spike);
  }
}

TEST_CASE("z is the distance from the median in scaled median absolute deviations") {
  SpikeDetector detector;
  for (int i = 0; i < 64; ++i) detector.observe(i % 2 == 0 ? 2.9 : 3.1);  // median 3, MAD 0.1
  CHECK(*detector.observe(3.5).z == Approx(0.5 / 0.14826));
  // A loss well below is none.
  const SpikeVerdict below = detector.observe(1);
  CHECK(*below.z < -6);
  CHECK(!below.is_spike);
}

TEST_CASE("a spike is seen in its own step, also right after a greater one") {
  SpikeDetector detector;
  for (std::uint64_t step = 500; step < 700; ++step) detector.observe(loss_at(step));
  CHECK(detector.observe(1e6).is_spike);
  CHECK(detector.observe(1e30).is_spike);
  CHECK(detector.observe(loss_at(700) + 0.5).is_spike);
  CHECK(!detector.observe(loss_at(701)).is_spike);
}

TEST_CASE("losses that are not finite change nothing") {
  SpikeDetector clean, poisoned;
  for (std::uint64_t step = 0; step < 300; ++step) {
    const double loss = loss_at(step) + (step % 50 == 49 ? 0.4 : 0);
    for (const double bad : {kNan, kInfinity, -kInfinity}) {
      const SpikeVerdict verdict = poisoned.observe(bad);
      CHECK(!verdict.z.has_value());
      CHECK(!verdict.is_spike);
    }
    const SpikeVerdict expected = clean.observe(loss), got = poisoned.observe(loss);
    CHECK(got.z == expected.z);
    CHECK(got.is_spike == expected.is_spike);
  }
}

TEST_CASE("a loss that stays up is normal once it fills half of the window") {
  SpikeDetector detector;
  const auto noisy = [](double level, std::uint64_t i) { return level + 0.02 * Rng(3).normal(i); };
  std::uint64_t step = 0;
  for (; step < SpikeDetector::kWindow; ++step) detector.observe(noisy(3, step));
  int n_spikes = 0;
  for (int i = 0; i < 128; ++i) n_spikes += detector.observe(noisy(5, step++)).is_spike;
  CHECK(n_spikes > 30);
  CHECK(n_spikes <= 65);
  CHECK(!detector.observe(noisy(5, step)).is_spike);
}

TEST_CASE("a constant loss has no spikes by rounding alone") {
  SpikeDetector detector;
  for (int i = 0; i < 200; ++i) CHECK(!detector.observe(3 + 1e-7 * (i % 3)).is_spike);
  CHECK(detector.observe(3.01).is_spike);
  SpikeDetector zeros;
  for (int i = 0; i < 200; ++i) CHECK(!zeros.observe(0).is_spike);
}

TEST_CASE("a restored detector goes on as if nothing had happened") {
  for (const std::uint64_t stop : {0u, 1u, 31u, 32u, 127u, 128u, 129u, 300u}) {
    SpikeDetector whole;
    for (std::uint64_t step = 0; step < stop; ++step) whole.observe(loss_at(step));
    SpikeDetector resumed;
    resumed.observe(99);  // forgotten
    resumed.restore(whole.state());
    CHECK(resumed.state() == whole.state());
    for (std::uint64_t step = stop; step < stop + 300; ++step) {
      const double loss = loss_at(step) + (step % 70 == 0 ? 1 : 0);
      const SpikeVerdict expected = whole.observe(loss), got = resumed.observe(loss);
      CHECK(got.z == expected.z);
      CHECK(got.is_spike == expected.is_spike);
    }
  }
}

TEST_CASE("a state that is none is refused") {
  SpikeDetector detector;
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(detector.restore(std::vector<double>(129))),
             contains("at most 128 losses, got 129"));
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(detector.restore(std::vector<double>{1, kNan})),
             contains("finite losses, got nan"));
}

}  // namespace
}  // namespace isoflop
