// SPDX-License-Identifier: Apache-2.0
#include "cudnn_attention_graph.h"

namespace isoflop {
namespace {

using Node = CudnnGraph::Node;

/// Shapes of the tensors of a problem, [n_seqs, heads, rows, columns].
struct Shapes {
  CudnnShape queries, keys, outputs, per_row, scores, all_heads;

  explicit Shapes(const AttentionDims& d)
      : queries(strided(d, d.n_heads, d.qkv_cols())),
        keys(strided(d, d.n_kv_heads, d.qkv_cols())),
        outputs(strided(d, d.n_heads, d.n_heads * d.d_head)),
        per_row{{d.n_seqs, d.n_heads, d.seq_len, 1}, {d.seq_len * d.n_heads, 1, d.n_heads, 1}},
        scores(CudnnShape::packed(d.n_seqs, d.n_heads, d.seq_len, d.seq_len)),
        all_heads(CudnnShape::packed(d.n_seqs, d.n_heads, d.seq_len, d.d_head)) {}

 private:
  /// Heads lie side by side in rows of `row` elements.
  static CudnnShape strided(const AttentionDims& d, std::int64_t heads, std::int64_t row) {
    return {{d.n_seqs, heads, d.seq_len, d.d_head}, {d.seq_len * row, d.d_head, row, 1}};
  }
};

constexpr cudnnDataType_t kStorage = CUDNN_DATA_BFLOAT16;

/// q k^T times scale.
Node scaled_scores(CudnnGraph& g, const Shapes& s, Node q, Node keys_t, Node scale) {
  const Node products = g.intermediate(s.scores), scores = g.intermediate(s.scores);
  g.matmul(q, keys_t, products);
  g.pointwise(CUDNN_POINTWISE_MUL, {products, scale}, scores);
  return scores;
}

/// Causal mask: `masked` where the key lies behind the query.
Node causal_mask(CudnnGraph& g, const Shapes& s, Node scores, Node masked) {
  const Node row = g.intermediate(s.scores, CUDNN_DATA_INT32);
  const Node column = g.intermediate(s.scores, CUDNN_DATA_INT32);
  const Node visible = g.intermediate(s.scores, CUDNN_DATA_BOOLEAN);
  const Node result = g.intermediate(s.scores);
  g.index(scores, 2, row);
  g.index(scores, 3, column);
  g.pointwise(CUDNN_POINTWISE_CMP_GE, {row, column}, visible, CUDNN_DATA_BOOLEAN);
  g.pointwise(CUDNN_POINTWISE_BINARY_SELECT, {scores, masked, visible}, result);
  return result;
}

/// Probabilities in bf16; log_sum_exp is written.
Node softmax(CudnnGraph& g, const Shapes& s, Node scores, Node log_sum_exp) {
  const CudnnShape per_row =
      CudnnShape::packed(s.scores.sizes[0], s.scores.sizes[1], s.scores.sizes[2], 1);
  const Node row_max = g.intermediate(per_row), row_sum = g.intermediate(per_row);
  const Node log_row_sum = g.intermediate(per_row);
  const Node shifted = g.intermediate(s.scores), exponentials = g.intermediate(s.scores);
  const Node p = g.intermediate(s.scores, kStorage);
  g.reduce(CUDNN_REDUCE_TENSOR_MAX, scores, row_max);
  g.pointwise(CUDNN_POINTWISE_SUB, {scores, row_max}, shifted);
  g.pointwise(CUDNN_POINTWISE_EXP, {shifted}, exponentials);
  g.reduce(CUDNN_REDUCE_TENSOR_ADD, exponentials, row_sum);
  g.pointwise(CUDNN_POINTWISE_LOG, {row_sum}, log_row_sum);
  g.pointwise(CUDNN_POINTWISE_ADD, {row_max, log_row_sum}, log_sum_exp);
  g.pointwise(CUDNN_POINTWISE_DIV, {exponentials, row_sum}, p);
  return p;
}

/// weights [T, T] transposed, rounded, times x: into `result`, over the heads that share a key.
void add_over_queries(CudnnGraph& g, const Shapes& s, Node weights, Node x, Node result) {
  const Node transposed = g.intermediate(s.scores.transposed(), kStorage);
  g.reshape(weights, transposed);
  if (s.queries.sizes[1] == s.keys.sizes[1]) return g.matmul(transposed, x, result);
  const Node of_heads = g.intermediate(s.all_heads, kStorage);
  g.matmul(transposed, x, of_heads);
  g.reduce(CUDNN_REDUCE_TENSOR_ADD, of_heads, result);
}

/// delta = row_sum(dout * out).
void compute_delta(CudnnGraph& g, const Shapes& s, Node dout, Node out, Node one, Node delta) {
  const CudnnShape per_row =
      CudnnShape::packed(s.scores.sizes[0], s.scores.sizes[1], s.scores.sizes[2], 1);
  const Node products = g.intermediate(s.all_heads), sums = g.intermediate(per_row);
  g.pointwise(CUDNN_POINTWISE_MUL, {dout, out}, products);
  g.reduce(CUDNN_REDUCE_TENSOR_ADD, products, sums);
  g.pointwise(CUDNN_POINTWISE_MUL, {sums, one}, delta);
}

}  // namespace

CudnnForwardGraph::CudnnForwardGraph(const CudnnApi& api, const AttentionDims& dims) : graph(api) {
  const Shapes s(dims);
  q = graph.memory(s.queries, kStorage);
  k = graph.memory(s.keys.transposed(), kStorage);
  v = graph.memory(s.keys, kStorage);
  out = graph.memory(s.outputs, kStorage);
  log_sum_exp = graph.memory(s.per_row, CUDNN_DATA_FLOAT);
  scale = graph.scalar();
  masked = graph.scalar();
  const Node scores = causal_mask(graph, s, scaled_scores(graph, s, q, k, scale), masked);
  graph.matmul(softmax(graph, s, scores, log_sum_exp), v, out);
}

CudnnBackwardGraph::CudnnBackwardGraph(const CudnnApi& api, const AttentionDims& dims)
    : graph(api) {
  const Shapes s(dims);
  q = graph.memory(s.queries, kStorage);
  k = graph.memory(s.keys.transposed(), kStorage);
  v = graph.memory(s.keys.transposed(), kStorage);
  out = graph.memory(s.outputs, kStorage);
  log_sum_exp = graph.memory(s.per_row, CUDNN_DATA_FLOAT);
  dout = graph.memory(s.outputs, kStorage);
  dq = graph.memory(s.queries, kStorage);
  dk = graph.memory(s.keys, kStorage);
  dv = graph.memory(s.keys, kStorage);
  delta = graph.memory(CudnnShape::packed(dims.n_seqs, dims.n_heads, dims.seq_len, 1),
                       CUDNN_DATA_FLOAT);
  scale = graph.scalar();
  masked = graph.scalar();
  one = graph.scalar();

  compute_delta(graph, s, dout, out, one, delta);
  const Node scores = scaled_scores(graph, s, q, k, scale);
  const Node shifted = graph.intermediate(s.scores), p = graph.intermediate(s.scores);
  graph.pointwise(CUDNN_POINTWISE_SUB, {scores, log_sum_exp}, shifted);
  graph.pointwise(CUDNN_POINTWISE_EXP, {causal_mask(graph, s, shifted, masked)}, p);
  add_over_queries(graph, s, p, dout, dv);

  const Node dp = graph.intermediate(s.scores), dp_minus_delta = graph.intermediate(s.scores);
  const Node unscaled_ds = graph.intermediate(s.scores);
  const Node ds = graph.intermediate(s.scores, kStorage);
  graph.matmul(dout, v, dp);
  graph.pointwise(CUDNN_POINTWISE_SUB, {dp, delta}, dp_minus_delta);
  graph.pointwise(CUDNN_POINTWISE_MUL, {dp_minus_delta, p}, unscaled_ds);
  graph.pointwise(CUDNN_POINTWISE_MUL, {unscaled_ds, scale}, ds);
  add_over_queries(graph, s, ds, q, dk);

  // Straight into dq: summed in f32 memory first, it would be by atomics, in any order.
  const Node keys = graph.intermediate(s.keys, kStorage);
  graph.reshape(k, keys);
  graph.matmul(ds, keys, dq);
}

}  // namespace isoflop
