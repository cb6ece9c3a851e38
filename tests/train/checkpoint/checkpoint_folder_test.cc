// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint/checkpoint_folder.h"

#include <algorithm>
#include <map>

#include "base/json.h"
#include "base/process_tag.h"
#include "support/catch.h"
#include "support/snapshots.h"
#include "support/temp_dir.h"
#include "train/checkpoint/checkpoint_tensors.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

const std::string kIdentity = "0123456789abcdef";
constexpr std::int64_t kAnyStep = 1'000'000'000;

/// The checkpoints of steps 1 and 2, and what is in their files.
struct TwoCheckpoints {
  TwoCheckpoints() {
    for (const std::int64_t step : {1, 2}) folder.write(test::random_snapshot(shape, step));
  }
  [[nodiscard]] fs::path step(int number) const {
    return dir.path() / ("step-00000000" + std::to_string(number));
  }
  /// Step of what a fresh reader loads, 0 for nothing; it must be what was written.
  std::int64_t load(std::int64_t max_step = kAnyStep, const std::string& identity = kIdentity) {
    refused.clear();
    const auto snapshot =
        CheckpointFolder(dir.path(), {identity, shape}).load_newest(max_step, refused);
    if (!snapshot) return 0;
    const std::int64_t found = snapshot->progress.steps_done;
    return test::same_bits(*snapshot, test::random_snapshot(shape, found)) ? found : -1;
  }
  /// Names in the folder, sorted.
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& entry : fs::directory_iterator(dir.path())) {
      result.push_back(entry.path().filename().string());
    }
    std::sort(result.begin(), result.end());
    return result;
  }

  test::TempDir dir;
  ModelShape shape = test::gqa_shape();
  CheckpointFolder folder{dir.path(), {kIdentity, shape}};
  std::vector<std::string> refused;
};

void write_file(const fs::path& file, const std::string& content) {
  std::ofstream(file, std::ios::binary) << content;
}

std::int64_t header_end(const std::string& safetensors) {
  std::uint64_t n = 0;
  std::memcpy(&n, safetensors.data(), sizeof n);
  return static_cast<std::int64_t>(8 + n);
}

/// A reader of its own, as strict as the format: what other programs find in a file.
std::map<std::string, std::string> read_independently(const std::string& content) {
  const auto data_begin = static_cast<std::size_t>(header_end(content));
  REQUIRE(data_begin <= 100'000'008);
  REQUIRE(data_begin <= content.size());
  CHECK(data_begin % 8 == 0);
  CHECK(content[8] == '{');
  const Json header = parse_json(std::string_view(content).substr(8, data_begin - 8), "header");
  std::map<std::string, std::string> tensors;
  std::vector<int> n_covers(content.size() - data_begin);
  for (const auto& [name, entry] : *header.if_object()) {
    if (name == "__metadata__") continue;
    CHECK(*entry.find("dtype")->if_string() == "F32");
    std::size_t n_bytes = 4;
    for (const Json& size : *entry.find("shape")->if_array()) {
      n_bytes *= static_cast<std::size_t>(*size.if_integer());
    }
    const Json::Array& offsets = *entry.find("data_offsets")->if_array();
    const auto begin = static_cast<std::size_t>(*offsets.at(0).if_integer());
    const auto end = static_cast<std::size_t>(*offsets.at(1).if_integer());
    REQUIRE(begin + n_bytes == end);
    REQUIRE(end <= n_covers.size());
    for (std::size_t i = begin; i < end; ++i) ++n_covers[i];
    tensors[name] = content.substr(data_begin + begin, n_bytes);
  }
  CHECK(n_covers == std::vector<int>(n_covers.size(), 1));
  return tensors;
}

std::string bytes_of(const std::vector<float>& arena, const LogicalTensor& tensor) {
  return {reinterpret_cast<const char*>(arena.data() + tensor.first),
          static_cast<std::size_t>(tensor.size()) * sizeof(float)};
}

}  // namespace

TEST_CASE("a checkpoint gives back every bit, for every kind of model") {
  for (const auto& [kind, shape] : test::checkpoint_shapes()) {
    CAPTURE(kind);
    const test::TempDir dir;
    CheckpointFolder folder(dir.path() / "new" / "folder", {kIdentity, shape});
    const Snapshot written = test::random_snapshot(shape, 123456789012);
    folder.write(written);
    std::vector<std::string> refused;
    const auto back = folder.load_newest(kAnyStep * 1000, refused);
    REQUIRE(back);
    CHECK(test::same_bits(*back, written));
    CHECK(refused.empty());
  }
}

TEST_CASE("other programs find every tensor in the safetensors files") {
  for (const auto& [kind, shape] : test::checkpoint_shapes()) {
    CAPTURE(kind);
    const test::TempDir dir;
    const Snapshot written = test::random_snapshot(shape, 7);
    CheckpointFolder(dir.path(), {kIdentity, shape}).write(written);
    const auto weights =
        read_independently(test::read_file(dir.path() / "step-000000007/weights.safetensors"));
    const auto moments =
        read_independently(test::read_file(dir.path() / "step-000000007/optimizer.safetensors"));
    const std::vector<LogicalTensor> tensors = logical_tensors(shape);
    CHECK(weights.size() == tensors.size());
    CHECK(moments.size() == 2 * tensors.size());
    for (const LogicalTensor& tensor : tensors) {
      CAPTURE(tensor.name);
      CHECK(weights.at(tensor.name) == bytes_of(written.weights, tensor));
      CHECK(moments.at(tensor.name + ".exp_avg") == bytes_of(written.first_moment, tensor));
      CHECK(moments.at(tensor.name + ".exp_avg_sq") == bytes_of(written.second_moment, tensor));
    }
  }
}

TEST_CASE("a checkpoint with changed bytes is refused") {
  TwoCheckpoints two;
  fs::remove_all(two.step(1));  // nothing else to fall back on: quicker
  CHECK(two.load() == 2);
  const Rng rng(11);
  int n_refused = 0;
  constexpr int kChanges = 2000;
  for (std::uint64_t i = 0; i < kChanges; ++i) {
    const std::string name(kCheckpointFiles[i % kCheckpointFiles.size()]);
    const fs::path file = two.step(2) / name;
    const std::string content = test::read_file(file);
    // Half of them in the headers, which are small.
    const std::size_t n = i % 2 == 0 || name == "state.json"
                              ? content.size()
                              : static_cast<std::size_t>(header_end(content));
    std::string damaged = content;
    const int change = i % 4 < 2 ? 1 << rng.below(8, 3 * i) : 1 + int(rng.below(255, 3 * i));
    char& byte = damaged[rng.below(n, 3 * i + 1)];
    byte = static_cast<char>(byte ^ change);
    write_file(file, damaged);
    const bool none = two.load() == 0;
    n_refused += none && two.refused.size() == 1 && two.refused[0].starts_with(file.string());
    write_file(file, content);
  }
  CHECK(n_refused == kChanges);
  CHECK(two.load() == 2);
}

TEST_CASE("a checkpoint with a truncated file is refused, wherever it was cut") {
  TwoCheckpoints two;
  fs::remove_all(two.step(1));
  for (const std::string_view name : kCheckpointFiles) {
    CAPTURE(name);
    const fs::path file = two.step(2) / name;
    const std::string content = test::read_file(file);
    const std::int64_t every_byte_until =
        name == "state.json" ? std::ssize(content) : header_end(content);
    int n_cuts = 0, n_refused = 0;
    for (std::int64_t n = std::ssize(content) - 1; n >= 0;
         n -= n > every_byte_until + 40 ? 37 : 1) {
      fs::resize_file(file, static_cast<std::uintmax_t>(n));
      ++n_cuts;
      n_refused += two.load() == 0 && two.refused.size() == 1;
    }
    CHECK(n_refused == n_cuts);
    CHECK(n_cuts >= every_byte_until);
    write_file(file, content);
  }
  CHECK(two.load() == 2);
}

TEST_CASE("a checkpoint with more or less in it than there should be is refused") {
  TwoCheckpoints two;
  const auto refusal = [&] {
    CHECK(two.load() == 1);
    return two.refused.empty() ? "" : two.refused[0];
  };
  for (const std::string_view name : kCheckpointFiles) {
    CAPTURE(name);
    const fs::path file = two.step(2) / name;
    const std::string content = test::read_file(file);
    for (const char* extra : {"x", "\n", "0123456789"}) {
      write_file(file, content + extra);
      CHECK_THAT(refusal(), contains(file.string()));
    }
    write_file(file, content);
    fs::rename(file, two.dir.path() / "elsewhere");
    CHECK_THAT(refusal(), contains(file.string() + ": cannot open: No such file"));
    fs::create_symlink(two.dir.path() / "elsewhere", file);
    CHECK_THAT(refusal(), contains(file.string() + ": cannot open"));
    fs::remove(file);
    fs::create_directory(file);
    CHECK_THAT(refusal(), contains(file.string() + ": is not a regular file"));
    fs::remove(file);
    fs::rename(two.dir.path() / "elsewhere", file);
    CHECK(two.load() == 2);
  }
  write_file(two.step(2) / "extra.safetensors", "");
  CHECK_THAT(refusal(), contains("extra.safetensors: does not belong into a checkpoint"));
}

TEST_CASE("files of two checkpoints that were swapped are refused") {
  for (const std::string_view name : kCheckpointFiles) {
    CAPTURE(name);
    TwoCheckpoints two;
    REQUIRE(fs::file_size(two.step(1) / name) == fs::file_size(two.step(2) / name));
    fs::copy_file(two.step(1) / name, two.step(2) / name, fs::copy_options::overwrite_existing);
    CHECK(two.load() == 1);
    CHECK(two.refused.size() == 1);
  }
  TwoCheckpoints two;
  fs::rename(two.step(2), two.step(3));
  CHECK(two.load() == 1);
  CHECK_THAT(two.refused.at(0), contains("step-000000003: is the checkpoint of step 2"));
}

TEST_CASE("checkpoints of other runs, models and versions are refused with the reason") {
  TwoCheckpoints two;
  CHECK(two.load(kAnyStep, "ffffffffffffffff") == 0);
  REQUIRE(two.refused.size() == 2);
  CHECK_THAT(two.refused[0], contains("step-000000002/state.json: belongs to another run "
                                      "(0123456789abcdef, expected ffffffffffffffff)"));
  for (auto change : {&ModelShape::n_layers, &ModelShape::d_ff, &ModelShape::vocab_size}) {
    two.shape.*change += 1;
    CHECK(two.load() == 0);
    CHECK(two.refused.size() == 2);
    two.shape.*change -= 1;
  }
  const fs::path file = two.step(2) / "state.json";
  std::string text = test::read_file(file);
  text.replace(text.find("checkpoint/1"), 12, "checkpoint/2");
  write_file(file, text);
  CHECK(two.load() == 1);
  CHECK_THAT(two.refused.at(0), contains("got \"isoflop.checkpoint/2\""));
}

TEST_CASE("a damaged tensor is named, and the checkpoint before is used") {
  TwoCheckpoints two;
  const fs::path file = two.step(2) / "optimizer.safetensors";
  std::string content = test::read_file(file);
  content.back() ^= 1;
  write_file(file, content);
  CHECK(two.load() == 1);
  CHECK_THAT(two.refused.at(0), contains("tensor model.norm.weight.exp_avg_sq is damaged"));
}

TEST_CASE("the newest checkpoint of at most so many steps is loaded") {
  TwoCheckpoints two;
  CHECK(two.load(2) == 2);
  CHECK(two.load(1) == 1);
  CHECK(two.refused.empty());
  CHECK(two.load(0) == 0);
  const test::TempDir empty;
  CHECK(!CheckpointFolder(empty.path() / "none", {kIdentity, two.shape})
             .load_newest(kAnyStep, two.refused));
  CHECK(two.refused.empty());
}

TEST_CASE("the newest two checkpoints are kept") {
  TwoCheckpoints two;
  two.folder.write(test::random_snapshot(two.shape, 3));
  CHECK(two.names() == std::vector<std::string>{"step-000000002", "step-000000003"});
  CHECK(two.load() == 3);
}

TEST_CASE("a damaged checkpoint does not count as one of the two") {
  TwoCheckpoints two;
  write_file(two.step(2) / "weights.safetensors", "x");
  CHECK(two.folder.load_newest(kAnyStep, two.refused)->progress.steps_done == 1);
  two.folder.write(test::random_snapshot(two.shape, 3));
  CHECK(two.names() == std::vector<std::string>{"step-000000001", "step-000000003"});
}

TEST_CASE("what is not this run's survives next to its checkpoints") {
  TwoCheckpoints two;
  const ModelShape& shape = two.shape;
  CheckpointFolder other(two.dir.path(), {"ffffffffffffffff", shape});
  other.write(test::random_snapshot(shape, 0));
  two.dir.write("state.bin", "old");
  two.dir.write("step-1/notes.txt", "mine");
  two.dir.write("step-000000000001/state.json", "{}");
  two.dir.write(".ffffffffffffffff.step-000000001.new.1-1/state.json", "another run's");
  two.dir.write("." + kIdentity + ".notes.new.1-1/state.json", "no step");
  fs::create_directory_symlink(two.step(2), two.dir.path() / "step-link");
  two.dir.write("step-000000001/notes.txt", "a word about this checkpoint");
  two.dir.write("." + kIdentity + ".step-000000001.new.1-1/notes.txt", "foreign");
  std::vector<std::string> expected = two.names();
  two.folder.write(test::random_snapshot(shape, 4));
  expected.emplace_back("step-000000004");
  std::sort(expected.begin(), expected.end());
  CHECK(two.names() == expected);
  CHECK(test::read_file(two.step(1) / "notes.txt") == "a word about this checkpoint");
  CHECK(fs::exists(two.step(1) / "weights.safetensors"));
}

TEST_CASE("what dead processes have left is removed, what a living one writes is not") {
  TwoCheckpoints two;
  const std::string start = "." + kIdentity + ".step-000000003.";
  two.dir.write(start + "new.1-1/weights.safetensors", "half");
  two.dir.write(start + "old.999999999-5/state.json", "");
  two.dir.write(start + "new." + process_tag() + "/weights.safetensors", "of a write that failed");
  std::ifstream stat("/proc/1/stat");
  std::string field;
  for (int i = 0; i < 22; ++i) stat >> field;  // init's name is one word
  const std::string living = start + "new.1-" + field;
  two.dir.write(living + "/weights.safetensors", "half");
  two.folder.write(test::random_snapshot(two.shape, 3));
  CHECK(two.names() == std::vector<std::string>{living, "step-000000002", "step-000000003"});
}

TEST_CASE("a step that is there and whole is not written again") {
  TwoCheckpoints two;
  two.folder.write(test::random_snapshot(two.shape, 2, /*salt=*/1));
  CHECK(two.load() == 2);
  CHECK(two.names() == std::vector<std::string>{"step-000000001", "step-000000002"});
}

TEST_CASE("a step that is there but of no use makes way for the new one") {
  TwoCheckpoints two;
  const auto rewrite = [&] {
    two.folder.write(test::random_snapshot(two.shape, 2));
    CHECK(two.load() == 2);
    CHECK(two.refused.empty());
    return two.names();
  };
  write_file(two.step(2) / "weights.safetensors", "damaged");
  CHECK(two.folder.load_newest(kAnyStep, two.refused)->progress.steps_done == 1);
  const std::vector<std::string> both = {"step-000000001", "step-000000002"};
  CHECK(rewrite() == both);
  CHECK(two.folder.load_newest(kAnyStep, two.refused)->progress.steps_done == 2);
  write_file(two.step(2) / "state.json", "perhaps another program's");
  std::vector<std::string> more = both;
  more.emplace_back("step-000000002.refused.1");
  CHECK(rewrite() == more);
  CHECK(test::read_file(two.step(2).string() + ".refused.1/state.json") ==
        "perhaps another program's");
  fs::remove_all(two.step(2));
  write_file(two.step(2), "a file");
  more.emplace_back("step-000000002.refused.2");
  CHECK(rewrite() == more);
}

TEST_CASE("a folder that cannot be made is named") {
  const test::TempDir dir;
  dir.write("file", "x");
  CheckpointFolder folder(dir.path() / "file" / "checkpoint", {kIdentity, test::gqa_shape()});
  const std::string message =
      ISOFLOP_ERROR_MESSAGE((folder.write(test::random_snapshot(test::gqa_shape(), 1)), 0));
  CHECK_THAT(message, contains("file/checkpoint: cannot create: Not a directory"));
}

}  // namespace isoflop
