// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "train/contract/backend.h"

namespace isoflop {

/// The tokens of some sequences, on the host and on a backend, and room for the loss of each.
class Batch {
 public:
  Batch(Backend& backend, std::int64_t seq_len, std::int64_t max_seqs);

  /// read(i, out) writes the seq_len + 1 tokens of sequence i.
  template <class Read>
  void load(std::int64_t n_seqs, Read read) {
    begin_loading(n_seqs);
    for (std::int64_t i = 0; i < n_seqs; ++i) {
      read(i, std::span<std::int32_t>(window_));
      append_window(i);
    }
    end_loading();
  }

  /// Inputs, next tokens and losses of `n` sequences from number `first` on, on the backend.
  [[nodiscard]] Tensor tokens(std::int64_t first, std::int64_t n) const;
  [[nodiscard]] Tensor targets(std::int64_t first, std::int64_t n) const;
  [[nodiscard]] Tensor losses(std::int64_t first, std::int64_t n) const;

  /// Copies the losses of all loaded sequences to the host. Synchronises.
  void fetch_losses();
  [[nodiscard]] std::span<const float> host_losses(std::int64_t sequence) const;
  [[nodiscard]] std::span<const std::int32_t> host_targets(std::int64_t sequence) const;

  [[nodiscard]] std::int64_t max_seqs() const { return max_seqs_; }
  /// Bytes that an object takes, host and backend together.
  [[nodiscard]] static std::int64_t size(std::int64_t seq_len, std::int64_t max_seqs);

 private:
  void begin_loading(std::int64_t n_seqs);
  void append_window(std::int64_t sequence);
  void end_loading();
  [[nodiscard]] Tensor rows(void* data, DType dtype, std::int64_t first, std::int64_t n) const;
  [[nodiscard]] std::int64_t max_rows() const { return max_seqs_ * seq_len_; }

  Backend& backend_;
  std::int64_t seq_len_, max_seqs_, n_seqs_ = 0;
  std::vector<std::int32_t> window_;
  std::unique_ptr<Buffer> tokens_, losses_;  // inputs, then targets
  std::unique_ptr<Staging> host_tokens_;
  std::int32_t* host_inputs_ = nullptr;  // and targets behind them
  std::vector<float> host_losses_;
};

}  // namespace isoflop
