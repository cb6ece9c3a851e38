// SPDX-License-Identifier: Apache-2.0
// Every law in fits/fitted/ must be what its points, beside it, give.
#include <filesystem>

#include "isoflop/fit.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

// Libraries differ in the last bits of pow() and exp(); the fits iterate to 1e-9.
constexpr double kTolerance = 1e-6;

void check_same(const PowerLaw& a, const PowerLaw& b) {
  CHECK(a.coefficient == Approx(b.coefficient).epsilon(kTolerance));
  CHECK(a.exponent == Approx(b.exponent).epsilon(kTolerance));
}

void check_same(const std::optional<Interval>& a, const std::optional<Interval>& b) {
  REQUIRE(a.has_value() == b.has_value());
  if (!a) return;
  CHECK(a->low == Approx(b->low).epsilon(1e-4));
  CHECK(a->high == Approx(b->high).epsilon(1e-4));
}

void check_same(const Evidence& a, const Evidence& b) {
  REQUIRE(a.holdout.has_value() == b.holdout.has_value());
  if (a.holdout) CHECK(a.holdout->is_poor == b.holdout->is_poor);
  if (a.holdout)
    CHECK(a.holdout->size_per_decade == Approx(b.holdout->size_per_decade).epsilon(1e-4));
  REQUIRE(a.intervals.size() == b.intervals.size());
  for (std::size_t i = 0; i < a.intervals.size(); ++i) {
    CHECK(a.intervals[i].ratio == Approx(b.intervals[i].ratio));
    CHECK(a.intervals[i].size_median == Approx(b.intervals[i].size_median).epsilon(1e-4));
    CHECK(a.intervals[i].loss_median == Approx(b.intervals[i].loss_median).epsilon(1e-4));
    check_same(a.intervals[i].size, b.intervals[i].size);
    check_same(a.intervals[i].loss, b.intervals[i].loss);
  }
}

}  // namespace

TEST_CASE("our own laws follow from the points beside them") {
  int n_laws = 0;
  for (const auto& entry : std::filesystem::directory_iterator(ISOFLOP_SOURCE_DIR "/fits/fitted")) {
    if (entry.path().extension() != ".json") continue;
    INFO(entry.path().string());
    const Law stored = load_law(entry.path());
    const Law refitted =
        to_law(fit(load_points_csv(std::filesystem::path(entry.path()).replace_extension(".csv"))),
               stored.id, stored.source);
    CHECK(refitted.vocab_size == stored.vocab_size);
    CHECK(refitted.seq_len == stored.seq_len);
    REQUIRE(stored.allocation);
    REQUIRE(refitted.allocation);
    check_same(stored.allocation->flops_per_token, refitted.allocation->flops_per_token);
    check_same(stored.allocation->tokens, refitted.allocation->tokens);
    REQUIRE(stored.hyper);
    REQUIRE(refitted.hyper);
    check_same(stored.hyper->batch_tokens, refitted.hyper->batch_tokens);
    check_same(stored.hyper->peak_lr, refitted.hyper->peak_lr);
    REQUIRE(stored.frontier);
    REQUIRE(refitted.frontier);
    CHECK((*stored.frontier)(1e13) == Approx((*refitted.frontier)(1e13)).epsilon(1e-4));
    REQUIRE(stored.evidence);
    REQUIRE(refitted.evidence);
    check_same(*stored.evidence, *refitted.evidence);
    ++n_laws;
  }
  CHECK(n_laws >= 2);
}
