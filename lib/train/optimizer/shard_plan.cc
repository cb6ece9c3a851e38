// SPDX-License-Identifier: Apache-2.0
#include "train/optimizer/shard_plan.h"

#include <algorithm>

namespace isoflop {
namespace {

/// At most so many elements: small beside a layer, so that shares are even, large beside the cost
/// of one partial sum.
constexpr std::int64_t kUnit = std::int64_t{1} << 14;

}  // namespace

ShardPlan::ShardPlan(const RunSpec& spec, const ParameterLayout& layout, int rank, int n_ranks) {
  add_units(spec, layout);
  const std::int64_t n_layers = spec.shape.n_layers;
  const Range blocks = n_layers == 0 ? Range{layout.parameters().front().range()}
                                     : Range{layout.block(0).begin, layout.block(n_layers - 1).end};
  add_bucket({0, n_layers == 0 ? blocks.end : blocks.begin}, rank, n_ranks);
  for (std::int64_t i = 0; i < n_layers; ++i) add_bucket(layout.block(i), rank, n_ranks);
  if (!spec.shape.tied_embeddings) {
    add_bucket({buckets_.back().elements.end, layout.matrices().end}, rank, n_ranks);
  }
  add_bucket(layout.gains(), rank, n_ranks);
}

void ShardPlan::add_units(const RunSpec& spec, const ParameterLayout& layout) {
  const auto& parameters = layout.parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& p = parameters[i];
    const TensorScales scales = tensor_scales(spec, p.role);
    std::int64_t begin = p.offset;
    for (const RowBlock& block : p.blocks) {
      const std::int64_t end = begin + block.rows.size() * p.cols;
      for (; begin < end; begin = units_.back().elements.end) {
        units_.push_back(
            {{begin, std::min(end, begin + kUnit)}, scales, block.owned, block.replicas > 1});
      }
    }
    // The gap behind a tensor goes with it: nothing is in it, and shares stay in one piece.
    const std::int64_t next = i + 1 < parameters.size() ? parameters[i + 1].offset : layout.size();
    if (!units_.empty()) units_.back().elements.end = next;
  }
}

void ShardPlan::add_bucket(Range elements, int rank, int n_ranks) {
  // The first unit that begins at or behind `position`.
  const auto unit_at = [&](std::int64_t position) {
    const auto found = std::partition_point(units_.begin(), units_.end(), [&](const Unit& unit) {
      return unit.elements.begin < position;
    });
    return static_cast<std::int64_t>(found - units_.begin());
  };
  const auto boundary = [&](int i) {
    return unit_at(elements.begin + elements.size() * i / n_ranks);
  };
  const auto element_at = [&](std::int64_t unit) {
    const auto i = static_cast<std::size_t>(unit);
    return i < units_.size() ? units_[i].elements.begin : units_.back().elements.end;
  };
  Bucket bucket{.elements = elements};
  bucket.my_units = {boundary(rank), boundary(rank + 1)};
  bucket.my_elements = {element_at(bucket.my_units.begin), element_at(bucket.my_units.end)};
  bucket.first = n_elements_;
  n_elements_ += bucket.my_elements.size();
  buckets_.push_back(bucket);
}

}  // namespace isoflop
