// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdio>
#include <string>

#include "isoflop/model_shape.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

/// Nominal shapes: 12 d^2 parameters per layer, as a 4x-wide two-matrix FFN has.
ModelShape nominal(std::int64_t n, std::int64_t d, std::int64_t vocab, std::int64_t seq) {
  return {.n_layers = n,
          .d_model = d,
          .n_heads = d / 64,
          .n_kv_heads = d / 64,
          .d_head = 64,
          .d_ff = 4 * d,
          .vocab_size = vocab,
          .seq_len = seq,
          .ffn = FfnKind::gelu};
}

double under(const ModelShape& shape, FlopsConvention convention) {
  return flops_per_token(shape, convention).value();
}

std::string digits(double value, const char* format) {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

}  // namespace

TEST_CASE("parameter counts of DeepSeek 67B are those of the released model") {
  const ModelShape shape{.n_layers = 95,
                         .d_model = 8192,
                         .n_heads = 64,
                         .n_kv_heads = 8,
                         .d_head = 128,
                         .d_ff = 22016,
                         .vocab_size = 102400,
                         .seq_len = 4096};
  const ParamCounts counts = count_params(shape);
  CHECK(counts.embedding == std::int64_t{102400} * 8192);
  CHECK(counts.attention == std::int64_t{95} * (2 * 8192 * 8192 + 2 * 8192 * 1024));
  CHECK(counts.ffn == std::int64_t{95} * 3 * 8192 * 22016);
  CHECK(counts.norm == (2 * 95 + 1) * 8192);
  CHECK(static_cast<double>(counts.non_embedding()) / 1e9 ==
        Approx(65.75).epsilon(1e-3));  // not 12 n d^2 = 76.5
  // Both published counts of M: nominal 4.973e11, with the real matrices 4.327e11.
  CHECK(under(shape, FlopsConvention::deepseek_m) == Approx(4.973e11).epsilon(2e-4));
  CHECK(under(shape, FlopsConvention::deepseek_m_actual) == Approx(4.327e11).epsilon(2e-4));
}

TEST_CASE("table 3 of DeepSeek LLM: 34 of 35 printed numbers follow from the formulas") {
  struct Row {
    std::int64_t n, d;
    const char *n1, *n2, *m, *six_n1_over_m, *six_n2_over_m;
  };
  // arXiv:2401.02954, table 3; l = 4096, V = 102400.
  const Row rows[] = {{8, 512, "2.52e+07", "7.76e+07", "3.52e+08", "0.43", "1.32"},
                      {12, 768, "8.49e+07", "1.64e+08", "9.63e+08", "0.53", "1.02"},
                      {24, 1024, "3.02e+08", "4.07e+08", "3.02e+09", "0.60", "0.81"},
                      {24, 2048, "1.21e+09", "1.42e+09", "9.66e+09", "0.75", "0.88"},
                      {32, 4096, "6.44e+09", "6.86e+09", "4.51e+10", "0.85", "0.91"},
                      {40, 5120, "1.26e+10", "1.31e+10", "8.56e+10", "0.88", "0.92"},
                      {80, 8192, "6.44e+10", "6.53e+10", "4.19e+11", "0.92", "0.94"}};
  int agreeing = 0;
  for (const Row& row : rows) {
    const ModelShape shape = nominal(row.n, row.d, 102400, 4096);
    const double six_n1 = under(shape, FlopsConvention::six_n1_nominal);
    const double six_n2 = under(shape, FlopsConvention::six_n2);
    const double m = under(shape, FlopsConvention::deepseek_m);
    agreeing += digits(six_n1 / 6, "%.2e") == row.n1;
    agreeing += digits(six_n2 / 6, "%.2e") == row.n2;
    agreeing += digits(m, "%.2e") == row.m;
    agreeing += digits(six_n1 / m, "%.2f") == row.six_n1_over_m;
    agreeing += digits(six_n2 / m, "%.2f") == row.six_n2_over_m;
  }
  CHECK(agreeing == 34);
  // The one that differs: 6 N1 / M of (32, 4096) is 6/7 = 0.857, printed truncated as 0.85.
  const ModelShape odd_one = nominal(32, 4096, 102400, 4096);
  CHECK(under(odd_one, FlopsConvention::six_n1_nominal) /
            under(odd_one, FlopsConvention::deepseek_m) ==
        Approx(6.0 / 7).epsilon(1e-15));
}

TEST_CASE("conventions agree where their definitions coincide") {
  const ModelShape shape = nominal(6, 256, 512, 256);
  CHECK(under(shape, FlopsConvention::deepseek_m) == 72.0 * 6 * 256 * 256 + 12.0 * 6 * 256 * 256);
  CHECK(under(shape, FlopsConvention::deepseek_m_actual) ==
        under(shape, FlopsConvention::deepseek_m));
  CHECK(under(shape, FlopsConvention::six_n1_actual) ==
        under(shape, FlopsConvention::six_n1_nominal));
  const double head = 6.0 * 512 * 256;
  CHECK(under(shape, FlopsConvention::six_n2) ==
        under(shape, FlopsConvention::six_n1_nominal) + head);
  CHECK(under(shape, FlopsConvention::megatron) ==
        under(shape, FlopsConvention::deepseek_m) + head);
  CHECK(under(shape, FlopsConvention::nanochat) ==
        under(shape, FlopsConvention::deepseek_m_actual) + head);
  const double norms = 6.0 * (2 * 6 + 1) * 256;
  CHECK(under(shape, FlopsConvention::palm) == under(shape, FlopsConvention::nanochat) + norms);
  CHECK(under(shape, FlopsConvention::six_n_total) ==
        under(shape, FlopsConvention::six_n1_actual) + 2 * head + norms);
  // The causal average: half of full attention, plus the diagonal.
  CHECK(under(shape, FlopsConvention::kaplan) ==
        under(shape, FlopsConvention::six_n1_actual) + 6.0 * 6 * 256 * 256);
  CHECK(under(shape, FlopsConvention::exact) ==
        under(shape, FlopsConvention::kaplan) + head + 6.0 * 6 * 256);
  // Chinchilla's appendix F: one more V d product for the lookup, 3 h l per softmax row.
  const double softmax = 3.0 * 6 * 3 * 4 * 256;
  CHECK(under(shape, FlopsConvention::chinchilla) ==
        under(shape, FlopsConvention::nanochat) + head + softmax);
}

TEST_CASE("exact FLOPs count every multiply-accumulate of a small model") {
  // By hand: d 8, 2 heads of 4, 1 key/value head, d_ff 24, V 10, l 3, one layer.
  const ModelShape shape{.n_layers = 1,
                         .d_model = 8,
                         .n_heads = 2,
                         .n_kv_heads = 1,
                         .d_head = 4,
                         .d_ff = 24,
                         .vocab_size = 10,
                         .seq_len = 3};
  const std::int64_t projections = 8 * 8 + 2 * 8 * 4 + 8 * 8;
  const std::int64_t ffn = 3 * 8 * 24;
  const std::int64_t head = 8 * 10;
  // Queries see 1 + 2 + 3 keys; q.k and p.v cost 4 multiply-accumulates each, per head.
  const std::int64_t attention_per_sequence = 2 * (1 + 2 + 3) * (4 + 4);
  CHECK(exact_step_flops(shape, 1) ==
        3 * 2 * (3 * (projections + ffn + head) + attention_per_sequence));
  CHECK(exact_step_flops(shape, 5) == 5 * exact_step_flops(shape, 1));
  CHECK(exact_flops_per_token(shape) * 3 == exact_step_flops(shape, 1));
  CHECK(exact_flops_per_token(shape) - exact_flops_per_token(shape, false) == 6 * head);
  ModelShape tied = shape;
  tied.tied_embeddings = true;
  CHECK(exact_flops_per_token(tied) == exact_flops_per_token(shape));
}

TEST_CASE("grouped queries shrink the projections and leave the attention alone") {
  ModelShape many{.n_layers = 2,
                  .d_model = 64,
                  .n_heads = 8,
                  .n_kv_heads = 8,
                  .d_head = 8,
                  .d_ff = 176,
                  .vocab_size = 256,
                  .seq_len = 128};
  ModelShape grouped = many;
  grouped.n_kv_heads = 2;
  CHECK(exact_flops_per_token(many) - exact_flops_per_token(grouped) ==
        6 * 2 * 2 * 64 * (8 - 2) * 8);
}

TEST_CASE("every convention has a name that reads back") {
  for (const FlopsConvention convention : kAllFlopsConventions) {
    CHECK(flops_convention_from(to_string(convention)) == convention);
  }
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(flops_convention_from("6nd")),
             contains("unknown FLOPs convention \"6nd\"") && contains("deepseek_m"));
}

TEST_CASE("shapes that cannot exist are refused by field, value and rule") {
  const ModelShape good = nominal(2, 64, 256, 128);
  struct Case {
    void (*spoil)(ModelShape&);
    const char* message;
  };
  const Case cases[] = {
      {[](ModelShape& s) { s.n_layers = 0; }, "/shape/n_layers: must be from 1 to 100000, got 0"},
      {[](ModelShape& s) { s.d_model = -64; },
       "/shape/d_model: must be from 2 to 1048576, got -64"},
      {[](ModelShape& s) { s.n_heads = 0; }, "/shape/n_heads"},
      {[](ModelShape& s) {
         s.n_kv_heads = 3;
         s.n_heads = 4;
       },
       "/shape/n_kv_heads: must be a divisor of n_heads = 4, got 3"},
      {[](ModelShape& s) {
         s.n_kv_heads = 2;
         s.n_heads = 1;
       },
       "/shape/n_kv_heads: must be from 1 to 1, got 2"},
      {[](ModelShape& s) { s.d_head = 7; }, "/shape/d_head: must be even"},
      {[](ModelShape& s) { s.d_ff = 0; }, "/shape/d_ff"},
      {[](ModelShape& s) { s.vocab_size = 1; }, "/shape/vocab_size"},
      {[](ModelShape& s) { s.seq_len = std::int64_t{1} << 40; }, "/shape/seq_len"},
  };
  for (const Case& bad : cases) {
    ModelShape shape = good;
    bad.spoil(shape);
    CHECK_THAT(ISOFLOP_ERROR_MESSAGE(validate(shape)), contains(bad.message));
    CHECK_THROWS_AS(flops_per_token(shape), Error);
  }
}

TEST_CASE("counts beyond 2^63 are an error, never a wrapped number") {
  ModelShape huge = nominal(100'000, 1 << 20, 102400, 4096);
  huge.d_ff = std::int64_t{8} << 20;
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(exact_step_flops(huge, 1'000'000)), contains("above 2^63"));
}
