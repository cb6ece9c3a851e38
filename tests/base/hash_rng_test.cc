// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <string>

#include "base/hash.h"
#include "base/rng.h"
#include "support/catch.h"

using namespace isoflop;

TEST_CASE("hashes are XXH3-64 and do not depend on how the content was cut") {
  CHECK(hash_hex("") == "2d06800538d394c2");  // XXH3_64bits of nothing, from its specification
  const std::string text(100'000, 'q');
  Hasher pieces;
  for (std::size_t at = 0; at < text.size(); at += 777) {
    pieces.add(
        std::as_bytes(std::span(text).subspan(at, std::min<std::size_t>(777, text.size() - at))));
  }
  CHECK(pieces.hex() == hash_hex(text));
  CHECK(hash_hex(text) != hash_hex(text + "q"));
}

TEST_CASE("draws are a pure function of seed, stream and index") {
  const Rng rng(7, 3);
  const std::uint64_t tenth = rng.bits(10);
  (void)rng.bits(99);
  CHECK(Rng(7, 3).bits(10) == tenth);
  CHECK(Rng(7, 4).bits(10) != tenth);
  CHECK(Rng(8, 3).bits(10) != tenth);
}

TEST_CASE("normal draws have the moments of a standard normal") {
  const Rng rng(1);
  constexpr int kDraws = 400'000;
  double sum = 0, squares = 0, fourth = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = rng.normal(static_cast<std::uint64_t>(i));
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
  }
  // Five standard errors: sqrt(1/n), sqrt(2/n), sqrt(96/n).
  const double unit = 5 / std::sqrt(kDraws);
  CHECK(std::abs(sum / kDraws) < unit);
  CHECK(std::abs(squares / kDraws - 1) < unit * std::sqrt(2.0));
  CHECK(std::abs(fourth / kDraws - 3) < unit * std::sqrt(96.0));
}

TEST_CASE("bounded draws cover their range evenly") {
  const Rng rng(5);
  int counts[7] = {};
  for (std::uint64_t i = 0; i < 70'000; ++i) ++counts[rng.below(7, i)];
  for (const int count : counts) CHECK(std::abs(count - 10'000) < 5 * std::sqrt(10'000.0));
}
