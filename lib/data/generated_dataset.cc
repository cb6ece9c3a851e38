// SPDX-License-Identifier: Apache-2.0
#include "data/generated_dataset.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "base/rng.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

constexpr std::int64_t kTrainTokens = 1'000'000'000'000'000'000;
constexpr std::int64_t kValidationTokens = 100'000'000;
// mix_bits is a bijection, so that no training seed but this one gets the validation stream, and
// that one gets the next key instead.
constexpr std::uint64_t kValidationKey = 0x76616c6964617465;

std::uint64_t train_key(std::uint64_t seed) {
  const std::uint64_t key = mix_bits(seed);
  return key == kValidationKey ? key + 1 : key;
}

}  // namespace

bool is_generated_name(std::string_view name) {
  return std::find(kGeneratedNames.begin(), kGeneratedNames.end(), name) != kGeneratedNames.end();
}

GeneratedDataset::GeneratedDataset(std::string name, std::int64_t vocab_size,
                                   std::string description)
    : token_bytes_(static_cast<std::size_t>(vocab_size), 1) {
  info_.name = std::move(name);
  info_.tokenizer = "raw_bytes";
  info_.vocab_size = vocab_size;
  info_.train = {kTrainTokens, kTrainTokens, 0};
  info_.validation = {kValidationTokens, kValidationTokens, 0};
  info_.hash = hash_hex(description);
  info_.source = "generated: " + std::move(description);
  info_.generated = true;
}

void GeneratedDataset::train_sequence(std::uint64_t seed, std::int64_t index,
                                      std::span<std::int32_t> out) const {
  const auto seq_len = static_cast<std::int64_t>(out.size()) - 1;
  if (seq_len < 1 || index < 0 || index >= kTrainTokens / seq_len) {
    throw Error(ErrorCode::invalid_argument, info_.name + ": no training sequence " +
                                                 std::to_string(index) + " of seq_len " +
                                                 std::to_string(seq_len));
  }
  generate(train_key(seed), index * seq_len, out);
}

void GeneratedDataset::validation_sequence(std::int64_t index, std::span<std::int32_t> out) const {
  const auto seq_len = static_cast<std::int64_t>(out.size()) - 1;
  if (seq_len < 1 || index < 0 || index >= validation_sequences(seq_len)) {
    throw Error(ErrorCode::invalid_argument, info_.name + ": no validation window " +
                                                 std::to_string(index) + " of seq_len " +
                                                 std::to_string(seq_len));
  }
  generate(kValidationKey, index * seq_len, out);
}

std::int64_t GeneratedDataset::validation_sequences(std::int64_t seq_len) const {
  return seq_len < 1 ? 0 : (kValidationTokens - 1) / seq_len;
}

}  // namespace isoflop
