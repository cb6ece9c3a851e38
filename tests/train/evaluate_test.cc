// SPDX-License-Identifier: Apache-2.0
#include "train/evaluate.h"

#include <cmath>
#include <vector>

#include "support/catch.h"

namespace isoflop {

TEST_CASE("bits per byte count only tokens that stand for text, each with its bytes") {
  const std::vector<float> losses = {1.0f, 2.0f, 4.0f, 8.0f};
  const std::vector<std::int32_t> targets = {1, 0, 2, 1};  // 0: a separator
  const std::vector<std::uint8_t> token_bytes = {0, 1, 3};
  const SequenceScore score = score_sequence(losses, targets, token_bytes);
  CHECK(score.nats == 15);
  CHECK(score.text_nats == 13);
  CHECK(score.bytes == 5);
  const Evaluation evaluation = summarize(std::vector{score}, 4);
  CHECK(evaluation.loss_nats == 15.0 / 4);
  CHECK(evaluation.bits_per_byte == Approx(13 / (std::log(2.0) * 5)).epsilon(1e-15));
  CHECK(evaluation.tokens == 4);
  CHECK(evaluation.bytes == 5);
  CHECK(evaluation.standard_error == 0);
}

TEST_CASE("the standard error is the spread of the sequences' means over sqrt(n)") {
  // Means 1, 2, 3: sample deviation 1.
  const std::vector<SequenceScore> scores = {{2, 2, 2}, {4, 4, 2}, {6, 6, 2}};
  const Evaluation evaluation = summarize(scores, 2);
  CHECK(evaluation.loss_nats == 2);
  CHECK(evaluation.standard_error == Approx(1 / std::sqrt(3.0)).epsilon(1e-15));
}

}  // namespace isoflop
