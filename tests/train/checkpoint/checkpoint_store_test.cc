// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint/checkpoint_store.h"

#include <csignal>
#include <ctime>

#include <sys/resource.h>

#include "support/catch.h"
#include "support/snapshots.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

const std::string kIdentity = "0123456789abcdef";
constexpr std::int64_t kAnyStep = 1'000'000'000;

/// Files end at `n_bytes` as long as this lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t n_bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit small{n_bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

std::int64_t newest_step(const std::filesystem::path& folder, const ModelShape& shape) {
  std::vector<std::string> refused;
  const auto snapshot = CheckpointStore(folder, kIdentity, shape).load_newest(kAnyStep, refused);
  CHECK(refused.empty());
  if (!snapshot) return 0;
  const std::int64_t step = snapshot->progress.steps_done;
  return test::same_bits(*snapshot, test::random_snapshot(shape, step)) ? step : -1;
}

}  // namespace

TEST_CASE("snapshots are written one after the other by the store's thread") {
  const test::TempDir dir;
  const ModelShape shape = test::gqa_shape();
  CheckpointStore store(dir.path(), kIdentity, shape);
  CHECK(!store.is_writing());
  for (std::int64_t step = 1; step <= 20; ++step) store.save(test::random_snapshot(shape, step));
  store.finish();
  CHECK(!store.is_writing());
  CHECK(newest_step(dir.path(), shape) == 20);
}

TEST_CASE("a checkpoint takes a time proportional to its tensors") {
  const test::TempDir dir;
  ModelShape shape = test::gqa_shape();
  shape.n_layers = 800;
  const std::clock_t start = std::clock();
  { CheckpointStore(dir.path(), kIdentity, shape).save(test::random_snapshot(shape, 5)); }
  // 0.1 s, most of it to draw the snapshot; 15 s where each tensor looked at all before it.
  CHECK(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC < 5);
  CHECK(newest_step(dir.path(), shape) == 5);
}

TEST_CASE("a snapshot that was handed over is written before the store is gone") {
  const test::TempDir dir;
  const ModelShape shape = test::gqa_shape();
  { CheckpointStore(dir.path(), kIdentity, shape).save(test::random_snapshot(shape, 5)); }
  CHECK(newest_step(dir.path(), shape) == 5);
}

TEST_CASE("the buffers of the snapshot before are used again") {
  const test::TempDir dir;
  const ModelShape shape = test::gqa_shape();
  CheckpointStore store(dir.path(), kIdentity, shape);
  Snapshot buffer = store.take_buffer();
  CHECK(buffer.weights.size() == static_cast<std::size_t>(ParameterLayout(shape).size()));
  CHECK(buffer.second_moment.size() == buffer.weights.size());
  const float* weights = buffer.weights.data();
  store.save(std::move(buffer));
  buffer = store.take_buffer();
  CHECK(buffer.weights.data() == weights);
  buffer = test::random_snapshot(shape, 3);
  store.save(std::move(buffer));
  store.finish();
  CHECK(newest_step(dir.path(), shape) == 3);
}

TEST_CASE("a snapshot of another layout is a bug") {
  const test::TempDir dir;
  CheckpointStore store(dir.path(), kIdentity, test::gqa_shape());
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE((store.save(Snapshot{}), 0)), contains("another layout"));
}

TEST_CASE("a full disk leaves the checkpoint before, and the next call says so") {
  const test::TempDir dir;
  const ModelShape shape = test::gqa_shape();
  // Within each of the three files.
  for (const rlim_t limit : {100, 3000, 8000, 12000}) {
    CAPTURE(limit);
    CheckpointStore store(dir.path(), kIdentity, shape);
    store.save(test::random_snapshot(shape, 1));
    store.finish();
    std::string message;
    {
      const FileSizeLimit full(limit);
      store.save(test::random_snapshot(shape, 2));
      message = ISOFLOP_ERROR_MESSAGE((store.finish(), 0));
    }
    CHECK_THAT(message, contains((dir.path() / "step-000000002").string()));
    CHECK_THAT(message, contains(": cannot write: File too large"));
    CHECK(newest_step(dir.path(), shape) == 1);
    CHECK(std::distance(std::filesystem::directory_iterator(dir.path()), {}) == 1);
    store.finish();  // has been said
  }
  CheckpointStore store(dir.path(), kIdentity, shape);
  store.save(test::random_snapshot(shape, 2));
  store.finish();
  CHECK(newest_step(dir.path(), shape) == 2);
}

TEST_CASE("a write that fails neither throws from the destructor nor loses the next snapshot") {
  const test::TempDir dir;
  const ModelShape shape = test::gqa_shape();
  {
    const FileSizeLimit full(100);
    CheckpointStore store(dir.path(), kIdentity, shape);
    store.save(test::random_snapshot(shape, 1));
  }
  CHECK(newest_step(dir.path(), shape) == 0);
  CheckpointStore store(dir.path(), kIdentity, shape);
  Snapshot next = test::random_snapshot(shape, 2);
  {
    const FileSizeLimit full(100);
    store.save(test::random_snapshot(shape, 1));
    CHECK_THAT(ISOFLOP_ERROR_MESSAGE((store.save(std::move(next)), 0)), contains("cannot write"));
  }
  CHECK(test::same_bits(next, test::random_snapshot(shape, 2)));
  store.save(std::move(next));
  store.finish();
  CHECK(newest_step(dir.path(), shape) == 2);
}

}  // namespace isoflop
