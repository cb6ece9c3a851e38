// SPDX-License-Identifier: Apache-2.0
#include "train/parameters.h"

#include <algorithm>
#include <utility>

#include "base/rng.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

constexpr std::int64_t kAlignment = 16;  // elements: 64 bytes

std::int64_t qkv_rows(const ModelShape& shape) {
  return (shape.n_heads + 2 * shape.n_kv_heads) * shape.d_head;
}

std::int64_t gate_up_rows(const ModelShape& shape) {
  return (shape.ffn == FfnKind::swiglu ? 2 : 1) * shape.d_ff;
}

/// Elements of one matrix from number `first` on.
void fill_normal(const Rng& rng, double std, std::int64_t first, std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::uint64_t index = static_cast<std::uint64_t>(first) + i;
    out[i] = static_cast<float>(std * rng.normal(index));
  }
}

}  // namespace

ParameterLayout::ParameterLayout(const ModelShape& shape) {
  add("model.embed_tokens.weight", shape.vocab_size, shape.d_model);
  for (std::int64_t i = 0; i < shape.n_layers; ++i) {
    const std::string block = "model.layers." + std::to_string(i) + ".";
    add(block + "self_attn.qkv_proj.weight", qkv_rows(shape), shape.d_model);
    add(block + "self_attn.o_proj.weight", shape.d_model, shape.n_heads * shape.d_head);
    const bool gated = shape.ffn == FfnKind::swiglu;
    add(block + (gated ? "mlp.gate_up_proj.weight" : "mlp.up_proj.weight"), gate_up_rows(shape),
        shape.d_model);
    add(block + "mlp.down_proj.weight", shape.d_model, shape.d_ff);
  }
  if (!shape.tied_embeddings) add("lm_head.weight", shape.vocab_size, shape.d_model);
  n_matrix_elements_ = size_;
  for (std::int64_t i = 0; i < shape.n_layers; ++i) {
    const std::string block = "model.layers." + std::to_string(i) + ".";
    add(block + "input_layernorm.weight", 1, shape.d_model);
    add(block + "post_attention_layernorm.weight", 1, shape.d_model);
  }
  add("model.norm.weight", 1, shape.d_model);
}

void ParameterLayout::add(std::string name, std::int64_t rows, std::int64_t cols) {
  parameters_.push_back({std::move(name), rows, cols, size_});
  size_ += (rows * cols + kAlignment - 1) / kAlignment * kAlignment;
}

ModelTensors view_tensors(const ModelShape& shape, const ParameterLayout& layout, Tensor arena) {
  ISOFLOP_CHECK(arena.size() == layout.size(), "arena of another layout");
  auto next = layout.parameters().begin();
  const auto take = [&] {
    const Parameter& parameter = *next++;
    return Tensor{arena.f32() + parameter.offset, DType::f32, parameter.rows, parameter.cols};
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

void initial_values(const ParameterLayout& layout, std::uint64_t seed, double std, Range range,
                    std::span<float> out) {
  std::fill(out.begin(), out.end(), 0.0f);
  std::uint64_t tensor = 0;
  for (const Parameter& parameter : layout.parameters()) {
    const Rng rng(seed, tensor++);
    const Range part = intersection(parameter.range(), range);
    if (part.size() == 0) continue;
    const std::span<float> values = out.subspan(static_cast<std::size_t>(part.begin - range.begin),
                                                static_cast<std::size_t>(part.size()));
    if (parameter.offset < layout.matrices().end) {
      fill_normal(rng, std, part.begin - parameter.offset, values);
    } else {
      std::fill(values.begin(), values.end(), 1.0f);
    }
  }
}

}  // namespace isoflop
