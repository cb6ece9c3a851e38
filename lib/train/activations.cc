// SPDX-License-Identifier: Apache-2.0
#include "train/activations.h"

#include "isoflop/error.h"

namespace isoflop {
namespace {

std::int64_t aligned(std::int64_t n_floats) { return (n_floats + 15) / 16 * 16; }  // 64 bytes

}  // namespace

/// Calls visit(tensor, cols) in the order in which the tensors lie in memory.
template <class Visit>
void Activations::for_each_tensor(Visit visit) {
  const ModelShape& s = shape_;
  const std::int64_t qkv_cols = (s.n_heads + 2 * s.n_kv_heads) * s.d_head;
  const std::int64_t gate_up_cols = (s.ffn == FfnKind::swiglu ? 2 : 1) * s.d_ff;
  visit(residual_in, s.d_model);
  for (BlockActivations& block : blocks) {
    visit(block.attention_normed, s.d_model);
    visit(block.attention_inverse_rms, 1);
    visit(block.qkv, qkv_cols);
    visit(block.attention, s.n_heads * s.d_head);
    visit(block.log_sum_exp, s.n_heads);
    visit(block.residual_mid, s.d_model);
    visit(block.ffn_normed, s.d_model);
    visit(block.ffn_inverse_rms, 1);
    visit(block.gate_up, gate_up_cols);
    visit(block.act, s.d_ff);
    visit(block.residual_out, s.d_model);
  }
  visit(normed, s.d_model);
  visit(inverse_rms, 1);
  visit(logits, s.vocab_size);
  visit(gradients.residual, s.d_model);
  visit(gradients.normed, s.d_model);
  visit(gradients.attention, s.n_heads * s.d_head);
  visit(gradients.qkv, qkv_cols);
  visit(gradients.act, s.d_ff);
}

Activations::Activations(const ModelShape& shape)
    : blocks(static_cast<std::size_t>(shape.n_layers)), shape_(shape) {}

Activations::Activations(Backend& backend, const ModelShape& shape, std::int64_t max_rows)
    : Activations(shape) {
  max_rows_ = max_rows;
  buffer_ = backend.allocate(size(shape, max_rows) * size_of(DType::f32));
  auto* next = static_cast<float*>(buffer_->data());
  for_each_tensor([&](Tensor& tensor, std::int64_t cols) {
    tensor = {next, DType::f32, max_rows, cols};
    next += aligned(tensor.size());
  });
}

void Activations::set_rows(std::int64_t n_rows) {
  ISOFLOP_CHECK(n_rows >= 0 && n_rows <= max_rows_, "more rows than were allocated");
  for_each_tensor([&](Tensor& tensor, std::int64_t) { tensor.rows = n_rows; });
}

std::int64_t Activations::size(const ModelShape& shape, std::int64_t max_rows) {
  std::int64_t total = 0;
  Activations(shape).for_each_tensor(
      [&](Tensor&, std::int64_t cols) { total += aligned(max_rows * cols); });
  return total;
}

}  // namespace isoflop
