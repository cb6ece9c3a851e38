// SPDX-License-Identifier: Apache-2.0
#include "train/network/activations.h"

#include "isoflop/error.h"

namespace isoflop {
namespace {

std::int64_t bytes_of(const Tensor& tensor) {
  return (tensor.size() * size_of(tensor.dtype) + 63) / 64 * 64;
}

}  // namespace

/// Calls visit(tensor, cols, dtype) in the order in which the tensors lie in memory.
template <class Visit>
void Activations::for_each_tensor(Visit visit) {
  const ModelShape& s = shape_;
  const std::int64_t qkv_cols = (s.n_heads + 2 * s.n_kv_heads) * s.d_head;
  const std::int64_t gate_up_cols = (s.ffn == FfnKind::swiglu ? 2 : 1) * s.d_ff;
  constexpr DType kExact = DType::f32;  // statistics
  visit(residual_in, s.d_model, dtype_);
  for (BlockActivations& block : blocks) {
    visit(block.attention_normed, s.d_model, dtype_);
    visit(block.attention_inverse_rms, 1, kExact);
    visit(block.qkv, qkv_cols, dtype_);
    visit(block.attention, s.n_heads * s.d_head, dtype_);
    visit(block.log_sum_exp, s.n_heads, kExact);
    visit(block.residual_mid, s.d_model, dtype_);
    visit(block.ffn_normed, s.d_model, dtype_);
    visit(block.ffn_inverse_rms, 1, kExact);
    visit(block.gate_up, gate_up_cols, dtype_);
    visit(block.act, s.d_ff, dtype_);
    visit(block.residual_out, s.d_model, dtype_);
  }
  visit(normed, s.d_model, dtype_);
  visit(inverse_rms, 1, kExact);
  visit(logits, s.vocab_size, dtype_);
  visit(gradients.residual, s.d_model, dtype_);
  visit(gradients.normed, s.d_model, dtype_);
  visit(gradients.attention, s.n_heads * s.d_head, dtype_);
  visit(gradients.qkv, qkv_cols, dtype_);
  visit(gradients.act, s.d_ff, dtype_);
}

Activations::Activations(const ModelShape& shape, DType dtype)
    : blocks(static_cast<std::size_t>(shape.n_layers)), shape_(shape), dtype_(dtype) {}

Activations::Activations(Backend& backend, const ModelShape& shape, DType dtype,
                         std::int64_t max_rows)
    : Activations(shape, dtype) {
  max_rows_ = max_rows;
  buffer_ = backend.allocate(size(shape, dtype, max_rows));
  auto* next = static_cast<std::byte*>(buffer_->data());
  for_each_tensor([&](Tensor& tensor, std::int64_t cols, DType type) {
    tensor = {next, type, max_rows, cols};
    next += bytes_of(tensor);
  });
}

void Activations::set_rows(std::int64_t n_rows) {
  ISOFLOP_CHECK(n_rows >= 0 && n_rows <= max_rows_, "more rows than were allocated");
  for_each_tensor([&](Tensor& tensor, std::int64_t, DType) { tensor.rows = n_rows; });
}

std::int64_t Activations::size(const ModelShape& shape, DType dtype, std::int64_t max_rows) {
  std::int64_t total = 0;
  Activations(shape, dtype).for_each_tensor([&](Tensor&, std::int64_t cols, DType type) {
    total += bytes_of({nullptr, type, max_rows, cols});
  });
  return total;
}

}  // namespace isoflop
