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

/// What the sidecar `dataset.json` of a data set says (docs/formats-data.md).
struct DatasetInfo {
  std::string name;
  /// "bytes": token = byte of text, and 0 starts a document; "raw_bytes": token = byte, all 256 are
  /// text, no separators. Any other name needs its own table of bytes per token in the sidecar.
  std::string tokenizer;
  std::int64_t vocab_size = 0;
  std::int64_t bytes_per_token_file = 1;  // 1, 2 or 4: uint8, uint16 or uint32 shards
  SplitInfo train, validation;
  std::string hash;    // of the content of all shards; enters every RunSpec
  std::string source;  // where the text came from, in words
  /// Made on demand and never repeated: train.tokens is a bound, not a size, and epochs mean
  /// nothing.
  bool generated = false;
};

/// Tokens to learn from. Everything is a pure function of its arguments: seekable, the same on any
/// machine, safe to call from several threads.
class Dataset {
 public:
  virtual ~Dataset() = default;
  [[nodiscard]] virtual const DatasetInfo& info() const = 0;

  /// Training sequence number `index` (step * batch_seqs + position in the batch) of the order that
  /// `seed` picks: `out.size()` = seq_len + 1 consecutive tokens, inputs and shifted targets. One
  /// epoch is floor(train.tokens / seq_len) sequences; within it no token is a target twice. Every
  /// epoch has an order of its own and cuts the text at places of its own.
  /// Throws Error(invalid_argument) if the split is shorter than one sequence.
  virtual void train_sequence(std::uint64_t seed, std::int64_t index,
                              std::span<std::int32_t> out) const = 0;

  /// Validation window number `index`: the same for every run of one seq_len. Windows overlap in
  /// one token, so that every token but the first is predicted once. The documents lie in the order
  /// of a hash of their content: the first windows are a fair sample of all.
  virtual void validation_sequence(std::int64_t index, std::span<std::int32_t> out) const = 0;
  /// How many such windows there are.
  [[nodiscard]] virtual std::int64_t validation_sequences(std::int64_t seq_len) const = 0;

  /// Bytes of text that token `t` stands for: the denominator of bits per byte. Size vocab_size.
  [[nodiscard]] virtual std::span<const std::uint8_t> token_bytes() const = 0;
};

/// Opens a folder written by build_dataset(). Throws Error(parse) naming the file if the sidecar is
/// malformed or the shards do not match it: in size; of up to 256 MiB in all of verify_dataset(),
/// of more in the bytes of text that the validation split stands for.
[[nodiscard]] std::unique_ptr<Dataset> open_dataset(const std::filesystem::path& folder);

/// Reads every token. Throws Error(parse) naming the file if the content does not have the
/// sidecar's hash, a token is not below vocab_size, or the tokens of a split do not stand for as
/// many bytes of text as the sidecar says.
void verify_dataset(const std::filesystem::path& folder);

/// A built-in source ("santafe", "markov") or the folder `name` below `data_root`. Throws
/// Error(invalid_argument) for a name with characters outside [A-Za-z0-9._-], and
/// Error(unavailable) naming the folder where there is none.
[[nodiscard]] std::unique_ptr<Dataset> find_dataset(const std::string& name,
                                                    const std::filesystem::path& data_root);

struct BuildOptions {
  std::string name;    // default: the folder's
  std::string source;  // free text, kept in the sidecar; default: the names of the files
  /// Share of the documents that is held out, by a hash of each document's content without
  /// blanks at the ends of its lines: the same document falls on the same side in every build, and
  /// copies of one document fall on one side, whatever their line ends.
  double validation_share = 0.05;
  /// A document ends at each line equal to this; a file without one is one document. Empty: at
  /// blank lines once a document has `min_document_bytes`. A document also ends with its file, and
  /// at 64 MiB.
  std::string document_separator;
  std::int64_t min_document_bytes = 4096;
};

/// Text files to token shards: `<out>/{train,validation}.bin` and the sidecar, which is written
/// last, so that a folder with a sidecar is whole. Byte-level: each document is token 0, then its
/// bytes. Training keeps the order of the input; validation is ordered by content hash, copies kept
/// once. Streams: memory is bounded by the longest document. Of two builds
/// into one folder one wins whole. Throws Error(invalid_argument) for the name of a built-in
/// source, naming file and offset of a NUL byte, and for an empty input or one that leaves a split
/// without a document.
DatasetInfo build_dataset(std::span<const std::filesystem::path> text_files,
                          const std::filesystem::path& out, const BuildOptions& options = {});

/// The "Santa Fe" process (arXiv:2302.09049): records of a 3-byte key, Zipf distributed over n_keys
/// ranks (p_k ~ k^-zipf_exponent) that a fixed bijection scatters over the keys, and a value byte
/// that is a fixed random function of the key. Its entropy is known, and so is what no learner can
/// beat: L(n) = E + log2(256) sum_k p_k (1 - p_k)^n / 4 bits per byte after n records.
struct SantaFeOptions {
  double zipf_exponent = 1.2;                   // > 0
  std::int64_t n_keys = std::int64_t{1} << 24;  // 1 ... 2^24
  std::uint64_t seed = 0;                       // of the key-to-value function
};
/// Irreducible loss E = H(key) / 4 in bits per byte, to 1e-12.
[[nodiscard]] double santa_fe_entropy(const SantaFeOptions& options = {});
/// No predictor of any size, having seen `n_records`, can be below this in expectation over the
/// value function [bits/byte]. The seq_len / 4 records visible in the window count as seen.
[[nodiscard]] double santa_fe_lower_bound(double n_records, std::int64_t seq_len,
                                          const SantaFeOptions& options = {});
/// Throws Error(invalid_argument) for options outside their domain.
[[nodiscard]] std::unique_ptr<Dataset> make_santa_fe(const SantaFeOptions& options = {});

/// An order-1 Markov chain: the control that has an exact entropy and no power law. From symbol x,
/// with probability 15/16 on to permutation c of x, c = 0 ... n_branches - 1 with weights 1/2, 1/4,
/// ... (the last two equal), else to any symbol. Every symbol is equally frequent.
struct MarkovOptions {
  std::int64_t n_symbols = 64;  // 2 ... 256
  std::int64_t n_branches = 4;  // 1 ... 16
  std::uint64_t seed = 0;       // of the permutations
};
/// Entropy rate in bits per symbol (= byte), exact.
[[nodiscard]] double markov_entropy(const MarkovOptions& options = {});
/// Throws Error(invalid_argument) for options outside their domain.
[[nodiscard]] std::unique_ptr<Dataset> make_markov(const MarkovOptions& options = {});

}  // namespace isoflop
