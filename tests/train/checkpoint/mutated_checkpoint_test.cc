// SPDX-License-Identifier: Apache-2.0
// A checkpoint with accidents in one of its files is what it was, or refused.
#include <filesystem>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/mutate.h"
#include "support/snapshots.h"
#include "support/temp_dir.h"
#include "train/checkpoint/checkpoint_store.h"

namespace isoflop {
namespace {

const std::string kIdentity = "0123456789abcdef";

std::filesystem::path find_file(const std::filesystem::path& root, const std::string& name) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.path().filename() == name) return entry.path();
  }
  return {};
}

}  // namespace

TEST_CASE("a checkpoint with accidents is what it was, or refused") {
  const test::TempDir dir;
  const ModelShape shape = test::gqa_shape();
  {
    CheckpointStore store(dir.path(), kIdentity, shape);
    store.save(test::random_snapshot(shape, 7));
    store.finish();
  }
  int n_refused = 0;
  for (const char* name : {"weights.safetensors", "optimizer.safetensors", "state.json"}) {
    const std::filesystem::path file = find_file(dir.path(), name);
    REQUIRE_FALSE(file.empty());
    const std::string bytes = test::read_file(file);
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      INFO(name << ", accident " << seed);
      dir.write(std::filesystem::relative(file, dir.path()).string(), test::mutated(bytes, seed));
      std::vector<std::string> refused;
      const auto snapshot =
          CheckpointStore(dir.path(), kIdentity, shape).load_newest(1000, refused);
      if (snapshot) {
        CHECK(test::same_bits(*snapshot, test::random_snapshot(shape, 7)));
      } else {
        CHECK(refused.size() == 1);
        ++n_refused;
      }
    }
    dir.write(std::filesystem::relative(file, dir.path()).string(), bytes);
  }
  CHECK(n_refused > 500);
}

}  // namespace isoflop
