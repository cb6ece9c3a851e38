// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/text.h"
#include "isoflop/error.h"
#include "isoflop/model_shape.h"
#include "model/wide_integer.h"

namespace isoflop {
namespace {

constexpr std::string_view kConventionNames[] = {
    "exact",   "exact_nohead", "deepseek_m", "deepseek_m_actual", "six_n1_nominal", "six_n1_actual",
    "six_n2",  "six_n_total",  "kaplan",     "chinchilla",        "palm",           "megatron",
    "nanochat"};

/// Weights of all matrix products inside the layers, of one model.
WideInteger layer_weights(const ParamCounts& counts) {
  return WideInteger{counts.attention} + counts.ffn;
}

WideInteger exact_wide(const ModelShape& shape, bool with_head) {
  const ParamCounts counts = count_params(shape);
  const WideInteger weights = layer_weights(counts) + (with_head ? counts.embedding : 0);
  // A causal query sees (l + 1) / 2 keys on average; 12 h d_head FLOPs per visible key.
  const WideInteger attention =
      WideInteger{6} * shape.n_layers * shape.n_heads * shape.d_head * (shape.seq_len + 1);
  return 6 * weights + attention;
}

/// Forward FLOPs per token as arXiv:2203.15556, appendix F counts them: the embedding as a matrix
/// product, 3 FLOPs per softmax entry, attention over all l keys.
double chinchilla_forward(const ModelShape& shape, const ParamCounts& counts) {
  const double l = static_cast<double>(shape.seq_len);
  const double n = static_cast<double>(shape.n_layers);
  const double heads = static_cast<double>(shape.n_heads);
  const double d_attention = heads * static_cast<double>(shape.d_head);
  const double vocabulary = static_cast<double>(counts.embedding);
  const double layers = 2 * static_cast<double>(counts.attention + counts.ffn);
  return 2 * vocabulary + layers + n * (4 * l * d_attention + 3 * heads * l) + 2 * vocabulary;
}

}  // namespace

std::string_view to_string(FlopsConvention convention) {
  return kConventionNames[static_cast<std::size_t>(convention)];
}

FlopsConvention flops_convention_from(std::string_view name) {
  std::vector<std::string> known;
  for (const FlopsConvention convention : kAllFlopsConventions) {
    if (to_string(convention) == name) return convention;
    known.emplace_back(to_string(convention));
  }
  throw Error(ErrorCode::invalid_argument, "unknown FLOPs convention \"" + std::string(name) +
                                               "\"; known: " + join(known, ", ") +
                                               did_you_mean(name, known));
}

FlopsPerToken flops_per_token(const ModelShape& shape, FlopsConvention convention) {
  const ParamCounts counts = count_params(shape);
  const double n = static_cast<double>(shape.n_layers);
  const double d = static_cast<double>(shape.d_model);
  const double l = static_cast<double>(shape.seq_len);
  const double d_attention = static_cast<double>(shape.n_heads * shape.d_head);
  const double vocabulary = static_cast<double>(counts.embedding);
  const double layer_matrices = static_cast<double>(counts.attention + counts.ffn);
  const double nominal = 72 * n * d * d;             // 6 x 12 n d^2
  const double all_keys = 12 * n * d_attention * l;  // every query sees l keys
  const double nominal_all_keys = 12 * n * d * l;

  switch (convention) {
    case FlopsConvention::exact:
      return FlopsPerToken(static_cast<double>(exact_wide(shape, true)));
    case FlopsConvention::exact_nohead:
      return FlopsPerToken(static_cast<double>(exact_wide(shape, false)));
    case FlopsConvention::deepseek_m:
      return FlopsPerToken(nominal + nominal_all_keys);
    case FlopsConvention::deepseek_m_actual:
      return FlopsPerToken(6 * layer_matrices + all_keys);
    case FlopsConvention::six_n1_nominal:
      return FlopsPerToken(nominal);
    case FlopsConvention::six_n1_actual:
      return FlopsPerToken(6 * layer_matrices);
    case FlopsConvention::six_n2:
      return FlopsPerToken(nominal + 6 * vocabulary);
    case FlopsConvention::six_n_total:
      return FlopsPerToken(6 * static_cast<double>(counts.total()));
    case FlopsConvention::kaplan:
      return FlopsPerToken(6 * layer_matrices + all_keys / 2);
    case FlopsConvention::chinchilla:
      return FlopsPerToken(3 * chinchilla_forward(shape, counts));
    case FlopsConvention::palm:
      return FlopsPerToken(6 * (static_cast<double>(counts.non_embedding()) + vocabulary) +
                           all_keys);
    case FlopsConvention::megatron:
      return FlopsPerToken(nominal + nominal_all_keys + 6 * vocabulary);
    case FlopsConvention::nanochat:
      return FlopsPerToken(6 * (layer_matrices + vocabulary) + all_keys);
  }
  throw Error(ErrorCode::invalid_argument, "not a FLOPs convention");
}

std::int64_t exact_flops_per_token(const ModelShape& shape, bool with_head) {
  return narrow(exact_wide(shape, with_head), "the FLOPs per token");
}

std::int64_t exact_step_flops(const ModelShape& shape, std::int64_t n_seqs) {
  return narrow(exact_wide(shape, true) * shape.seq_len * n_seqs, "the FLOPs of a step");
}

}  // namespace isoflop
