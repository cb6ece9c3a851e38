// SPDX-License-Identifier: Apache-2.0
#include "train/ranks/tensor_shard.h"

#include <string>

#include "isoflop/error.h"

namespace isoflop {

Range TensorShard::query_heads(const ModelShape& shape) const {
  if (kv_replicas(shape) > 1) return share(shape.n_heads);
  const std::int64_t group = shape.n_heads / shape.n_kv_heads;
  const Range kv = kv_heads(shape);
  return {kv.begin * group, kv.end * group};
}

Range TensorShard::kv_heads(const ModelShape& shape) const {
  const int replicas = kv_replicas(shape);
  if (replicas > 1) return {rank / replicas, rank / replicas + 1};
  return share(shape.n_kv_heads);
}

int TensorShard::kv_replicas(const ModelShape& shape) const {
  return shape.n_kv_heads < size ? size / static_cast<int>(shape.n_kv_heads) : 1;
}

ModelShape TensorShard::local_shape(const ModelShape& shape) const {
  ModelShape local = shape;
  local.n_heads = query_heads(shape).size();
  local.n_kv_heads = kv_heads(shape).size();
  local.d_ff = share(shape.d_ff).size();
  local.vocab_size = share(shape.vocab_size).size();
  return local;
}

void check_tensor_parallel(const ModelShape& shape, int n_ranks) {
  const auto complain = [&](const std::string& allowed) {
    throw Error(ErrorCode::invalid_argument,
                "tensor_parallel: must be " + allowed + ", got " + std::to_string(n_ranks));
  };
  if (n_ranks < 1) complain("> 0");
  if (n_ranks > shape.d_ff || n_ranks > shape.vocab_size || n_ranks > shape.seq_len) {
    complain("at most d_ff, vocab_size and seq_len");
  }
  const bool kv_heads_divide = shape.n_kv_heads % n_ranks == 0;
  const bool ranks_divide = n_ranks % shape.n_kv_heads == 0 && shape.n_heads % n_ranks == 0;
  if (!kv_heads_divide && !ranks_divide) {
    complain("a divisor of n_kv_heads = " + std::to_string(shape.n_kv_heads) +
             ", or a multiple of it that divides n_heads = " + std::to_string(shape.n_heads));
  }
}

}  // namespace isoflop
