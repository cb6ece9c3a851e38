// SPDX-License-Identifier: Apache-2.0
#include "isoflop/run_record.h"
#include "support/catch.h"
#include "support/temp_dir.h"
#include "support/tiny_spec.h"

namespace isoflop {
namespace {

RunRecord record_of_seed(std::uint64_t seed) {
  RunRecord record;
  record.spec = test::tiny_spec();
  record.spec.seed = seed;
  record.run_id = run_id(record.spec);
  record.outcome = RunOutcome::diverged;
  return record;
}

TEST_CASE("a store finds what was appended and lists it by id") {
  const test::TempDir dir;
  const RunStore store(dir.path() / "runs");
  CHECK(store.all().empty());
  CHECK_FALSE(store.find(record_of_seed(0).run_id));
  for (std::uint64_t seed = 0; seed < 5; ++seed) store.append(record_of_seed(seed));
  CHECK(store.find(record_of_seed(3).run_id)->spec.seed == 3);
  const std::vector<RunRecord> all = store.all();
  REQUIRE(all.size() == 5);
  for (std::size_t i = 1; i < all.size(); ++i) CHECK(all[i - 1].run_id < all[i].run_id);
}

TEST_CASE("names that would leave the store are refused") {
  const RunStore store("runs");
  for (const char* name : {"", ".", "..", "../x", "a/b", "/etc", "a\nb", ".hidden"}) {
    CHECK_THROWS_AS(store.run_folder(name), Error);
  }
  CHECK(store.run_folder("00ff") == std::filesystem::path("runs/00ff"));
}

TEST_CASE("a record in the folder of another run is refused") {
  const test::TempDir dir;
  const RunStore store(dir.path());
  store.append(record_of_seed(0));
  const std::string other = record_of_seed(1).run_id;
  std::filesystem::rename(store.run_folder(record_of_seed(0).run_id), store.run_folder(other));
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(store.find(other)),
             Catch::Matchers::Contains("/run_id: must be " + other + ", the folder's name"));
}

}  // namespace
}  // namespace isoflop
