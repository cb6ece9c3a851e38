// SPDX-License-Identifier: Apache-2.0
#include "train/network/batch.h"

#include <algorithm>

#include "isoflop/error.h"

namespace isoflop {

Batch::Batch(Backend& backend, std::int64_t seq_len, std::int64_t max_seqs)
    : backend_(backend), seq_len_(seq_len), max_seqs_(max_seqs) {
  const std::int64_t n_rows = max_seqs * seq_len;
  window_.resize(static_cast<std::size_t>(seq_len + 1));
  host_losses_.resize(static_cast<std::size_t>(n_rows));
  tokens_ = backend.allocate(2 * n_rows * size_of(DType::i32));
  host_tokens_ = backend.make_staging(2 * n_rows * size_of(DType::i32));
  losses_ = backend.allocate(n_rows * size_of(DType::f32));
}

Tensor Batch::tokens(std::int64_t first, std::int64_t n) const {
  return rows(tokens_->data(), DType::i32, first, n);
}

Tensor Batch::targets(std::int64_t first, std::int64_t n) const {
  return rows(static_cast<std::int32_t*>(tokens_->data()) + max_rows(), DType::i32, first, n);
}

Tensor Batch::losses(std::int64_t first, std::int64_t n) const {
  return rows(losses_->data(), DType::f32, first, n);
}

void Batch::fetch_losses() {
  backend_.download(host_losses_.data(), losses_->data(), n_seqs_ * seq_len_ * size_of(DType::f32));
}

std::span<const float> Batch::host_losses(std::int64_t sequence) const {
  return {host_losses_.data() + sequence * seq_len_, static_cast<std::size_t>(seq_len_)};
}

std::span<const std::int32_t> Batch::host_targets(std::int64_t sequence) const {
  return {host_inputs_ + max_rows() + sequence * seq_len_, static_cast<std::size_t>(seq_len_)};
}

std::int64_t Batch::size(std::int64_t seq_len, std::int64_t max_seqs) {
  return 4 * (6 * max_seqs * seq_len + seq_len + 1);
}

void Batch::begin_loading(std::int64_t n_seqs) {
  ISOFLOP_CHECK(n_seqs <= max_seqs_, "more sequences than there is room for");
  n_seqs_ = n_seqs;
  host_inputs_ = static_cast<std::int32_t*>(host_tokens_->wait());
}

void Batch::append_window(std::int64_t sequence) {
  const std::int64_t row = sequence * seq_len_;
  std::copy(window_.begin(), window_.end() - 1, host_inputs_ + row);
  std::copy(window_.begin() + 1, window_.end(), host_inputs_ + max_rows() + row);
}

void Batch::end_loading() { host_tokens_->send(tokens_->data()); }

Tensor Batch::rows(void* data, DType dtype, std::int64_t first, std::int64_t n) const {
  return Tensor{data, dtype, max_rows(), 1}.slice(first * seq_len_, n * seq_len_);
}

}  // namespace isoflop
