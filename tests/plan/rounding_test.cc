// SPDX-License-Identifier: Apache-2.0
#include "plan/rounding.h"

#include <algorithm>

#include "support/catch.h"

namespace isoflop {
namespace {

TEST_CASE("rounding to digits does not show the last bits of pow") {
  CHECK(round_to_digits(0.0098614999, 4) == 0.009861);
  CHECK(round_to_digits(0.0098615001, 4) == 0.009862);
  CHECK(round_to_digits(3e-5, 4) == 3e-5);
}

TEST_CASE("a batch of at most n sequences is divisible and loses a few percent at most") {
  for (const std::int64_t dp : {1, 2, 3}) {
    for (const std::int64_t seq_len : {64, 128, 4096}) {
      const BatchUnits units{seq_len, dp, 0};
      for (std::int64_t seqs = 1; seqs < 400; ++seqs) {
        const BatchSize batch = batch_of_at_most(seqs, units);
        REQUIRE(batch.seqs % (dp * batch.micro_seqs) == 0);
        REQUIRE((batch.micro_seqs == 1 || batch.micro_seqs * seq_len <= units.kMicroBatchTokens));
        REQUIRE((batch.seqs <= seqs || batch.seqs == dp));
        const std::int64_t divisible = std::max(dp, seqs / dp * dp);
        REQUIRE(static_cast<double>(batch.seqs) > 0.93 * static_cast<double>(divisible));
      }
    }
  }
}

TEST_CASE("a fixed micro-batch is kept") {
  const BatchUnits units{128, 2, 3};
  CHECK(batch_of_at_most(20, units).seqs == 18);
  CHECK(batch_of_at_most(1, units).seqs == 6);
  CHECK(batch_of_at_most(1, units).micro_seqs == 3);
  CHECK(batch_of_exactly(12, units).micro_seqs == 3);
}

TEST_CASE("an exact batch takes the largest micro-batch that divides it") {
  CHECK(batch_of_exactly(8, {128, 1, 0}).micro_seqs == 8);
  CHECK(batch_of_exactly(32, {128, 1, 0}).micro_seqs == 16);
  CHECK(batch_of_exactly(34, {128, 2, 0}).micro_seqs == 1);  // 17 per rank, more than 16
  CHECK(batch_of_exactly(5, {4096, 1, 0}).micro_seqs == 1);
  CHECK_THROWS_AS(batch_of_exactly(5, {128, 2, 0}), Error);
}

}  // namespace
}  // namespace isoflop
