// SPDX-License-Identifier: Apache-2.0
#include "isoflop/shape_rules.h"

#include "base/text.h"
#include "isoflop/error.h"
#include "model/layer_rules.h"

namespace isoflop {
namespace {

constexpr std::int64_t kMostRanks = 4096;
constexpr std::int64_t kMostHeads = 65'536;

void require_rule(bool holds, const std::string& field, std::int64_t value,
                  const std::string& allowed) {
  if (holds) return;
  throw Error(ErrorCode::invalid_argument,
              field + ": must be " + allowed + ", got " + std::to_string(value));
}

void require_within(const std::string& field, const std::optional<std::int64_t>& value,
                    std::int64_t low, std::int64_t high) {
  if (!value) return;
  require_rule(*value >= low && *value <= high, field, *value,
               "from " + std::to_string(low) + " to " + std::to_string(high));
}

}  // namespace

void validate(const ShapeRules& rules) {
  const std::int64_t ranks = rules.tensor_parallel;
  require_within("tensor_parallel", ranks, 1, kMostRanks);
  require_within("n_kv_heads", rules.n_kv_heads, 1, kMostHeads);
  require_within("gqa_ratio", rules.gqa_ratio, 1, kMostHeads);
  if (rules.n_kv_heads && rules.gqa_ratio) {
    throw Error(ErrorCode::invalid_argument, "n_kv_heads and gqa_ratio: one of the two, got " +
                                                 std::to_string(*rules.n_kv_heads) + " and " +
                                                 std::to_string(*rules.gqa_ratio));
  }
  if (const auto& n = rules.n_kv_heads) {
    require_rule(*n % ranks == 0 || ranks % *n == 0, "n_kv_heads", *n,
                 "a multiple or a divisor of tensor_parallel = " + std::to_string(ranks));
  }
  require_within("d_head", rules.d_head, 2, 1024);
  if (rules.d_head) {
    require_rule(*rules.d_head % 2 == 0, "d_head", *rules.d_head, "even, since RoPE rotates pairs");
  }
  require_within("multiple_of", rules.multiple_of, 1, 65'536);
  require_within("pad_vocab_to", rules.pad_vocab_to, 1, 1 << 20);
}

void refuse_rules(const ShapeRules& rules, double m) {
  std::vector<std::string> stated;
  const auto state = [&](const char* name, const std::optional<std::int64_t>& value) {
    if (value) stated.push_back(std::string(name) + " = " + std::to_string(*value));
  };
  if (rules.tensor_parallel > 1) state("tensor_parallel", rules.tensor_parallel);
  state("n_kv_heads", rules.n_kv_heads);
  state("gqa_ratio", rules.gqa_ratio);
  state("d_head", rules.d_head);
  throw Error(ErrorCode::invalid_argument,
              join(stated, ", ") + ": no shape near " + rounded_text(m) +
                  " FLOPs/token has a number of heads that this divides; take a smaller one, or a "
                  "larger budget");
}

bool is_practical_size(const ModelShape& shape) {
  constexpr std::int64_t kNarrowest = 256;
  return shape.d_model >= kNarrowest &&
         static_cast<double>(count_params(shape).total()) >= kPracticalFrom;
}

bool is_six_n(FlopsConvention convention) {
  return convention == FlopsConvention::six_n1_nominal ||
         convention == FlopsConvention::six_n1_actual || convention == FlopsConvention::six_n2 ||
         convention == FlopsConvention::six_n_total;
}

FlopsConvention with_real_matrices(FlopsConvention convention) {
  switch (convention) {
    case FlopsConvention::deepseek_m:
      return FlopsConvention::deepseek_m_actual;
    case FlopsConvention::six_n1_nominal:
      return FlopsConvention::six_n1_actual;
    default:
      return convention;
  }
}

std::string broken_rule(const ModelShape& shape, const ShapeRules& rules) {
  const std::int64_t ranks = rules.tensor_parallel;
  const auto split = [&](const char* name, std::int64_t value) {
    return std::string(name) + " " + std::to_string(value) + " among " + std::to_string(ranks) +
           " tensor-parallel ranks";
  };
  if (shape.n_heads % ranks != 0) return split("n_heads", shape.n_heads);
  if (shape.d_ff % ranks != 0) return split("d_ff", shape.d_ff);
  if (shape.vocab_size % ranks != 0) return split("vocab_size", shape.vocab_size);
  if (shape.n_kv_heads % ranks != 0 && ranks % shape.n_kv_heads != 0) {
    return split("n_kv_heads", shape.n_kv_heads);
  }
  return "";
}

}  // namespace isoflop
