// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "isoflop/dataset.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

using Catch::Matchers::Contains;

std::string corpus_of(const std::string& word, int n_documents) {
  std::string text;
  for (int i = 0; i < n_documents; ++i) text += word + " " + std::to_string(i) + "\n---\n";
  return text;
}

BuildOptions by_lines() {
  BuildOptions options;
  options.document_separator = "---";
  options.validation_share = 0.2;
  return options;
}

TEST_CASE("a shard that is truncated while it is in use is an error of its name") {
  const test::TempDir dir;
  const std::vector<std::filesystem::path> files = {dir.write("text", corpus_of("word", 4000))};
  build_dataset(files, dir.path() / "set", by_lines());
  const auto data = open_dataset(dir.path() / "set");
  std::vector<std::int32_t> out(65);
  data->train_sequence(0, 0, out);
  std::filesystem::resize_file(dir.path() / "set/train.bin", 0);
  std::filesystem::resize_file(dir.path() / "set/validation.bin", 10);
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE((data->train_sequence(0, 1, out), 0)),
             Contains("train.bin: has 0 bytes now and had "));
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE((data->validation_sequence(0, out), 0)),
             Contains("validation.bin: has 10 bytes now and had "));
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(open_dataset(dir.path() / "set")),
             Contains("train.bin: has 0 bytes"));
}

// The token of a word of 2 bytes, and of one of 6: bits per byte of 0.55 and 0.24.
std::filesystem::path write_words(const test::TempDir& dir, const std::string& token_bytes,
                                  const std::string& hash) {
  std::string train, validation;
  for (int i = 0; i < 40; ++i) train += static_cast<char>(i % 3);
  for (int i = 0; i < 20; ++i) validation += static_cast<char>(i % 3);
  dir.write("mini/train.bin", train);
  dir.write("mini/validation.bin", validation);
  dir.write("mini/dataset.json",
            R"({"schema": "isoflop.dataset/1", "name": "mini", "tokenizer": "words",
                "vocab_size": 3, "bytes_per_token_file": 1,
                "splits": {"train": {"tokens": 40, "bytes": 39, "documents": 1},
                           "validation": {"tokens": 20, "bytes": 19, "documents": 1}},
                "hash": ")" +
                hash + R"(", "source": "composed", "token_bytes": )" + token_bytes + "}");
  return dir.path() / "mini";
}

std::string hash_in(const std::string& message) { return message.substr(message.size() - 16); }

TEST_CASE("token_bytes that contradict the shards are refused, and are in the hash") {
  const test::TempDir dir;
  const auto message = [&](const std::string& token_bytes, const std::string& hash) {
    return ISOFLOP_ERROR_MESSAGE(open_dataset(write_words(dir, token_bytes, hash)));
  };
  const std::string unhashed = message("[0, 1, 2]", "0000000000000000");
  CHECK_THAT(unhashed, Contains("dataset.json: /hash: is 0000000000000000, but the shards and "
                                "token_bytes have "));
  // By a program of its own, over the line, the table and the shards of docs/formats-data.md.
  CHECK(hash_in(unhashed) == "10607610691a68fb");
  CHECK(message("[0, 1, 2]", hash_in(unhashed)) == "(nothing was thrown)");
  CHECK_THAT(
      message("[0, 1, 6]", hash_in(unhashed)),
      Contains("/splits/train/bytes: is 39, but by token_bytes the shard's tokens stand for 91"));
  // Another table of the same sum over the training split alone.
  CHECK_THAT(message("[1, 0, 2]", hash_in(unhashed)), Contains("/splits/train/bytes: is 39"));
}

TEST_CASE("of two builds into one folder at once, one wins whole") {
  const test::TempDir dir;
  const std::vector<std::string> words = {"first", "another"};
  std::vector<std::vector<std::filesystem::path>> files;
  for (const std::string& word : words) files.push_back({dir.write(word, corpus_of(word, 3000))});
  const auto out = dir.path() / "set";
  for (int round = 0; round < 8; ++round) {
    std::vector<pid_t> children;
    for (const auto& texts : files) {
      const pid_t child = ::fork();
      if (child == 0) {
        try {
          build_dataset(texts, out, by_lines());
        } catch (...) {
          ::_exit(1);
        }
        ::_exit(0);
      }
      children.push_back(child);
    }
    for (const pid_t child : children) {
      int status = 0;
      ::waitpid(child, &status, 0);
      CHECK(status == 0);
    }
    CHECK_NOTHROW(open_dataset(out));
  }
}

}  // namespace
}  // namespace isoflop
