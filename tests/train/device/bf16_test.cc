// SPDX-License-Identifier: Apache-2.0
#include "train/device/bf16.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "support/catch.h"
#include "train/cpu/select.h"

namespace isoflop {
namespace {

std::uint32_t bits_of(float x) { return std::bit_cast<std::uint32_t>(x); }
float float_of(std::uint32_t bits) { return std::bit_cast<float>(bits); }

/// Every bf16 number by its definition: sign, 8 bits of exponent, 7 of mantissa.
double value_of(std::uint16_t x) {
  const int exponent = x >> 7 & 0xff, mantissa = x & 0x7f;
  const double sign = x >> 15 ? -1 : 1;
  if (exponent == 0xff) return mantissa == 0 ? sign * INFINITY : NAN;
  if (exponent == 0) return sign * std::ldexp(mantissa, -126 - 7);
  return sign * std::ldexp(128 + mantissa, exponent - 127 - 7);
}

/// The nearer of the two bf16 numbers around x by their distance in double, the even one of two
/// equally near. What follows the largest number counts as 2^128.
std::uint16_t nearest_by_distance(float x) {
  const auto below = static_cast<std::uint16_t>(bits_of(x) >> 16);  // towards zero
  const auto above = static_cast<std::uint16_t>(below + 1);
  const double size = std::abs(static_cast<double>(x));
  if (std::isinf(size)) return below;
  const auto distance = [&](std::uint16_t candidate) {
    const double value = std::abs(value_of(candidate));
    return std::abs(size - (std::isinf(value) ? std::ldexp(1, 128) : value));
  };
  if (distance(below) != distance(above)) return distance(below) < distance(above) ? below : above;
  return below % 2 == 0 ? below : above;
}

/// Floats around every bf16 number and every tie between two, and a sweep through all bit patterns.
std::vector<float> dense_floats() {
  std::vector<float> x;
  for (std::uint32_t upper = 0; upper < 0x10000; ++upper)
    for (const std::uint32_t lower : {0x0000u, 0x0001u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu})
      x.push_back(float_of(upper << 16 | lower));
  for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += 7919)
    x.push_back(float_of(static_cast<std::uint32_t>(bits)));
  return x;
}

}  // namespace

TEST_CASE("every bf16 number is lifted exactly and rounds to itself") {
  for (std::uint32_t i = 0; i < 0x10000; ++i) {
    const auto x = static_cast<std::uint16_t>(i);
    const float lifted = lift_bf16(x);
    INFO("bf16 " << i);
    if (std::isnan(value_of(x))) {
      REQUIRE(std::isnan(lifted));
      REQUIRE(round_to_bf16(lifted) == (x | 0x40));  // quiet, sign and payload kept
    } else {
      REQUIRE(static_cast<double>(lifted) == value_of(x));
      REQUIRE(std::signbit(lifted) == (x >> 15 == 1));
      REQUIRE(round_to_bf16(lifted) == x);
    }
  }
}

TEST_CASE("floats round to the nearest bf16, ties to even, too large ones to infinity") {
  for (const float x : dense_floats()) {
    if (std::isnan(x)) {
      if (!std::isnan(lift_bf16(round_to_bf16(x)))) FAIL("NaN lost: bits " << bits_of(x));
    } else if (round_to_bf16(x) != nearest_by_distance(x)) {
      FAIL("bits " << bits_of(x) << ": " << round_to_bf16(x) << ", not " << nearest_by_distance(x));
    }
  }
  CHECK(round_to_bf16(1.00390625f) == 0x3f80);  // 1 + 2^-8, between 1 and 1 + 2^-7
  CHECK(round_to_bf16(1.01171875f) == 0x3f82);  // 1 + 3 * 2^-8
  CHECK(round_to_bf16(std::numeric_limits<float>::max()) == 0x7f80);
  CHECK(round_to_bf16(-std::numeric_limits<float>::max()) == 0xff80);
  CHECK(round_to_bf16(std::numeric_limits<float>::denorm_min()) == 0);
  CHECK(round_to_bf16(float_of(0x00018000)) == 2);  // denormal, tie
}

TEST_CASE("the vectorised conversions give the bits of the plain ones") {
  const std::vector<float> floats = dense_floats();
  std::vector<std::uint16_t> all(0x10000);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
  for (const CpuKernels* kernels : available_cpu_kernels()) {
    INFO(kernels->isa);
    // From an odd start with an odd size, so that every width of vector takes part.
    for (const std::size_t first : {0u, 1u, 13u}) {
      std::vector<float> lifted(all.size() - first + 1, 12345.0f);
      kernels->lift(static_cast<std::int64_t>(all.size() - first), &all[first], lifted.data());
      std::vector<std::uint16_t> rounded(floats.size() - first + 1, 12345);
      kernels->round_to_bf16(static_cast<std::int64_t>(floats.size() - first), &floats[first],
                             rounded.data());
      std::size_t n_wrong = 0;
      for (std::size_t i = first; i < all.size(); ++i)
        n_wrong += bits_of(lifted[i - first]) != bits_of(lift_bf16(all[i]));
      for (std::size_t i = first; i < floats.size(); ++i)
        n_wrong += rounded[i - first] != round_to_bf16(floats[i]);
      CHECK(n_wrong == 0);
      CHECK(lifted.back() == 12345.0f);
      CHECK(rounded.back() == 12345);
    }
  }
}

}  // namespace isoflop
