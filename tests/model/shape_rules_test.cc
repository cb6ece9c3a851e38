// SPDX-License-Identifier: Apache-2.0
#include "isoflop/shape_rules.h"

#include <cmath>

#include "isoflop/error.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

const LadderOptions kDeepSeekSizes{.vocab_size = 102'400, .seq_len = 4096};

ModelShape near_params(double n, const ShapeRules& rules, const LadderOptions& sizes) {
  return shape_near(FlopsPerToken(6 * n), FlopsConvention::six_n_total, sizes, rules);
}

double total(const ModelShape& shape) { return static_cast<double>(count_params(shape).total()); }

}  // namespace

TEST_CASE("from 100M parameters up a size is within 5 % of what is asked, and divides") {
  for (const std::int64_t ranks : {1, 2, 4, 8}) {
    const ShapeRules rules{.tensor_parallel = ranks};
    for (const LadderOptions& sizes : {kDeepSeekSizes, LadderOptions{32'000, 2048}}) {
      for (double n = 1.01e8; n < 3e12; n *= 1.21) {
        const ModelShape shape = near_params(n, rules, sizes);
        INFO(short_name(shape) << " of " << total(shape) << " for " << n << ", ranks " << ranks);
        CHECK(std::abs(total(shape) / n - 1) <= 0.05);
        CHECK(broken_rule(shape, rules).empty());
        CHECK(shape.d_ff % 256 == 0);
        CHECK(shape.vocab_size % 128 == 0);
        if (total(shape) >= 1e9) {
          CHECK(shape.n_heads % 8 == 0);
          CHECK((shape.d_head == 64 || shape.d_head == 128));
        }
        // What would have 30B without grouped queries has them, down to 25B with them.
        if (total(shape) >= 3e10) CHECK(shape.n_kv_heads < shape.n_heads);
        if (total(shape) < 2.5e10) CHECK(shape.n_kv_heads == shape.n_heads);
      }
    }
  }
}

TEST_CASE("models that everyone knows have neighbours of their kind") {
  // DeepSeek LLM 7B (30 x 4096, 32 heads) and 67B (8 key/value heads), arXiv:2401.02954, table 2.
  const ModelShape small = near_params(6.9e9, {}, kDeepSeekSizes);
  CHECK(small.d_model == 4096);
  CHECK(small.n_heads == 32);
  CHECK(small.d_head == 128);
  CHECK(small.d_ff == 11'008);
  const ModelShape large = near_params(67e9, {.tensor_parallel = 8}, kDeepSeekSizes);
  CHECK(large.n_kv_heads == 8);
  CHECK(large.d_head == 128);
}

TEST_CASE("below 100M parameters the mixed ladder keeps the rungs that plans have used") {
  std::vector<ModelShape> small = shape_ladder(FlopsPerToken(1e10), {.family = ShapeFamily::mixed});
  std::erase_if(small, is_practical_size);
  CHECK(small.size() == 39);
  std::vector<std::string> first;
  for (std::size_t i = 0; i < 7; ++i) first.push_back(short_name(small[i]));
  CHECK(first == std::vector<std::string>{"d16 L1 h1", "d20 L1 h1", "d24 L1 h1", "d28 L1 h1",
                                          "d32 L1 h1", "d24 L2 h1", "d28 L2 h1"});
  CHECK(short_name(small[37]) == "d672 L13 h12");
  CHECK(short_name(small[38]) == "d768 L13 h12");
  CHECK(small[37].d_ff == 1792);
}

TEST_CASE("ranks, key/value heads, head size, d_ff and vocabulary are as the rules say") {
  ShapeRules rules{.tensor_parallel = 4,
                   .n_kv_heads = 4,
                   .d_head = 96,
                   .multiple_of = 512,
                   .pad_vocab_to = 1000,
                   .tied_embeddings = true};
  for (const double n : {2e7, 3e8, 5e9}) {
    const ModelShape shape = near_params(n, rules, {.vocab_size = 50'257, .seq_len = 1024});
    INFO(short_name(shape));
    CHECK(shape.n_kv_heads == 4);
    CHECK(shape.n_heads % 4 == 0);
    CHECK(shape.d_head == 96);
    CHECK(shape.d_ff % 512 == 0);
    CHECK(shape.vocab_size == 51'000);
    CHECK(shape.tied_embeddings);
  }
  const ModelShape grouped = near_params(2e9, {.gqa_ratio = 4}, kDeepSeekSizes);
  CHECK(grouped.n_heads == 4 * grouped.n_kv_heads);
}

TEST_CASE("rules that nothing can keep are refused with their value") {
  const auto message = [](const ShapeRules& rules) {
    return ISOFLOP_ERROR_MESSAGE(near_params(1e9, rules, kDeepSeekSizes));
  };
  CHECK(message({.tensor_parallel = 0}) == "tensor_parallel: must be from 1 to 4096, got 0");
  CHECK_THAT(message({.tensor_parallel = 8, .n_kv_heads = 3}),
             contains("n_kv_heads: must be a multiple or a divisor of tensor_parallel = 8, got 3"));
  CHECK_THAT(message({.n_kv_heads = 2, .gqa_ratio = 2}), contains("one of the two, got 2 and 2"));
  CHECK_THAT(message({.d_head = 63}), contains("d_head: must be even"));
  CHECK_THAT(message({.tensor_parallel = 512}),
             contains("tensor_parallel = 512: no shape near 6e+09 FLOPs/token"));
  CHECK_THAT(message({.n_kv_heads = 100}), contains("n_kv_heads = 100: no shape near"));
}
