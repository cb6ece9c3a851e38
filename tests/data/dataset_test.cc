// SPDX-License-Identifier: Apache-2.0
#include "isoflop/dataset.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <set>
#include <vector>

#include "support/catch.h"
#include "support/temp_dir.h"

using namespace isoflop;
using Files = std::vector<std::filesystem::path>;

namespace {

std::string document(int number) {
  std::string text = "document ";
  text += std::to_string(number) + "\n";
  for (int line = 0; line < 5 + number % 7; ++line) text += std::to_string(number * line) + "\n";
  return text;
}

std::string corpus(int first, int last) {
  std::string text;
  for (int i = first; i < last; ++i) text += document(i) + "---\n";
  return text;
}

const BuildOptions kLines = [] {
  BuildOptions options;
  options.document_separator = "---";
  return options;
}();

std::vector<std::string> documents_in(const std::filesystem::path& shard) {
  std::vector<std::string> documents;
  for (const char byte : test::read_file(shard)) {
    if (byte == '\0')
      documents.emplace_back();
    else
      documents.back() += byte;
  }
  return documents;
}

// A small data set of 16-bit tokens, written by hand.
std::filesystem::path write_wide(const test::TempDir& folder, const std::string& vocab_size) {
  std::string tokens;
  for (int i = 0; i < 100; ++i) {
    tokens += static_cast<char>(i * 3 & 255);
    tokens += static_cast<char>(i * 3 >> 8);
  }
  folder.write("wide/train.bin", tokens);
  folder.write("wide/validation.bin", tokens.substr(0, 20));
  std::string table = "1";
  for (int i = 1; i < 300; ++i) table.append(",").append(std::to_string(i % 5));
  folder.write("wide/dataset.json",
               R"({"schema": "isoflop.dataset/1", "name": "wide", "tokenizer": "my_bpe",
                   "vocab_size": )" +
                   vocab_size + R"(, "bytes_per_token_file": 2,
                   "splits": {"train": {"tokens": 100, "bytes": 201, "documents": 3},
                              "validation": {"tokens": 10, "bytes": 21, "documents": 1}},
                   "hash": "9bf529deeac52d16", "source": "by hand", "token_bytes": [)" +
                   table + "]}");
  return folder.path() / "wide";
}

}  // namespace

TEST_CASE("every document of the text is in one of the splits, and the counts are exact") {
  const test::TempDir folder;
  const Files files = {folder.write("a.txt", corpus(0, 300)),
                       folder.write("b.txt", corpus(300, 500))};
  const auto out = folder.path() / "set";
  const DatasetInfo info = build_dataset(files, out, kLines);
  std::multiset<std::string> expected, found;
  for (int i = 0; i < 500; ++i) expected.insert(document(i));
  std::int64_t bytes = 0;
  for (const auto& [shard, split] :
       {std::pair("train.bin", info.train), std::pair("validation.bin", info.validation)}) {
    const std::vector<std::string> documents = documents_in(out / shard);
    REQUIRE(static_cast<std::int64_t>(documents.size()) == split.documents);
    REQUIRE(static_cast<std::int64_t>(std::filesystem::file_size(out / shard)) == split.tokens);
    REQUIRE(split.tokens == split.bytes + split.documents);
    found.insert(documents.begin(), documents.end());
    bytes += split.bytes;
  }
  REQUIRE(found == expected);
  REQUIRE(bytes == std::accumulate(expected.begin(), expected.end(), std::int64_t{0},
                                   [](std::int64_t sum, const std::string& text) {
                                     return sum + static_cast<std::int64_t>(text.size());
                                   }));
  // 500 documents at 5 %: 25 expected, standard deviation 4.9.
  REQUIRE(info.validation.documents > 5);
  REQUIRE(info.validation.documents < 50);
  REQUIRE(info.name == "set");
  REQUIRE(info.source == "a.txt, b.txt");
  REQUIRE_NOTHROW(verify_dataset(out));
  REQUIRE(open_dataset(out)->info().hash == info.hash);
}

TEST_CASE("a document falls on the same side in every build, and its copies with it") {
  const test::TempDir folder;
  const Files once = {folder.write("a", corpus(0, 400))};
  const Files again = {folder.write("b", corpus(200, 600) + corpus(0, 400))};
  build_dataset(once, folder.path() / "one", kLines);
  const DatasetInfo info = build_dataset(again, folder.path() / "two", kLines);
  const auto set_of = [](const std::vector<std::string>& list) {
    return std::set<std::string>(list.begin(), list.end());
  };
  const auto train_one = documents_in(folder.path() / "one/train.bin");
  const auto held_one = documents_in(folder.path() / "one/validation.bin");
  const auto train_two = set_of(documents_in(folder.path() / "two/train.bin"));
  const auto held_two = documents_in(folder.path() / "two/validation.bin");
  for (const std::string& text : train_one) REQUIRE(train_two.count(text) == 1);
  for (const std::string& text : held_one) REQUIRE(set_of(held_two).count(text) == 1);
  for (const std::string& text : held_two) REQUIRE(train_two.count(text) == 0);
  REQUIRE(set_of(held_two).size() == held_two.size());  // copies are kept once
  REQUIRE(info.validation.documents == static_cast<std::int64_t>(held_two.size()));
}

TEST_CASE("equal text in another order of files gives an equal validation split") {
  const test::TempDir folder;
  const Files forward = {folder.write("a", corpus(0, 200)), folder.write("b", corpus(200, 400))};
  const Files backward = {forward[1], forward[0]};
  build_dataset(forward, folder.path() / "f", kLines);
  build_dataset(backward, folder.path() / "b2", kLines);
  REQUIRE(test::read_file(folder.path() / "f/validation.bin") ==
          test::read_file(folder.path() / "b2/validation.bin"));
  REQUIRE(open_dataset(folder.path() / "f")->info().hash !=
          open_dataset(folder.path() / "b2")->info().hash);
}

TEST_CASE("training sequences are windows of the shard as a ring") {
  const test::TempDir folder;
  const Files files = {folder.write("a", corpus(0, 300))};
  build_dataset(files, folder.path() / "set", kLines);
  const auto data = open_dataset(folder.path() / "set");
  std::string ring = test::read_file(folder.path() / "set/train.bin");
  ring += ring;
  std::vector<std::int32_t> out(65);
  std::set<std::string> windows;
  const std::int64_t n_windows = data->info().train.tokens / 64;
  for (std::int64_t i = 0; i < n_windows; ++i) {
    data->train_sequence(1, i, out);
    const std::string text(out.begin(), out.end());
    REQUIRE(ring.find(text) != std::string::npos);
    windows.insert(text);
  }
  REQUIRE(static_cast<std::int64_t>(windows.size()) == n_windows);
  std::vector<std::int32_t> again(65);
  data->train_sequence(1, n_windows / 2, out);
  data->train_sequence(1, n_windows / 2, again);
  REQUIRE(out == again);
  data->train_sequence(2, n_windows / 2, again);
  REQUIRE(out != again);
}

TEST_CASE("validation windows tile the split and overlap in one token") {
  const test::TempDir folder;
  const Files files = {folder.write("a", corpus(0, 300))};
  const DatasetInfo info = build_dataset(files, folder.path() / "set", kLines);
  const auto data = open_dataset(folder.path() / "set");
  const std::string shard = test::read_file(folder.path() / "set/validation.bin");
  REQUIRE(shard.front() == '\0');  // the first token, which is never predicted, is no text
  std::string predicted;
  std::vector<std::int32_t> out(33);
  const std::int64_t n = data->validation_sequences(32);
  REQUIRE(n == (info.validation.tokens - 1) / 32);
  for (std::int64_t i = 0; i < n; ++i) {
    data->validation_sequence(i, out);
    predicted.append(out.begin() + 1, out.end());
  }
  REQUIRE(predicted == shard.substr(1, predicted.size()));
  REQUIRE(data->token_bytes()[0] == 0);
  REQUIRE(data->token_bytes()['a'] == 1);
  REQUIRE_THROWS_AS(data->validation_sequence(n, out), Error);
  REQUIRE_THROWS_AS(data->validation_sequence(-1, out), Error);
}

TEST_CASE("text is bytes: all but NUL survive") {
  const test::TempDir folder;
  std::string text;
  for (int repeat = 0; repeat < 40; ++repeat) {
    for (int byte = 1; byte < 256; ++byte) text += static_cast<char>(byte);
    text += std::to_string(repeat) + "\n---\n";
  }
  const Files files = {folder.write("a", text)};
  build_dataset(files, folder.path() / "set", kLines);
  std::vector<std::int32_t> out(1025);
  open_dataset(folder.path() / "set")->train_sequence(0, 0, out);
  REQUIRE(*std::max_element(out.begin(), out.end()) == 255);
  REQUIRE(*std::min_element(out.begin(), out.end()) == 0);
}

TEST_CASE("shards of 16-bit tokens carry their own bytes per token") {
  const test::TempDir folder;
  const auto data = open_dataset(write_wide(folder, "300"));
  std::vector<std::int32_t> out(10);
  data->validation_sequence(0, out);
  REQUIRE(out == std::vector<std::int32_t>{0, 3, 6, 9, 12, 15, 18, 21, 24, 27});
  REQUIRE(data->token_bytes().size() == 300);
  REQUIRE(data->token_bytes()[7] == 2);
}

TEST_CASE("a token beyond the vocabulary is refused where it is read") {
  const test::TempDir folder;
  const auto data = open_dataset(write_wide(folder, "300"));
  // In place: the file that is open changes, too.
  std::fstream shard(folder.path() / "wide/validation.bin", std::ios::in | std::ios::out);
  shard.seekp(2);
  shard.write("\x2c\x01", 2);
  shard.close();
  std::vector<std::int32_t> out(5);
  REQUIRE_THAT(ISOFLOP_ERROR_MESSAGE((data->validation_sequence(0, out), 0)),
               Catch::Contains("validation.bin: token 1 is 300, allowed are 0 to 299"));
  REQUIRE_THAT(ISOFLOP_ERROR_MESSAGE(open_dataset(folder.path() / "wide")),
               Catch::Contains("token 1 is 300"));
}

TEST_CASE("bytes that were changed are found by verification") {
  const test::TempDir folder;
  const Files files = {folder.write("a", corpus(0, 300))};
  build_dataset(files, folder.path() / "set", kLines);
  std::fstream shard(folder.path() / "set/train.bin", std::ios::in | std::ios::out);
  shard.seekp(77);
  shard.put('!');
  shard.close();
  REQUIRE_THAT(ISOFLOP_ERROR_MESSAGE(open_dataset(folder.path() / "set")),
               Catch::Contains("dataset.json: /hash"));
  REQUIRE_THAT(ISOFLOP_ERROR_MESSAGE((verify_dataset(folder.path() / "set"), 0)),
               Catch::Contains("dataset.json: /hash"));
}

TEST_CASE("malformed data sets are refused with file and place") {
  struct Case {
    const char *find, *replace, *message;
  };
  const std::vector<Case> cases = {
      {"dataset/1", "dataset/2", "dataset.json: /schema"},
      {"\"vocab_size\": 300", "\"vocab_size\": 1", "/vocab_size"},
      {"\"vocab_size\": 300", "\"vocab_size\": 3.5", "/vocab_size"},
      {"\"vocab_size\": 300", "\"vocab_size\": 301", "/token_bytes"},
      {"\"vocab_size\": 300", "\"vocab_size\": 100000", "/bytes_per_token_file"},
      {"_file\": 2", "_file\": 3", "must be 1, 2 or 4"},
      {"_file\": 2", "_file\": 4", "train.bin: has 200 bytes"},
      {"\"tokens\": 100", "\"tokens\": 99", "train.bin: has 200 bytes"},
      {"\"tokens\": 100", "\"tokens\": -5", "/splits/train/tokens"},
      {"\"tokens\": 10,", "\"tokens\": 1,", "/splits/validation/tokens"},
      {"\"train\"", "\"trian\"", "/splits/trian"},
      {"9bf529deeac52d16", "9BF529DEEAC52D16", "/hash"},
      {"\"my_bpe\"", "\"bytes\"", "/vocab_size"},
      {"\"wide\"", "\"../wide\"", "/name"},
      {"\"wide\"", "\"markov\"", "/name: must not be that of a built-in source"},
      {"\"bytes\": 201", "\"bytes\": 202", "/splits/train/bytes: is 202, but by token_bytes"},
      {"\"bytes\": 21", "\"bytes\": 20", "/splits/validation/bytes: is 20, but by token_bytes"},
      // Token 299 is in no shard: the hash alone can tell.
      {"2,3,4]", "2,3,9]", "/hash: is "},
      {"\"source\"", "\"sources\"", "/source"},
      {"[1,1", "[1,256", "/token_bytes/1"},
      {"\"schema\"", "schema", "dataset.json: line 1"},
  };
  for (const Case& bad : cases) {
    const test::TempDir folder;
    const auto sidecar = write_wide(folder, "300") / "dataset.json";
    std::string text = test::read_file(sidecar);
    REQUIRE(text.find(bad.find) != std::string::npos);
    text.replace(text.find(bad.find), std::string(bad.find).size(), bad.replace);
    folder.write("wide/dataset.json", text);
    INFO(bad.find << " -> " << bad.replace);
    REQUIRE_THAT(ISOFLOP_ERROR_MESSAGE(open_dataset(folder.path() / "wide")),
                 Catch::Contains(bad.message));
  }
}

TEST_CASE("a missing shard, or a folder in its place, is refused by name") {
  const test::TempDir folder;
  std::filesystem::remove(write_wide(folder, "300") / "train.bin");
  REQUIRE_THAT(ISOFLOP_ERROR_MESSAGE(open_dataset(folder.path() / "wide")),
               Catch::Contains("train.bin: cannot be opened"));
  std::filesystem::create_directory(folder.path() / "wide/train.bin");
  REQUIRE_THAT(ISOFLOP_ERROR_MESSAGE(open_dataset(folder.path() / "wide")),
               Catch::Contains("train.bin: is not a regular file"));
}

TEST_CASE("building refuses what cannot be a data set, and leaves no sidecar and no scraps") {
  const test::TempDir folder;
  const Files good = {folder.write("good", corpus(0, 300))};
  const Files empty = {folder.write("empty", "\n---\n---\n")};
  const Files nul = {folder.write("nul", corpus(0, 300) + std::string(1, '\0'))};
  const auto out = folder.path() / "out";
  REQUIRE_THAT(ISOFLOP_ERROR_MESSAGE(build_dataset(nul, out, kLines)), Catch::Contains("NUL"));
  REQUIRE_THAT(ISOFLOP_ERROR_MESSAGE(build_dataset({}, out, kLines)),
               Catch::Contains("hold no text"));
  REQUIRE_THAT(ISOFLOP_ERROR_MESSAGE(build_dataset(good, out)),
               Catch::Contains("fell into the training split"));
  BuildOptions options = kLines;
  for (const double share : {0.0, 1.0, -0.1, std::nan("")}) {
    options.validation_share = share;
    REQUIRE_THAT(ISOFLOP_ERROR_MESSAGE(build_dataset(good, out, options)),
                 Catch::Contains("validation_share"));
  }
  options = kLines;
  options.name = "santafe";
  REQUIRE_THAT(ISOFLOP_ERROR_MESSAGE(build_dataset(good, out, options)),
               Catch::Contains("\"santafe\" is that of a built-in source"));
  REQUIRE_THAT(ISOFLOP_ERROR_MESSAGE(build_dataset(good, folder.path() / "markov/", kLines)),
               Catch::Contains("\"markov\" is that of a built-in source"));
  options.name = {};
  options.source = "caf\xe9";
  REQUIRE_THAT(ISOFLOP_ERROR_MESSAGE(build_dataset(good, out, options)),
               Catch::Contains("source: byte 0xE9 is no UTF-8"));
  options.source = {};
  options.name = "a/b";
  REQUIRE_THAT(ISOFLOP_ERROR_MESSAGE(build_dataset(good, out, options)),
               Catch::Contains("dataset name"));
  REQUIRE(std::filesystem::is_empty(out));
  REQUIRE_THROWS_AS(build_dataset(good, folder.path() / "good", kLines), Error);
}

TEST_CASE("a sequence longer than the split is refused") {
  const test::TempDir folder;
  const auto data = open_dataset(write_wide(folder, "300"));
  std::vector<std::int32_t> out(101);
  REQUIRE_THAT(ISOFLOP_ERROR_MESSAGE((data->train_sequence(0, 0, out), 0)),
               Catch::Contains("has 100 tokens"));
  out.resize(100);
  REQUIRE_NOTHROW(data->train_sequence(0, 0, out));
  REQUIRE(data->validation_sequences(100) == 0);
}

TEST_CASE("data sets are found by name, built-in sources without a folder") {
  const test::TempDir folder;
  write_wide(folder, "300");
  REQUIRE(find_dataset("wide", folder.path())->info().name == "wide");
  REQUIRE(find_dataset("santafe", "/nonexistent")->info().name == "santafe");
  REQUIRE(find_dataset("markov", "/nonexistent")->info().name == "markov");
  REQUIRE_THAT(ISOFLOP_ERROR_MESSAGE(find_dataset("absent", folder.path())),
               Catch::Contains((folder.path() / "absent").string()));
  for (const char* name : {"", "../wide", "a/b", ".hidden", "x y"}) {
    REQUIRE_THROWS_AS(find_dataset(name, folder.path()), Error);
  }
}
