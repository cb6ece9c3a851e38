// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace isoflop {

/// One split of a data set.
struct SplitInfo {
  std::int64_t tokens = 0;
  std::int64_t bytes = 0;  // of text; document separators stand for none
  std::int64_t documents = 0;
  bool operator==(const SplitInfo&) const = default;
};

/// What the sidecar `dataset.json` of a data set says.
struct DatasetInfo {
  std::string name;
  std::string tokenizer;  // "bytes": token = byte, and 0 separates documents
  std::int64_t vocab_size = 0;
  std::int64_t bytes_per_token_file = 1;  // 1, 2 or 4: uint8, uint16 or uint32 shards
  SplitInfo train, validation;
  std::string hash;    // of the content of all shards; enters every RunSpec
  std::string source;  // where the text came from, in words
};

/// Tokens to learn from. Everything is a pure function of its arguments: seekable, the same on any
/// machine, safe to call from several threads.
class Dataset {
 public:
  virtual ~Dataset() = default;
  [[nodiscard]] virtual const DatasetInfo& info() const = 0;

  /// Training sequence number `index` (step * batch_seqs + position in the batch) of the order that
  /// `seed` picks: `out.size()` = seq_len + 1 consecutive tokens, inputs and shifted targets.
  /// Within one epoch no window of the data is drawn twice; every epoch has an order of its own.
  virtual void train_sequence(std::uint64_t seed, std::int64_t index,
                              std::span<std::int32_t> out) const = 0;

  /// Validation window number `index`: the same for every run of one seq_len. Windows overlap in
  /// one token, so that every token but the first is predicted once.
  virtual void validation_sequence(std::int64_t index, std::span<std::int32_t> out) const = 0;
  /// How many such windows there are.
  [[nodiscard]] virtual std::int64_t validation_sequences(std::int64_t seq_len) const = 0;

  /// Bytes of text that token `t` stands for: the denominator of bits per byte. Size vocab_size.
  [[nodiscard]] virtual std::span<const std::uint8_t> token_bytes() const = 0;
};

/// Opens a folder written by build_dataset(). Throws Error(parse) if the sidecar is malformed or
/// the shards do not match it in size.
[[nodiscard]] std::unique_ptr<Dataset> open_dataset(const std::filesystem::path& folder);

/// `name` as a folder below `data_root`, or a built-in source ("santafe", "markov"), which need no
/// folder. Throws Error(invalid_argument) for a name with characters outside [A-Za-z0-9._-], and
/// Error(unavailable) naming the folder where there is none.
[[nodiscard]] std::unique_ptr<Dataset> find_dataset(const std::string& name,
                                                    const std::filesystem::path& data_root);

struct BuildOptions {
  std::string name;    // default: the folder's
  std::string source;  // free text, kept in the sidecar
  /// Share of the documents that is held out, by a hash of each document's content: the same
  /// document falls on the same side in every build, and copies of one document fall on one side.
  double validation_share = 0.05;
  /// A document ends at each line equal to this; a file without one is one document. Empty: at
  /// blank lines once a document has `min_document_bytes`.
  std::string document_separator;
  std::int64_t min_document_bytes = 4096;
};

/// Text files to token shards: `<out>/{train,validation}.bin` and the sidecar, which is written
/// last. Byte-level: token = byte, document separator = token 0, which text must not contain.
/// Throws Error(invalid_argument) naming the file and offset of a NUL byte, or an empty input.
DatasetInfo build_dataset(std::span<const std::filesystem::path> text_files,
                          const std::filesystem::path& out, const BuildOptions& options = {});

/// A synthetic source whose entropy is known: FACTS of the process in docs/laws.md. Records of a
/// 3-byte key, Zipf distributed, and a value byte that is a fixed random function of the key: the
/// "Santa Fe" process (arXiv:2302.09049).
struct SantaFeOptions {
  double zipf_exponent = 1.2;
  std::int64_t n_keys = std::int64_t{1} << 24;
  std::uint64_t seed = 0;  // of the key-to-value function
};
/// Irreducible loss in bits per byte, to 1e-12.
[[nodiscard]] double santa_fe_entropy(const SantaFeOptions& options = {});
/// No predictor of any size, having seen `n_records`, can be below this in expectation [bits/byte].
[[nodiscard]] double santa_fe_lower_bound(double n_records, std::int64_t seq_len,
                                          const SantaFeOptions& options = {});
[[nodiscard]] std::unique_ptr<Dataset> make_santa_fe(const SantaFeOptions& options = {});

}  // namespace isoflop
