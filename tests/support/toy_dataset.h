// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "base/rng.h"
#include "isoflop/dataset.h"
#include "isoflop/run_spec.h"

namespace isoflop::test {

/// A Markov chain on 0 ... vocab - 1 that is uniform taken token by token: with probability
/// `1 - noise` the successor of t is 5 t + 3 (mod vocab), else any token. Token 0 stands for no
/// text, all others for one byte.
class ToyDataset : public Dataset {
 public:
  explicit ToyDataset(std::int64_t vocab_size = 16, double noise = 0.2) : noise_(noise) {
    info_.name = "toy";
    info_.hash = "toy-hash";
    info_.vocab_size = vocab_size;
    token_bytes_.assign(static_cast<std::size_t>(vocab_size), 1);
    token_bytes_[0] = 0;
  }

  [[nodiscard]] const DatasetInfo& info() const override { return info_; }
  void train_sequence(std::uint64_t seed, std::int64_t index,
                      std::span<std::int32_t> out) const override {
    fill(Rng(mix_bits(seed) + 1, static_cast<std::uint64_t>(index)), out);
  }
  void validation_sequence(std::int64_t index, std::span<std::int32_t> out) const override {
    fill(Rng(0, static_cast<std::uint64_t>(index)), out);
  }
  [[nodiscard]] std::int64_t validation_sequences(std::int64_t) const override { return 1000; }
  [[nodiscard]] std::span<const std::uint8_t> token_bytes() const override { return token_bytes_; }

  /// Of the next token given the last one, in nats: no predictor is better.
  [[nodiscard]] double entropy() const {
    const auto vocab = static_cast<double>(info_.vocab_size);
    const double other = noise_ / vocab, usual = 1 - noise_ + other;
    return -usual * std::log(usual) - (vocab - 1) * other * std::log(other);
  }
  [[nodiscard]] double unigram_entropy() const {
    return std::log(static_cast<double>(info_.vocab_size));
  }

 private:
  void fill(const Rng& rng, std::span<std::int32_t> out) const {
    const auto vocab = static_cast<std::uint64_t>(info_.vocab_size);
    std::uint64_t token = rng.below(vocab, 0);
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = static_cast<std::int32_t>(token);
      const bool jump = rng.uniform(2 * i + 1) < noise_;
      token = jump ? rng.below(vocab, 2 * i + 2) : (5 * token + 3) % vocab;
    }
  }

  double noise_;
  DatasetInfo info_;
  std::vector<std::uint8_t> token_bytes_;
};

/// A run of a fraction of a second on that source.
inline RunSpec toy_spec() {
  RunSpec spec;
  spec.shape = {.n_layers = 2,
                .d_model = 16,
                .n_heads = 2,
                .n_kv_heads = 1,
                .d_head = 8,
                .d_ff = 40,
                .vocab_size = 16,
                .seq_len = 16};
  spec.dataset = "toy";
  spec.dataset_hash = "toy-hash";
  spec.batch_tokens = 8 * 16;
  spec.n_steps = 20;
  spec.warmup_steps = 4;
  spec.peak_lr = 0.01;
  spec.init_std = 0.05;
  spec.micro_batch_seqs = 2;
  spec.data_parallel = 4;
  spec.seed = 5;
  spec.validation_tokens = 7 * 16;
  return spec;
}

}  // namespace isoflop::test
