// SPDX-License-Identifier: Apache-2.0
#include "isoflop/run_record.h"
#include "support/catch.h"
#include "support/tiny_spec.h"

namespace isoflop {
namespace {

TEST_CASE("runs that differ in length, decay and validation alone have one trunk_id") {
  const RunSpec spec = test::tiny_spec();
  const std::string id = trunk_id(spec);
  CHECK(id.size() == 16);
  CHECK(id != run_id(spec));
  CHECK(id == "48f1a994b9bcb80a");  // it names folders

  RunSpec same = spec;
  same.n_steps = 900;
  CHECK(trunk_id(same) == id);
  same.validation_tokens = 64;
  CHECK(trunk_id(same) == id);
  same.schedule = {.kind = ScheduleKind::wsd, .decay_fraction = 0.3};
  CHECK(trunk_id(same) == id);
  same.schedule.milestones = {{0.5, 0.5}};
  same.schedule.kind = ScheduleKind::multi_step;
  CHECK(trunk_id(same) == id);
}

TEST_CASE("whatever shows before the decay makes another trunk") {
  const RunSpec spec = test::tiny_spec();
  const auto differs = [&](auto change) {
    RunSpec other = spec;
    change(other);
    return trunk_id(other) != trunk_id(spec);
  };
  CHECK(differs([](RunSpec& other) { ++other.warmup_steps; }));
  CHECK(differs([](RunSpec& other) { other.peak_lr *= 2; }));
  CHECK(differs([](RunSpec& other) { other.batch_tokens *= 2; }));
  CHECK(differs([](RunSpec& other) { other.micro_batch_seqs = 2; }));
  CHECK(differs([](RunSpec& other) { other.seed = 1; }));
  CHECK(differs([](RunSpec& other) { other.shape.d_ff += 8; }));
  CHECK(differs([](RunSpec& other) { other.dataset_hash[0] = 'f'; }));
  CHECK(differs([](RunSpec& other) { other.weight_decay = 0; }));
  CHECK(differs([](RunSpec& other) { other.precision = Precision::bf16; }));
}

}  // namespace
}  // namespace isoflop
