// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "isoflop/quantity.h"

namespace isoflop {

/// The feed-forward block. SwiGLU has three matrices (gate, up, down), gelu two.
enum class FfnKind { swiglu, gelu };

/// A LLaMA-style decoder (DeepSeek LLM, arXiv:2401.02954, sec. 2.2). All sizes are global: what a
/// rank holds under tensor parallelism is not part of the shape.
struct ModelShape {
  std::int64_t n_layers = 0;
  std::int64_t d_model = 0;
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;  // < n_heads: grouped-query attention; divides n_heads
  std::int64_t d_head = 0;      // even (RoPE rotates pairs); n_heads * d_head need not be d_model
  std::int64_t d_ff = 0;
  std::int64_t vocab_size = 0;
  std::int64_t seq_len = 0;
  FfnKind ffn = FfnKind::swiglu;
  bool tied_embeddings = false;

  bool operator==(const ModelShape&) const = default;
};

/// Throws Error(invalid_argument) naming the field, its value and what is allowed.
void validate(const ModelShape& shape);

/// Inner width of SwiGLU: 8/3 d_model rounded up, to a multiple of 256 from d_model 1024 on
/// (LLaMA's rule: 4096 gives 11008), of 64 from 192 on and of 8 below, where coarser steps would
/// add up to 12.5 % to the block. Exact where d_model is a multiple of 24, 96 from 1024 on.
[[nodiscard]] std::int64_t default_d_ff(std::int64_t d_model);

/// Exact parameter counts by group, so that every paper's N can be formed from them.
struct ParamCounts {
  std::int64_t embedding = 0;    // V d
  std::int64_t unembedding = 0;  // V d, or 0 where tied
  std::int64_t attention = 0;    // W_q, W_k, W_v, W_o
  std::int64_t ffn = 0;
  std::int64_t norm = 0;  // the RMSNorm gains, the final one included

  [[nodiscard]] std::int64_t non_embedding() const { return attention + ffn + norm; }
  [[nodiscard]] std::int64_t total() const { return embedding + unembedding + non_embedding(); }
};

/// Throws Error(invalid_argument) if validate(shape) would, or if a count exceeds 2^63.
[[nodiscard]] ParamCounts count_params(const ModelShape& shape);

/// What "FLOPs per token" means in a paper. Two numbers may be compared only under one convention.
/// Symbols: n layers, d width, h query heads of d_head, l sequence length, V vocabulary;
/// P_mm the weights of all matrix products, head included, embedding lookup excluded.
enum class FlopsConvention {
  exact,         // 6 P_mm + 6 n h d_head (l + 1): the keys a causal query really sees. Integer.
  exact_nohead,  // exact without the head's 6 V d
  deepseek_m,    // 72 n d^2 + 12 n d l (arXiv:2401.02954, eq. 2), as printed
  deepseek_m_actual,  // 6 (P_mm - V d) + 12 n h d_head l: eq. 2 with the shape's real matrices
  six_n1_nominal,     // 72 n d^2 (ibid., 6 N_1)
  six_n1_actual,      // 6 (P_mm - V d)
  six_n2,             // 72 n d^2 + 6 V d (ibid., 6 N_2)
  six_n_total,        // 6 x all parameters, both vocabulary matrices
  kaplan,             // 6 N_1 + 6 n d l (arXiv:2001.08361, table 1: causal average)
  chinchilla,         // arXiv:2203.15556 app. F: embedding and softmax counted
  palm,               // 6 N + 12 n h d_head l (arXiv:2204.02311, app. B), N without the embedding
  megatron,  // 72 n d^2 (1 + l / (6 d) + V / (12 n d)) (arXiv:2104.04473, no recomputation)
  nanochat,  // 6 x matmul weights, head included, + 12 n h d_head l
};

inline constexpr std::array kAllFlopsConventions = {
    FlopsConvention::exact,          FlopsConvention::exact_nohead,
    FlopsConvention::deepseek_m,     FlopsConvention::deepseek_m_actual,
    FlopsConvention::six_n1_nominal, FlopsConvention::six_n1_actual,
    FlopsConvention::six_n2,         FlopsConvention::six_n_total,
    FlopsConvention::kaplan,         FlopsConvention::chinchilla,
    FlopsConvention::palm,           FlopsConvention::megatron,
    FlopsConvention::nanochat};

/// The names used in files and on the command line, equal to the enumerators.
[[nodiscard]] std::string_view to_string(FlopsConvention convention);
/// Throws Error(invalid_argument) listing the names that exist.
[[nodiscard]] FlopsConvention flops_convention_from(std::string_view name);

/// Training FLOPs for one token: forward 2 + backward 4 per multiply-accumulate, no recomputation.
/// Throws Error(invalid_argument) if validate(shape) would.
[[nodiscard]] FlopsPerToken flops_per_token(
    const ModelShape& shape, FlopsConvention convention = FlopsConvention::deepseek_m_actual);

/// `exact` and `exact_nohead` as integers. Throws Error(invalid_argument) if the result exceeds
/// 2^63 or the shape is invalid.
[[nodiscard]] std::int64_t exact_flops_per_token(const ModelShape& shape, bool with_head = true);

/// The matrix products' share of a training step on `n_seqs` sequences, in FLOPs: 6 P_mm per token
/// plus the causal attention scores and values. This is what the trainer's own counters must give.
[[nodiscard]] std::int64_t exact_step_flops(const ModelShape& shape, std::int64_t n_seqs);

/// Families of small shapes. `uniform`: at least two layers and two heads, heads of 8 below a width
/// of 128 and of twice as many with each octave up to 64, one depth a width; measured in
/// docs/decisions/0022-one-family.md. `mixed`: depths from one layer and heads of about 32, in any
/// number, as ladders were before; for plans made by it.
enum class ShapeFamily { uniform, mixed };
[[nodiscard]] std::string_view to_string(ShapeFamily family);
/// Throws Error(invalid_argument) listing the names that exist.
[[nodiscard]] ShapeFamily shape_family_from(std::string_view name);

/// How a ladder fills in what it does not vary.
struct LadderOptions {
  std::int64_t vocab_size = 256;
  std::int64_t seq_len = 128;
  /// Of `mixed`: steps of M between neighbours are at most this factor.
  double max_step = 1.4;
  ShapeFamily family = ShapeFamily::uniform;
};

/// Shapes of one family, ascending in M (deepseek_m_actual), from the smallest that trains to the
/// first whose M is at least `to`. One family serves every budget, so that a curve's neighbours and
/// the curves of different budgets differ in size alone. Depth follows width as
/// n_layers = (d / 16)^(2/3): 128 x 4, 256 x 6, 768 x 13, 4096 x 40 (the loss is nearly flat in it;
/// DeepSeek LLM's models have d / n of 43 to 137), and neither falls from one rung to the next.
/// Widths are multiples of 8 (of 4 below 32), from 64 on eight to the octave. Throws
/// Error(invalid_argument) for `to` outside (0, 1e16] or max_step outside [1.2, 10].
[[nodiscard]] std::vector<ModelShape> shape_ladder(FlopsPerToken to, const LadderOptions& = {});

/// Text such as "d48 L2 h2" for tables and messages.
[[nodiscard]] std::string short_name(const ModelShape& shape);

}  // namespace isoflop
