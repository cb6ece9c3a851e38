// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "isoflop/model_shape.h"
#include "support/catch.h"
#include "train/network/transformer.h"
#include "train/ranks/solo_communicator.h"

namespace isoflop {
namespace {

/// FLOPs that the backend counts in one forward and backward pass.
std::int64_t counted_step_flops(const ModelShape& shape, std::int64_t n_seqs) {
  const auto backend = make_cpu_backend();
  const ParameterLayout layout(shape);
  const auto memory = backend->allocate(layout.size() * 4);
  const auto gradient_memory = backend->allocate(layout.size() * 4);
  const std::int64_t n_rows = n_seqs * shape.seq_len;
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(n_rows));
  std::vector<float> losses(tokens.size());
  const Tensor ids{tokens.data(), DType::i32, n_rows, 1};
  SoloCommunicator solo;
  Transformer transformer(*backend, solo, shape, DType::f32, n_seqs);
  ModelTensors gradients =
      view_tensors(layout, {gradient_memory->data(), DType::f32, layout.size(), 1});
  const std::int64_t before = backend->counted_flops();
  transformer.accumulate_gradients(
      view_tensors(layout, {memory->data(), DType::f32, layout.size(), 1}), ids, ids, 1.0f,
      gradients, {losses.data(), DType::f32, n_rows, 1});
  return backend->counted_flops() - before;
}

std::vector<ModelShape> step_shapes() {
  using enum FfnKind;
  std::vector<ModelShape> shapes;
  for (const bool tied : {false, true}) {
    for (const FfnKind ffn : {swiglu, gelu}) {
      shapes.push_back({1, 16, 1, 1, 16, 48, 256, 32, ffn, tied});  // multi-head
      shapes.push_back({2, 24, 4, 4, 6, 64, 257, 33, ffn, tied});   // odd vocabulary and length
      shapes.push_back({3, 24, 4, 2, 6, 64, 50, 20, ffn, tied});    // grouped queries
      shapes.push_back({1, 40, 5, 1, 8, 107, 31, 17, ffn, tied});   // one key/value head
      shapes.push_back({2, 17, 3, 3, 2, 5, 3, 7, ffn, tied});       // odd everything
      shapes.push_back({1, 12, 6, 2, 10, 1, 2, 65, ffn, tied});     // heads wider than the model
      shapes.push_back({4, 32, 2, 1, 4, 88, 128, 128, ffn, tied});  // heads narrower
      shapes.push_back({1, 8, 2, 2, 4, 24, 16, 1, ffn, tied});      // one token
      shapes.push_back({2, 64, 2, 2, 32, 176, 256, 130, ffn, tied});
    }
  }
  return shapes;
}

}  // namespace

TEST_CASE("the FLOPs counted in one training step are exact_step_flops to the last integer") {
  const std::vector<ModelShape> shapes = step_shapes();
  REQUIRE(shapes.size() >= 30);
  for (const ModelShape& shape : shapes) {
    for (const std::int64_t n_seqs : {1, 3}) {
      INFO(short_name(shape) << " kv " << shape.n_kv_heads << " seq " << shape.seq_len);
      CHECK(counted_step_flops(shape, n_seqs) == exact_step_flops(shape, n_seqs));
    }
  }
}

}  // namespace isoflop
