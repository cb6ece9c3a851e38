// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "isoflop/shape_rules.h"
#include "support/catch.h"

using namespace isoflop;

TEST_CASE("neighbours of the mixed ladder differ in M by at most 1.4 from 4e4 to 1e14") {
  for (const std::int64_t seq_len : {64, 128, 256, 1024, 4096}) {
    const LadderOptions options{
        .vocab_size = 256, .seq_len = seq_len, .family = ShapeFamily::mixed};
    const auto ladder = shape_ladder(FlopsPerToken(1e14), options);
    REQUIRE(ladder.size() > 50);
    for (std::size_t i = 1; i < ladder.size(); ++i) {
      INFO(short_name(ladder[i - 1]) << " -> " << short_name(ladder[i]) << ", seq " << seq_len);
      const double step = flops_per_token(ladder[i]) / flops_per_token(ladder[i - 1]);
      CHECK(step > 1.0);
      // A model of one layer at a long sequence is nearly all attention; there the next width or
      // depth is as near as shapes come.
      if (seq_len <= 256) CHECK(step <= 1.4);
    }
    CHECK(flops_per_token(ladder.back()).value() >= 1e14);
  }
}

TEST_CASE("neighbours of the uniform ladder differ in size alone") {
  for (const std::int64_t seq_len : {64, 128, 1024}) {
    const auto ladder = shape_ladder(FlopsPerToken(1e10), {.seq_len = seq_len});
    REQUIRE(flops_per_token(ladder.back()).value() >= 1e10);
    for (std::size_t i = 0; i < ladder.size() && !is_practical_size(ladder[i]); ++i) {
      const ModelShape& shape = ladder[i];
      INFO(short_name(shape) << ", seq " << seq_len);
      CHECK_NOTHROW(validate(shape));
      CHECK(shape.n_heads * shape.d_head == shape.d_model);
      CHECK(shape.n_layers >= 2);
      CHECK(shape.n_heads >= 2);
      if (shape.d_model >= 32) {
        const std::int64_t octave = shape.d_model < 128   ? 8
                                    : shape.d_model < 256 ? 16
                                    : shape.d_model < 512 ? 32
                                                          : 64;
        CHECK(shape.d_head == octave);
      }
      if (i == 0) continue;
      CHECK(shape.d_model >= ladder[i - 1].d_model);
      CHECK(shape.n_layers >= ladder[i - 1].n_layers);
      const double step = flops_per_token(shape) / flops_per_token(ladder[i - 1]);
      CHECK(step > 1.0);
      CHECK(step <= 1.65);
    }
  }
}

TEST_CASE("the uniform ladder's small rungs") {
  std::string names;
  for (const ModelShape& shape : shape_ladder(FlopsPerToken(3e6))) {
    names += short_name(shape) + ", ";
  }
  CHECK(names ==
        "d12 L2 h2, d16 L2 h2, d20 L2 h2, d24 L2 h3, d28 L2 h2, d32 L2 h4, d40 L2 h5, d48 L2 h6, "
        "d56 L2 h7, d64 L2 h8, d64 L3 h8, d72 L3 h9, d80 L3 h10, d88 L3 h11, d96 L3 h12, "
        "d104 L3 h13, d112 L3 h14, ");
}

TEST_CASE("a family that no one knows is refused") {
  CHECK(shape_family_from("mixed") == ShapeFamily::mixed);
  CHECK(ISOFLOP_ERROR_MESSAGE(shape_family_from("even")) ==
        "must be uniform or mixed, got \"even\"");
}

TEST_CASE("every rung of the mixed ladder is a valid shape") {
  for (const ModelShape& shape :
       shape_ladder(FlopsPerToken(1e13), {.family = ShapeFamily::mixed})) {
    INFO(short_name(shape));
    CHECK_NOTHROW(validate(shape));
    CHECK(shape.n_heads * shape.d_head == shape.d_model);
    if (is_practical_size(shape)) {
      CHECK(shape.d_model % 128 == 0);
      CHECK(shape.d_ff % 256 == 0);
    } else {
      CHECK(shape.d_ff == default_d_ff(shape.d_model));
      if (shape.d_model >= 96) CHECK(shape.d_model % 24 == 0);
    }
    const double ideal = std::pow(static_cast<double>(shape.d_model) / 16, 2.0 / 3);
    CHECK(std::abs(std::log(static_cast<double>(shape.n_layers) / ideal)) <= std::log(1.65));
  }
}

TEST_CASE("a taller ladder begins with the shorter one") {
  const auto shorter = shape_ladder(FlopsPerToken(1e7));
  const auto taller = shape_ladder(FlopsPerToken(1e10));
  REQUIRE(taller.size() > shorter.size());
  CHECK(std::equal(shorter.begin(), shorter.end(), taller.begin()));
}

TEST_CASE("the inner width follows LLaMA's rounding at its sizes and is exact on multiples of 24") {
  CHECK(default_d_ff(4096) == 11008);
  CHECK(default_d_ff(8192) == 22016);
  CHECK(default_d_ff(64) == 176);
  for (const std::int64_t d : {48, 96, 192, 384, 768, 1536}) CHECK(default_d_ff(d) * 3 == d * 8);
}

TEST_CASE("a ladder without end or with steps that no shapes have is refused") {
  CHECK_THROWS_AS(shape_ladder(FlopsPerToken(0)), Error);
  CHECK_THROWS_AS(shape_ladder(FlopsPerToken(1e20)), Error);
  CHECK_THROWS_AS(shape_ladder(FlopsPerToken(1e6), {.max_step = 1.01}), Error);
}
