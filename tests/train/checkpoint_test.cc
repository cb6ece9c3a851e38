// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint.h"

#include <numeric>
#include <vector>

#include "isoflop/run_spec.h"
#include "support/catch.h"
#include "support/temp_dir.h"
#include "support/toy_dataset.h"
#include "train/spec_identity.h"

namespace isoflop {
namespace {

const std::string kIdentity = "0123456789abcdef";
constexpr std::int64_t kElements = 50;

/// All three sections hold 0, 1, 2, ... on, one after the other.
std::string write_checkpoint(const std::filesystem::path& file) {
  Progress progress;
  progress.steps_done = 12;
  progress.late_loss_sum = 0.1;
  CheckpointWriter writer(file, kIdentity, progress, kElements);
  std::vector<float> values(3 * kElements);
  std::iota(values.begin(), values.end(), 0.0f);
  writer.write(std::span(values).first(7));  // pieces need not end where sections do
  writer.write(std::span(values).subspan(7));
  writer.commit();
  return test::read_file(file);
}

std::string refusal(const std::filesystem::path& file, const std::string& identity = kIdentity,
                    std::int64_t n_elements = kElements) {
  return ISOFLOP_ERROR_MESSAGE(CheckpointReader(file, identity, n_elements));
}

}  // namespace

TEST_CASE("a checkpoint gives back what was written") {
  const test::TempDir dir;
  write_checkpoint(dir.path() / "state.bin");
  CheckpointReader reader(dir.path() / "state.bin", kIdentity, kElements);
  CHECK(reader.progress().steps_done == 12);
  CHECK(reader.progress().late_loss_sum == 0.1);
  std::vector<float> part(4);
  reader.read(Section::first_moment, {10, 14}, part);
  CHECK(part == std::vector<float>{60, 61, 62, 63});
  reader.read(Section::weights, {0, 4}, part);
  CHECK(part == std::vector<float>{0, 1, 2, 3});
}

TEST_CASE("a checkpoint with any byte changed is refused") {
  const test::TempDir dir;
  const auto file = dir.path() / "state.bin";
  const std::string content = write_checkpoint(file);
  int n_accepted = 0;
  for (std::size_t i = 0; i < content.size(); ++i) {
    std::string damaged = content;
    damaged[i] = static_cast<char>(damaged[i] ^ 4);
    dir.write("state.bin", damaged);
    n_accepted += refusal(file) == "(nothing was thrown)";
  }
  CHECK(n_accepted == 0);
}

TEST_CASE("a checkpoint of any other length is refused") {
  const test::TempDir dir;
  const auto file = dir.path() / "state.bin";
  const std::string content = write_checkpoint(file);
  int n_accepted = 0;
  for (std::size_t n = 0; n < content.size(); ++n) {
    dir.write("state.bin", content.substr(0, n));
    n_accepted += refusal(file) == "(nothing was thrown)";
  }
  CHECK(n_accepted == 0);
  dir.write("state.bin", content + "x");
  CHECK_THAT(refusal(file), contains("has 745 bytes, expected 744"));
}

TEST_CASE("a refusal says what is wrong") {
  const test::TempDir dir;
  const auto file = dir.path() / "state.bin";
  std::string content = write_checkpoint(file);
  CHECK_THAT(refusal(file, "ffffffffffffffff"), contains("state.bin: belongs to another run"));
  CHECK_THAT(refusal(file, kIdentity, 51), contains("another number of parameters"));
  CHECK_THAT(refusal(dir.path() / "none.bin"), contains("none.bin: cannot be read"));
  content[content.size() - 30] ^= 1;
  dir.write("state.bin", content);
  CHECK_THAT(refusal(file), contains("section \"second moment\" is damaged"));
  content[90] ^= 1;
  dir.write("state.bin", content);
  CHECK_THAT(refusal(file), contains("the header is damaged"));
  content[8] = 2;
  dir.write("state.bin", content);
  CHECK_THAT(refusal(file), contains("has version 2, this program reads version 1"));
  dir.write("state.bin", std::string(1000, 'x'));
  CHECK_THAT(refusal(file), contains("is not a checkpoint"));
}

TEST_CASE("a checkpoint that is not committed leaves the one before in place") {
  const test::TempDir dir;
  const auto file = dir.path() / "state.bin";
  const std::string before = write_checkpoint(file);
  {
    CheckpointWriter writer(file, kIdentity, {}, kElements);
    writer.write(std::vector<float>(10, 1.0f));
  }
  CHECK(test::read_file(file) == before);
  CHECK(std::distance(std::filesystem::directory_iterator(dir.path()), {}) == 1);
}

TEST_CASE("specs that differ in anything have different identities") {
  const RunSpec spec = test::toy_spec();
  const std::string identity = spec_identity(spec, "cpu");
  CHECK(identity == spec_identity(spec, "cpu"));
  CHECK(identity != spec_identity(spec, "cuda"));
  RunSpec other = spec;
  other.shape.tied_embeddings = true;
  CHECK(identity != spec_identity(other, "cpu"));
  other = spec;
  other.schedule.milestones[1].lr_fraction = 0.2;
  CHECK(identity != spec_identity(other, "cpu"));
  other = spec;
  other.seed = 6;
  CHECK(identity != spec_identity(other, "cpu"));
}

}  // namespace isoflop
