// SPDX-License-Identifier: Apache-2.0
#include "run/record_health.h"

#include "run/metrics_file.h"
#include "support/catch.h"
#include "support/temp_dir.h"
#include "support/tiny_spec.h"

namespace isoflop {
namespace {

/// The metrics of steps first ... last and what a record of `steps_done` steps says of them.
struct Measured {
  explicit Measured(std::int64_t steps_done) {
    record.spec = test::tiny_spec();
    record.spec.n_steps = 40;
    record.steps_done = steps_done;
  }
  void append(std::int64_t first, std::int64_t last) {
    for (std::int64_t step = first; step <= last; ++step) {
      StepMetrics line = {step, 256 * step, 4.0, 0.5, 3, 1};
      if (step % 4 == 0) line.grad_norm = 1.25;
      line.is_spike = step == 38;
      metrics.append(line);
    }
  }
  [[nodiscard]] bool knows_health() {
    measure_health(file, record);
    CHECK(record.n_spikes.has_value() == record.clip_fraction.has_value());
    CHECK(record.n_spikes.has_value() == !record.loss_curve.empty());
    return record.n_spikes.has_value();
  }
  test::TempDir dir;
  std::filesystem::path file = dir.path() / "metrics.jsonl";
  MetricsFile metrics{file};
  RunRecord record;
};

TEST_CASE("spikes and clipped steps are counted over all steps, by the spec's grad_clip") {
  Measured run(40);
  run.append(1, 40);
  REQUIRE(run.knows_health());
  CHECK(run.record.n_spikes == 1);
  CHECK(run.record.clip_fraction == 0.25);
  CHECK(run.record.loss_curve == std::vector<double>(20, 4.0));
  run.record.spec.grad_clip = 1.25;
  REQUIRE(run.knows_health());
  CHECK(run.record.clip_fraction == 0);
  run.record.spec.grad_clip = 0.4;
  REQUIRE(run.knows_health());
  CHECK(run.record.clip_fraction == 1);
}

TEST_CASE("a diverged run is counted as far as it came") {
  Measured run(8);
  run.append(1, 8);
  REQUIRE(run.knows_health());
  CHECK(run.record.n_spikes == 0);
  CHECK(run.record.clip_fraction == 0.25);
  CHECK(run.record.loss_curve.size() == 4);
}

TEST_CASE("nothing is said of a run of which not every step is known") {
  Measured run(40);
  CHECK_FALSE(run.knows_health());  // no file
  run.append(1, 39);
  CHECK_FALSE(run.knows_health());  // the last is lost
  run.append(40, 41);
  CHECK_FALSE(run.knows_health());  // those of another, longer run
  Measured gap(40);
  gap.append(1, 20);
  gap.append(22, 41);
  CHECK_FALSE(gap.knows_health());
  Measured late(40);
  late.append(2, 41);
  CHECK_FALSE(late.knows_health());
  Measured none(0);
  none.append(1, 5);
  CHECK_FALSE(none.knows_health());
}

}  // namespace
}  // namespace isoflop
