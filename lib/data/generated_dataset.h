// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "isoflop/dataset.h"

namespace isoflop {

/// The names of the built-in sources, which no folder can have: find_dataset() means the source.
inline constexpr std::array<std::string_view, 2> kGeneratedNames = {"santafe", "markov"};
[[nodiscard]] bool is_generated_name(std::string_view name);

/// A source that makes its tokens when asked: endless streams, each a pure function of its number.
/// Every training seed reads a stream of its own, validation one that no seed can pick. Each token
/// is one byte of text.
class GeneratedDataset : public Dataset {
 public:
  [[nodiscard]] const DatasetInfo& info() const final { return info_; }
  void train_sequence(std::uint64_t seed, std::int64_t index,
                      std::span<std::int32_t> out) const final;
  void validation_sequence(std::int64_t index, std::span<std::int32_t> out) const final;
  [[nodiscard]] std::int64_t validation_sequences(std::int64_t seq_len) const final;
  [[nodiscard]] std::span<const std::uint8_t> token_bytes() const final { return token_bytes_; }

 protected:
  /// `description` names every option: the hash is made from it.
  GeneratedDataset(std::string name, std::int64_t vocab_size, std::string description);

  /// Tokens first ... first + out.size() - 1 of the stream with this key.
  virtual void generate(std::uint64_t stream_key, std::int64_t first,
                        std::span<std::int32_t> out) const = 0;

 private:
  DatasetInfo info_;
  std::vector<std::uint8_t> token_bytes_;
};

}  // namespace isoflop
