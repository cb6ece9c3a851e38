// SPDX-License-Identifier: Apache-2.0
#include "model/layer_rules.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace isoflop {
namespace {

constexpr std::int64_t kManyHeads = 8;
constexpr std::int64_t kGroups = 8;            // key/value heads of a grouped-query model
constexpr std::int64_t kPracticalFfn = 256;    // d_ff is a multiple of it
constexpr std::int64_t kPracticalVocab = 128;  // and the vocabulary of this
constexpr std::int64_t kLargeHeadsFrom = 2048;
constexpr double kOddHead = 0.25;

std::int64_t up_to_multiple(std::int64_t value, std::int64_t of) {
  return (value + of - 1) / of * of;
}

bool suits_ranks(std::int64_t n_kv_heads, std::int64_t ranks) {
  return n_kv_heads % ranks == 0 || ranks % n_kv_heads == 0;
}

/// What divides the number of query heads.
std::int64_t head_unit(const ShapeRules& rules) {
  const std::int64_t unit = std::lcm(rules.tensor_parallel, rules.n_kv_heads.value_or(1));
  return std::lcm(unit, rules.gqa_ratio.value_or(1));
}

std::int64_t usual_head(std::int64_t d_model) { return d_model < kLargeHeadsFrom ? 64 : 128; }

/// The head count for which d / heads is nearest to the family's, of those that `unit` divides; 0
/// where there is none.
std::int64_t small_head_count(std::int64_t d_model, std::int64_t unit, ShapeFamily family) {
  const auto target = static_cast<double>(head_size(d_model, family));
  const std::int64_t smallest = family == ShapeFamily::uniform ? 4 : 8;
  std::int64_t best = unit == 1 ? 1 : 0;
  double best_score = std::numeric_limits<double>::infinity();
  for (std::int64_t heads = unit; heads <= d_model / smallest; heads += unit) {
    const std::int64_t d_head = d_model / heads;
    if (d_model % heads != 0 || d_head % 2 != 0) continue;
    const double score =
        std::abs(std::log(static_cast<double>(d_head) / target)) + (d_head % 8 == 0 ? 0.0 : 0.5);
    if (score < best_score) {
      best = heads;
      best_score = score;
    }
  }
  return best;
}

std::int64_t nearest_multiple(double value, std::int64_t unit) {
  return std::max<std::int64_t>(1, std::llround(value / static_cast<double>(unit))) * unit;
}

/// Sets heads of the size that the rules say; the attention may be wider than the model.
void set_stated_heads(ModelShape& shape, std::int64_t d_head, std::int64_t unit) {
  shape.d_head = d_head;
  shape.n_heads =
      nearest_multiple(static_cast<double>(shape.d_model) / static_cast<double>(d_head), unit);
}

/// Key/value heads; false where the rules allow none for these query heads.
bool set_kv_heads(ModelShape& shape, const ShapeRules& rules) {
  shape.n_kv_heads = rules.n_kv_heads.value_or(shape.n_heads / rules.gqa_ratio.value_or(1));
  return shape.n_heads % shape.n_kv_heads == 0 &&
         suits_ranks(shape.n_kv_heads, rules.tensor_parallel);
}

/// d_ff and vocabulary, of what the rules say or else of the units given.
void set_widths(ModelShape& shape, const LadderOptions& options, const ShapeRules& rules,
                std::int64_t ffn_unit, std::int64_t vocab_unit) {
  const std::int64_t exact = (8 * shape.d_model + 2) / 3;
  const std::int64_t ffn =
      ffn_unit == 0 && !rules.multiple_of ? default_d_ff(shape.d_model) : exact;
  const std::int64_t of = rules.multiple_of.value_or(std::max<std::int64_t>(1, ffn_unit));
  shape.d_ff = up_to_multiple(ffn, std::lcm(of, rules.tensor_parallel));
  shape.vocab_size = up_to_multiple(
      options.vocab_size, std::lcm(rules.pad_vocab_to.value_or(vocab_unit), rules.tensor_parallel));
  shape.seq_len = options.seq_len;
  shape.tied_embeddings = rules.tied_embeddings;
}

/// Heads of the usual size for the width, or of the first other one that gives a number that `unit`
/// divides. Large models have 64 or 128.
bool set_usual_heads(ModelShape& shape, std::int64_t unit, bool large) {
  const std::int64_t usual = usual_head(shape.d_model);
  std::vector<std::int64_t> sizes = {usual, usual == 64 ? 128 : 64};
  if (!large) sizes.insert(sizes.end(), {96, 48, 32});
  for (const std::int64_t d_head : sizes) {
    if (shape.d_model % (d_head * unit) != 0) continue;
    shape.d_head = d_head;
    shape.n_heads = shape.d_model / d_head;
    return true;
  }
  return false;
}

double total_params(const ModelShape& shape) {
  return static_cast<double>(count_params(shape).total());
}

/// The fewest key/value heads from 8 on that divide the heads and suit the ranks.
void group_queries(ModelShape& shape, std::int64_t ranks) {
  for (std::int64_t n = kGroups; n < shape.n_heads; ++n) {
    if (shape.n_heads % n == 0 && suits_ranks(n, ranks)) {
      shape.n_kv_heads = n;
      return;
    }
  }
}

}  // namespace

double head_oddness(const ModelShape& shape, const ShapeRules& rules) {
  if (rules.d_head || shape.d_head == usual_head(shape.d_model)) return 0;
  return shape.d_head == 64 || shape.d_head == 128 ? kOddHead : 2 * kOddHead;
}

std::optional<ModelShape> small_layer(std::int64_t d_model, const LadderOptions& options,
                                      const ShapeRules& rules) {
  ModelShape shape;
  shape.n_layers = 1;
  shape.d_model = d_model;
  if (rules.d_head) {
    set_stated_heads(shape, *rules.d_head, head_unit(rules));
  } else {
    shape.n_heads = small_head_count(d_model, head_unit(rules), options.family);
    if (shape.n_heads == 0) return std::nullopt;
    shape.d_head = d_model / shape.n_heads;
  }
  if (!set_kv_heads(shape, rules)) return std::nullopt;
  set_widths(shape, options, rules, 0, 1);
  return shape;
}

std::optional<ModelShape> practical_shape(std::int64_t d_model, std::int64_t n_layers,
                                          const LadderOptions& options, const ShapeRules& rules) {
  ModelShape shape;
  shape.n_layers = n_layers;
  shape.d_model = d_model;
  set_widths(shape, options, rules, kPracticalFfn, kPracticalVocab);
  const auto with_heads = [&](bool large) {
    const std::int64_t unit = std::lcm(head_unit(rules), large ? kManyHeads : 1);
    if (rules.d_head) {
      set_stated_heads(shape, *rules.d_head, unit);
    } else if (!set_usual_heads(shape, unit, large)) {
      return false;
    }
    return set_kv_heads(shape, rules);
  };
  // How many parameters there are depends on the heads, whose number depends on that.
  if (!with_heads(false)) return std::nullopt;
  if (total_params(shape) >= kEightHeadsFrom && !with_heads(true)) return std::nullopt;
  if (!rules.n_kv_heads && !rules.gqa_ratio && total_params(shape) >= kGroupedQueryFrom) {
    group_queries(shape, rules.tensor_parallel);
  }
  if (!is_practical_size(shape)) return std::nullopt;
  return shape;
}

}  // namespace isoflop
