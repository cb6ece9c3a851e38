// SPDX-License-Identifier: Apache-2.0
#include "train/optimizer/gradients.h"

namespace isoflop {

Gradients::Gradients(Backend& backend, Mesh& mesh, const ModelShape& shape,
                     const ParameterLayout& layout, const ShardPlan& plan, std::int64_t n_arenas)
    : backend_(backend), mesh_(mesh), layout_(layout), plan_(plan) {
  const TensorShard shard = mesh.tensor_shard();
  const int replicas = shard.kv_replicas(shape);
  if (replicas > 1) {
    kv_ = mesh.tensor->split(shard.rank / replicas);
    shared_rows_ = 2 * shape.d_head;  // one head's keys, then its values
  }
  for (std::int64_t i = 0; i < n_arenas; ++i) {
    memory_.push_back(backend.allocate(layout.size() * size_of(DType::f32)));
    arenas_.push_back({memory_.back()->data(), DType::f32, layout.size(), 1});
    views_.push_back(view_tensors(layout, arenas_.back()));
  }
  for (const Bucket& bucket : plan.buckets()) {
    std::vector<Tensor>& tensors = contributions_.emplace_back();
    const Range all = bucket.elements, mine = bucket.my_elements;
    for (const Tensor& arena : arenas_) tensors.push_back(arena.slice(all.begin, all.size()));
    shares_.push_back({mine.begin - all.begin, mine.end - all.begin});
  }
}

void Gradients::layer_done(std::size_t i, std::int64_t layer) {
  if (kv_ && layer >= 0 && layer < layout_.local_shape().n_layers) {
    const Tensor qkv = views_[i].blocks[static_cast<std::size_t>(layer)].qkv;
    all_reduce(*kv_, backend_, qkv.slice(qkv.rows - shared_rows_, shared_rows_));
  }
  if (i + 1 == arenas_.size()) start_sum(plan_.bucket_of_layer(layer));
}

void Gradients::finish() {
  const Range gains = layout_.gains();
  for (const Tensor& arena : arenas_) {
    all_reduce(*mesh_.tensor, backend_, arena.slice(gains.begin, gains.size()));
  }
  start_sum(plan_.bucket_of_gains());
  mesh_.data->finish_reduce_scatters(backend_);
}

void Gradients::start_sum(std::size_t bucket) {
  mesh_.data->start_reduce_scatter(backend_, contributions_[bucket], {&shares_[bucket], 1});
}

}  // namespace isoflop
