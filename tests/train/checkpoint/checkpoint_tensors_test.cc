// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint/checkpoint_tensors.h"

#include <numeric>
#include <set>
#include <vector>

#include "support/catch.h"
#include "support/snapshots.h"
#include "train/network/parameters.h"

namespace isoflop {
namespace {

std::string describe(const LogicalTensor& tensor) {
  std::string text = tensor.name + " [";
  for (const std::int64_t size : tensor.dimensions()) text += std::to_string(size) + ",";
  return text.replace(text.size() - 1, 1, "]");
}

}  // namespace

TEST_CASE("logical tensors have the names and shapes of Hugging Face's Llama") {
  std::vector<std::string> texts;
  for (const LogicalTensor& tensor : logical_tensors(test::gqa_shape())) {
    texts.push_back(describe(tensor));
  }
  const std::vector<std::string> expected = {"model.embed_tokens.weight [13,10]",
                                             "model.layers.0.self_attn.q_proj.weight [24,10]",
                                             "model.layers.0.self_attn.k_proj.weight [12,10]",
                                             "model.layers.0.self_attn.v_proj.weight [12,10]",
                                             "model.layers.0.self_attn.o_proj.weight [10,24]",
                                             "model.layers.0.mlp.gate_proj.weight [11,10]",
                                             "model.layers.0.mlp.up_proj.weight [11,10]",
                                             "model.layers.0.mlp.down_proj.weight [10,11]",
                                             "lm_head.weight [13,10]",
                                             "model.layers.0.input_layernorm.weight [10]",
                                             "model.layers.0.post_attention_layernorm.weight [10]",
                                             "model.norm.weight [10]"};
  CHECK(texts == expected);
}

TEST_CASE("a tied model has no head, a gelu model no gate") {
  for (const auto& [kind, shape] : test::checkpoint_shapes()) {
    CAPTURE(kind);
    std::set<std::string> names;
    for (const LogicalTensor& tensor : logical_tensors(shape)) names.insert(tensor.name);
    CHECK(names.count("lm_head.weight") == (shape.tied_embeddings ? 0 : 1));
    CHECK(names.count("model.layers.0.mlp.up_proj.weight") == 1);
    CHECK(names.count("model.layers.0.mlp.gate_proj.weight") ==
          (shape.ffn == FfnKind::swiglu ? 1 : 0));
  }
}

TEST_CASE("logical tensors cover every parameter once and nothing else") {
  for (const auto& [kind, shape] : test::checkpoint_shapes()) {
    CAPTURE(kind);
    const ParameterLayout layout(shape);
    std::vector<int> n_covers(static_cast<std::size_t>(layout.size()));
    for (const Parameter& parameter : layout.parameters()) {
      for (std::int64_t i = parameter.range().begin; i < parameter.range().end; ++i) {
        ++n_covers[static_cast<std::size_t>(i)];
      }
    }
    for (const LogicalTensor& tensor : logical_tensors(shape)) {
      for (std::int64_t i = 0; i < tensor.size(); ++i) {
        --n_covers[static_cast<std::size_t>(tensor.first + i)];
      }
    }
    CHECK(n_covers == std::vector<int>(n_covers.size()));
  }
}

TEST_CASE("fused rows are q heads, k heads, v heads; gate, up") {
  const ModelShape shape = test::gqa_shape();
  const ParameterLayout layout(shape);
  std::vector<float> arena(static_cast<std::size_t>(layout.size()));
  std::iota(arena.begin(), arena.end(), 0.0f);
  const ModelTensors model =
      view_tensors(layout, Tensor{arena.data(), DType::f32, 1, layout.size()});
  const std::vector<LogicalTensor> tensors = logical_tensors(shape);
  const auto first_of = [&](std::size_t i) { return static_cast<float>(tensors[i].first); };
  const float* qkv = model.blocks[0].qkv.f32();
  CHECK(first_of(1) == qkv[0]);
  CHECK(first_of(2) == qkv[24 * 10]);
  CHECK(first_of(3) == qkv[(24 + 12) * 10]);
  CHECK(first_of(5) == model.blocks[0].gate_up.f32()[0]);
  CHECK(first_of(6) == model.blocks[0].gate_up.f32()[11 * 10]);
  CHECK(first_of(8) == model.head.f32()[0]);
  CHECK(first_of(9) == model.blocks[0].attention_norm.f32()[0]);
}

}  // namespace isoflop
