// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint/spec_identity.h"

#include "support/catch.h"
#include "support/toy_dataset.h"

namespace isoflop {

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

TEST_CASE("specs share a trunk if they differ in length, decay and validation alone") {
  const RunSpec spec = test::toy_spec();
  const std::string trunk = trunk_identity(spec, "cpu");
  RunSpec other = spec;
  other.n_steps *= 2;
  other.schedule.milestones = {{0.7, 0.5}};
  other.validation_tokens *= 2;
  CHECK(trunk == trunk_identity(other, "cpu"));
  CHECK(trunk != trunk_identity(spec, "cuda"));
  other.warmup_steps += 1;
  CHECK(trunk != trunk_identity(other, "cpu"));
  other = spec;
  other.peak_lr *= 2;
  CHECK(trunk != trunk_identity(other, "cpu"));
}

}  // namespace isoflop
