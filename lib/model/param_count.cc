// SPDX-License-Identifier: Apache-2.0
#include "isoflop/model_shape.h"
#include "model/wide_integer.h"

namespace isoflop {

ParamCounts count_params(const ModelShape& shape) {
  validate(shape);
  const WideInteger n = shape.n_layers, d = shape.d_model, s = shape.d_head;
  const WideInteger vocabulary = WideInteger{shape.vocab_size} * d;
  const WideInteger query_and_output = 2 * d * shape.n_heads * s;
  const WideInteger key_and_value = 2 * d * shape.n_kv_heads * s;
  const int n_matrices = shape.ffn == FfnKind::swiglu ? 3 : 2;

  ParamCounts counts;
  counts.embedding = narrow(vocabulary, "the embedding");
  counts.unembedding = shape.tied_embeddings ? 0 : counts.embedding;
  counts.attention =
      narrow(n * (query_and_output + key_and_value), "the attention parameter count");
  counts.ffn = narrow(n * n_matrices * d * shape.d_ff, "the FFN parameter count");
  counts.norm = narrow((2 * n + 1) * d, "the norm parameter count");
  (void)narrow(2 * vocabulary + WideInteger{counts.attention} + counts.ffn + counts.norm,
               "the parameter count");
  return counts;
}

}  // namespace isoflop
