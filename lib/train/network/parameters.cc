// SPDX-License-Identifier: Apache-2.0
#include "train/network/parameters.h"

#include <algorithm>
#include <utility>

#include "base/rng.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

std::int64_t aligned(std::int64_t n) { return (n + 15) / 16 * 16; }  // elements: 64 bytes

Range shifted(Range range, std::int64_t by) { return {range.begin + by, range.end + by}; }
Range times(Range range, std::int64_t factor) { return {range.begin * factor, range.end * factor}; }

std::vector<RowBlock> qkv_blocks(const ModelShape& shape, TensorShard shard) {
  const int replicas = shard.kv_replicas(shape);
  const bool owned = shard.rank % replicas == 0;
  const Range kv = times(shard.kv_heads(shape), shape.d_head);
  const std::int64_t first_k = shape.n_heads * shape.d_head;
  const std::int64_t first_v = first_k + shape.n_kv_heads * shape.d_head;
  return {{times(shard.query_heads(shape), shape.d_head)},
          {shifted(kv, first_k), replicas, owned},
          {shifted(kv, first_v), replicas, owned}};
}

}  // namespace

ParameterLayout::ParameterLayout(const ModelShape& shape, TensorShard shard)
    : local_shape_(shard.local_shape(shape)) {
  const std::int64_t c = shape.d_model;
  const std::vector<RowBlock> vocabulary = {{shard.share(shape.vocab_size)}};
  add("model.embed_tokens.weight", vocabulary, {0, c}, shape.vocab_size, c);
  for (std::int64_t layer = 0; layer < shape.n_layers; ++layer) add_block(shape, shard, layer);
  if (!shape.tied_embeddings) {
    add("lm_head.weight", vocabulary, {0, c}, shape.vocab_size, c);
  }
  n_matrix_elements_ = size_;
  for (std::int64_t layer = 0; layer < shape.n_layers; ++layer) {
    const std::string block = "model.layers." + std::to_string(layer) + ".";
    add_gain(shape, shard, block + "input_layernorm.weight");
    add_gain(shape, shard, block + "post_attention_layernorm.weight");
  }
  add_gain(shape, shard, "model.norm.weight");
}

void ParameterLayout::add_block(const ModelShape& shape, TensorShard shard, std::int64_t layer) {
  const std::string block = "model.layers." + std::to_string(layer) + ".";
  const std::int64_t c = shape.d_model;
  const bool gated = shape.ffn == FfnKind::swiglu;
  const Range ffn = shard.share(shape.d_ff);
  std::vector<RowBlock> gate_up = {{ffn}};
  if (gated) gate_up.push_back({shifted(ffn, shape.d_ff)});
  const Range heads = times(shard.query_heads(shape), shape.d_head);
  const std::vector<RowBlock> all_rows = {{{0, c}}};

  add(block + "self_attn.qkv_proj.weight", qkv_blocks(shape, shard), {0, c},
      (shape.n_heads + 2 * shape.n_kv_heads) * shape.d_head, c);
  add(block + "self_attn.o_proj.weight", all_rows, heads, c, shape.n_heads * shape.d_head);
  add(block + (gated ? "mlp.gate_up_proj.weight" : "mlp.up_proj.weight"), gate_up, {0, c},
      (gated ? 2 : 1) * shape.d_ff, c);
  add(block + "mlp.down_proj.weight", all_rows, ffn, c, shape.d_ff);
}

void ParameterLayout::add_gain(const ModelShape& shape, TensorShard shard,
                               const std::string& name) {
  add(name, {{{0, 1}, shard.size, shard.rank == 0}}, {0, shape.d_model}, 1, shape.d_model);
}

void ParameterLayout::add(const std::string& name, std::vector<RowBlock> blocks, Range cols,
                          std::int64_t whole_rows, std::int64_t whole_cols) {
  Parameter parameter{.name = name, .role = tensor_role(name)};
  for (const RowBlock& block : blocks) parameter.rows += block.rows.size();
  parameter.cols = cols.size();
  parameter.offset = size_;
  parameter.blocks = std::move(blocks);
  parameter.first_col = cols.begin;
  parameter.whole_cols = whole_cols;
  parameter.whole_offset = whole_size_;
  size_ += aligned(parameter.rows * parameter.cols);
  whole_size_ += aligned(whole_rows * whole_cols);
  parameters_.push_back(std::move(parameter));
}

Range ParameterLayout::block(std::int64_t layer) const {
  constexpr std::int64_t kMatricesOfBlock = 4;
  const auto first = static_cast<std::size_t>(1 + kMatricesOfBlock * layer);
  const Parameter& last = parameters_[first + kMatricesOfBlock - 1];
  return {parameters_[first].offset, last.offset + aligned(last.rows * last.cols)};
}

std::vector<ElementRun> element_runs(const ParameterLayout& layout, Range range) {
  std::vector<ElementRun> runs;
  // They lie one behind the other: a layer's are found without a look at all the others.
  const auto& all = layout.parameters();
  const auto first = std::partition_point(
      all.begin(), all.end(), [&](const Parameter& p) { return p.range().end <= range.begin; });
  for (auto next = first; next != all.end() && next->offset < range.end; ++next) {
    const Parameter& p = *next;
    if (intersection(p.range(), range).size() == 0) continue;
    const bool whole_rows = p.cols == p.whole_cols;
    std::int64_t here = p.offset;
    for (const RowBlock& block : p.blocks) {
      const std::int64_t rows_at_once =
          whole_rows ? std::max<std::int64_t>(1, block.rows.size()) : 1;
      for (std::int64_t row = block.rows.begin; row < block.rows.end; row += rows_at_once) {
        const std::int64_t n = rows_at_once * p.cols;
        const Range part = intersection({here, here + n}, range);
        if (part.size() > 0) {
          const std::int64_t begin = p.whole_offset + row * p.whole_cols + p.first_col;
          runs.push_back({part, begin + part.begin - here, &p, block.owned});
        }
        here += n;
      }
    }
  }
  return runs;
}

ModelTensors view_tensors(const ParameterLayout& layout, Tensor arena) {
  ISOFLOP_CHECK(arena.size() == layout.size(), "arena of another layout");
  const ModelShape& shape = layout.local_shape();
  const Tensor elements{arena.data, arena.dtype, arena.size(), 1};
  auto next = layout.parameters().begin();
  const auto take = [&] {
    const Parameter& p = *next++;
    Tensor tensor = elements.slice(p.offset, p.rows * p.cols);
    tensor.rows = p.rows;
    tensor.cols = p.cols;
    return tensor;
  };
  ModelTensors model;
  model.embedding = take();
  model.blocks.resize(static_cast<std::size_t>(shape.n_layers));
  for (BlockTensors& block : model.blocks) {
    block.qkv = take();
    block.attention_out = take();
    block.gate_up = take();
    block.down = take();
  }
  model.head = shape.tied_embeddings ? model.embedding : take();
  for (BlockTensors& block : model.blocks) {
    block.attention_norm = take();
    block.ffn_norm = take();
  }
  model.final_norm = take();
  return model;
}

void initial_values(const ParameterLayout& layout, const RunSpec& spec, Range range,
                    std::span<float> out) {
  std::fill(out.begin(), out.end(), 0.0f);
  for (const ElementRun& run : element_runs(layout, range)) {
    const Parameter& parameter = *run.parameter;
    float* values = out.data() + (run.here.begin - range.begin);
    if (parameter.role == TensorRole::norm) {
      std::fill_n(values, run.here.size(), 1.0f);
      continue;
    }
    const auto number = static_cast<std::uint64_t>(&parameter - layout.parameters().data());
    const Rng rng(spec.seed, number);
    const double std = tensor_scales(spec, parameter.role).init_std;
    const auto first = static_cast<std::uint64_t>(run.whole - parameter.whole_offset);
    for (std::int64_t i = 0; i < run.here.size(); ++i) {
      values[i] = static_cast<float>(std * rng.normal(first + static_cast<std::uint64_t>(i)));
    }
  }
}

}  // namespace isoflop
