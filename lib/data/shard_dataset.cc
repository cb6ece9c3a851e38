// SPDX-License-Identifier: Apache-2.0
#include "data/shard_dataset.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "base/text.h"
#include "data/batch_order.h"
#include "data/dataset_json.h"
#include "data/generated_dataset.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

/// Half a second to read and hash.
constexpr std::int64_t kQuickBytes = std::int64_t{256} << 20;

class ShardDataset final : public Dataset {
 public:
  ShardDataset(const std::filesystem::path& folder, Sidecar sidecar)
      : folder_(folder),
        sidecar_(std::move(sidecar)),
        train_(open_split(folder / kTrainName, sidecar_.info.train)),
        validation_(open_split(folder / kValidationName, sidecar_.info.validation)) {}

  [[nodiscard]] const DatasetInfo& info() const override { return sidecar_.info; }

  void train_sequence(std::uint64_t seed, std::int64_t index,
                      std::span<std::int32_t> out) const override {
    const auto seq_len = static_cast<std::int64_t>(out.size()) - 1;
    if (seq_len < 1 || train_.size() <= seq_len || index < 0) {
      throw Error(ErrorCode::invalid_argument,
                  train_.path().string() + ": has " + std::to_string(train_.size()) +
                      " tokens; no training sequence " + std::to_string(index) + " of seq_len " +
                      std::to_string(seq_len));
    }
    const std::int64_t start = train_window_start(seed, index, train_.size(), seq_len);
    const auto before_end = static_cast<std::size_t>(
        std::min(train_.size() - start, static_cast<std::int64_t>(out.size())));
    train_.read(start, out.first(before_end));
    train_.read(0, out.subspan(before_end));
  }

  void validation_sequence(std::int64_t index, std::span<std::int32_t> out) const override {
    const auto seq_len = static_cast<std::int64_t>(out.size()) - 1;
    if (seq_len < 1 || index < 0 || index >= validation_sequences(seq_len)) {
      throw Error(ErrorCode::invalid_argument,
                  validation_.path().string() + ": has " + std::to_string(validation_.size()) +
                      " tokens; no validation window " + std::to_string(index) + " of seq_len " +
                      std::to_string(seq_len));
    }
    validation_.read(index * seq_len, out);
  }

  [[nodiscard]] std::int64_t validation_sequences(std::int64_t seq_len) const override {
    return seq_len < 1 ? 0 : (validation_.size() - 1) / seq_len;
  }

  [[nodiscard]] std::span<const std::uint8_t> token_bytes() const override {
    return sidecar_.token_bytes;
  }

  /// All of a small data set; of a large one the split that bits per byte are measured on.
  void verify_what_is_quick() const {
    if (train_.n_bytes() + validation_.n_bytes() <= kQuickBytes) return verify();
    if (validation_.n_bytes() <= kQuickBytes) verify_split("validation", validation_);
  }

  void verify() const {
    verify_split("train", train_);
    verify_split("validation", validation_);
    const std::string hash = content_hash(sidecar_, train_, validation_);
    if (hash != info().hash) {
      refuse("/hash", "is " + info().hash + ", but the shards" +
                          (implied_token_bytes(info().tokenizer, info().vocab_size).empty()
                               ? " and token_bytes have "
                               : " have ") +
                          hash);
    }
  }

 private:
  [[nodiscard]] TokenFile open_split(const std::filesystem::path& file,
                                     const SplitInfo& split) const {
    return {file, split.tokens, sidecar_.info.bytes_per_token_file, sidecar_.info.vocab_size};
  }

  [[noreturn]] void refuse(const std::string& path, const std::string& what) const {
    throw Error(ErrorCode::parse, (folder_ / kSidecarName).string() + ": " + path + ": " + what);
  }

  // Every token is one of the vocabulary, and together they stand for the bytes that are stated.
  void verify_split(const std::string& name, const TokenFile& tokens) const {
    const SplitInfo& split = name == "train" ? info().train : info().validation;
    std::vector<std::int32_t> block(std::size_t{1} << 16);
    std::int64_t n_bytes = 0;
    for (std::int64_t first = 0; first < tokens.size(); first += std::ssize(block)) {
      block.resize(static_cast<std::size_t>(std::min(tokens.size() - first, std::ssize(block))));
      tokens.read(first, block);
      for (const std::int32_t token : block) {
        n_bytes += sidecar_.token_bytes[static_cast<std::size_t>(token)];
      }
    }
    if (n_bytes == split.bytes) return;
    refuse("/splits/" + name + "/bytes", "is " + std::to_string(split.bytes) +
                                             ", but by token_bytes the shard's tokens stand for " +
                                             std::to_string(n_bytes) +
                                             "; bits per byte would be wrong");
  }

  std::filesystem::path folder_;
  Sidecar sidecar_;
  TokenFile train_, validation_;
};

}  // namespace

std::string content_hash(const Sidecar& sidecar, const TokenFile& train,
                         const TokenFile& validation) {
  const DatasetInfo& info = sidecar.info;
  const std::string head =
      "isoflop.dataset/1 " + info.tokenizer + " " + std::to_string(info.bytes_per_token_file) +
      " " + std::to_string(train.size()) + " " + std::to_string(validation.size()) + "\n";
  Hasher hasher;
  hasher.add(std::as_bytes(std::span(head)));
  if (implied_token_bytes(info.tokenizer, info.vocab_size).empty()) {
    hasher.add(std::as_bytes(std::span(sidecar.token_bytes)));
  }
  const auto add = [&](std::span<const std::byte> block) { hasher.add(block); };
  train.for_each_block(add);
  validation.for_each_block(add);
  return hasher.hex();
}

std::unique_ptr<Dataset> open_dataset(const std::filesystem::path& folder) {
  auto dataset = std::make_unique<ShardDataset>(folder, load_sidecar(folder / kSidecarName));
  dataset->verify_what_is_quick();
  return dataset;
}

void verify_dataset(const std::filesystem::path& folder) {
  const ShardDataset dataset(folder, load_sidecar(folder / kSidecarName));
  dataset.verify();
}

std::unique_ptr<Dataset> find_dataset(const std::string& name,
                                      const std::filesystem::path& data_root) {
  if (!is_safe_name(name)) {
    throw Error(ErrorCode::invalid_argument, "dataset \"" + name +
                                                 "\": a name is 1 to 100 of [A-Za-z0-9._-] and "
                                                 "does not start with a dot");
  }
  if (name == "santafe") return make_santa_fe();
  if (name == "markov") return make_markov();
  const std::filesystem::path folder = data_root / name;
  std::error_code ignored;
  if (!std::filesystem::exists(folder / kSidecarName, ignored)) {
    throw Error(ErrorCode::unavailable,
                folder.string() +
                    ": no data set here (no dataset.json); make it with `isoflop data "
                    "build --out " +
                    folder.string() + " TEXT...`, or use a built-in source: santafe, markov");
  }
  return open_dataset(folder);
}

}  // namespace isoflop
