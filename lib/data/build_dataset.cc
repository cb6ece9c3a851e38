// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/hash.h"
#include "base/output_path.h"
#include "base/text.h"
#include "base/utf8.h"
#include "data/dataset_json.h"
#include "data/document_reader.h"
#include "data/generated_dataset.h"
#include "data/normal_form.h"
#include "data/publish_lock.h"
#include "data/shard_dataset.h"
#include "data/shard_writer.h"
#include "isoflop/dataset.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

constexpr std::string_view kDocumentStart("\0", 1);

// Where a held-out document lies in the spool, and what decides its place in the shard.
struct HeldOut {
  std::uint64_t hash;
  std::int64_t first, size;
};

// Of the normal form: copies of a document that were saved in different ways fall on one side.
std::uint64_t content_number(std::string_view document) {
  const std::string hex = hash_hex(normal_form(document));
  std::uint64_t number = 0;
  std::from_chars(hex.data(), hex.data() + hex.size(), number, 16);
  return number;
}

void add_document(std::string_view document, ShardWriter& shard, SplitInfo& split) {
  shard.append(kDocumentStart);
  shard.append(document);
  split.bytes += static_cast<std::int64_t>(document.size());
  split.tokens += static_cast<std::int64_t>(document.size()) + 1;
  split.documents += 1;
}

// A run evaluates on the first tokens of the validation split. In the order of the input these
// would be, say, the letter A of a dictionary; in the order of the hash they are a sample of
// everything.
void write_held_out(std::vector<HeldOut>& documents, const ShardWriter& spool,
                    std::int64_t spool_bytes, ShardWriter& shard, SplitInfo& split) {
  std::sort(documents.begin(), documents.end(), [](const HeldOut& a, const HeldOut& b) {
    return std::pair(a.hash, a.first) < std::pair(b.hash, b.first);
  });
  const auto same = [](const HeldOut& a, const HeldOut& b) { return a.hash == b.hash; };
  documents.erase(std::unique(documents.begin(), documents.end(), same), documents.end());
  const TokenFile text(spool.temporary(), spool_bytes, 1, 256);
  std::string document;
  for (const HeldOut& held_out : documents) {
    document.resize(static_cast<std::size_t>(held_out.size));
    text.read_bytes(held_out.first, std::as_writable_bytes(std::span(document)));
    add_document(document, shard, split);
  }
}

void check_options(const BuildOptions& options) {
  if (!(options.validation_share > 0 && options.validation_share < 1)) {
    throw Error(ErrorCode::invalid_argument, "validation_share must be above 0 and below 1, got " +
                                                 exact_text(options.validation_share));
  }
  if (options.min_document_bytes < 1) {
    throw Error(ErrorCode::invalid_argument, "min_document_bytes must be at least 1, got " +
                                                 std::to_string(options.min_document_bytes));
  }
}

std::string dataset_name(const std::filesystem::path& out, const BuildOptions& options) {
  std::string name = options.name;
  if (name.empty()) {
    const std::filesystem::path folder = std::filesystem::absolute(out).lexically_normal();
    name = (folder.has_filename() ? folder : folder.parent_path()).filename().string();
  }
  if (!is_safe_name(name)) {
    throw Error(ErrorCode::invalid_argument,
                "dataset name \"" + name + "\" must be 1 to 100 of [A-Za-z0-9._-]");
  }
  if (is_generated_name(name)) {
    throw Error(ErrorCode::invalid_argument,
                "dataset name \"" + name +
                    "\" is that of a built-in source, which is what runs would train on; give "
                    "another name to " +
                    (options.name.empty() ? "the folder" : "it"));
  }
  return name;
}

std::string describe_files(std::span<const std::filesystem::path> files) {
  std::vector<std::string> names;
  for (const std::filesystem::path& file : files.first(std::min(files.size(), std::size_t{4}))) {
    names.push_back(with_valid_utf8(file.filename().string()));
  }
  if (files.size() > 4) names.push_back("... (" + std::to_string(files.size()) + " files)");
  return join(names, ", ");
}

void refuse_empty(const SplitInfo& train, const SplitInfo& validation, double share) {
  if (train.documents > 0 && validation.documents > 0) return;
  const std::int64_t documents = train.documents + validation.documents;
  throw Error(ErrorCode::invalid_argument,
              documents == 0
                  ? "the text files hold no text"
                  : "all of the " + std::to_string(documents) + " documents fell into the " +
                        (train.documents > 0 ? "training" : "validation") +
                        " split at validation_share " + exact_text(share) +
                        ": give more text, or separators that make more documents");
}

}  // namespace

DatasetInfo build_dataset(std::span<const std::filesystem::path> text_files,
                          const std::filesystem::path& out, const BuildOptions& options) {
  check_options(options);
  require_utf8(options.source, "source");
  DatasetInfo info;
  info.name = dataset_name(out, options);
  info.tokenizer = "bytes";
  info.vocab_size = 256;
  info.source = options.source.empty() ? describe_files(text_files) : options.source;

  make_output_folder(out);
  ShardWriter train(out / kTrainName), validation(out / kValidationName), spool(out / "held_out");
  std::vector<HeldOut> held_out;
  std::int64_t spool_bytes = 0;
  const double threshold = std::ldexp(options.validation_share, 64);
  const DocumentRule rule{options.document_separator, options.min_document_bytes};
  for (const std::filesystem::path& file : text_files) {
    read_documents(file, rule, [&](std::string_view document) {
      const std::uint64_t hash = content_number(document);
      if (static_cast<double>(hash) >= threshold) return add_document(document, train, info.train);
      const auto size = static_cast<std::int64_t>(document.size());
      held_out.push_back({hash, spool_bytes, size});
      spool.append(document);
      spool_bytes += size;
    });
  }
  spool.flush();
  write_held_out(held_out, spool, spool_bytes, validation, info.validation);
  refuse_empty(info.train, info.validation, options.validation_share);

  train.flush();
  validation.flush();
  const Sidecar sidecar{info, implied_token_bytes(info.tokenizer, info.vocab_size)};
  info.hash = content_hash(sidecar, TokenFile(train.temporary(), info.train.tokens, 1, 256),
                           TokenFile(validation.temporary(), info.validation.tokens, 1, 256));
  const PublishLock lock(out);
  // A sidecar vouches for the shards beside it: none while they change.
  std::filesystem::remove(out / kSidecarName);
  train.publish();
  validation.publish();
  save_sidecar({info, sidecar.token_bytes}, out / kSidecarName);
  return info;
}

}  // namespace isoflop
