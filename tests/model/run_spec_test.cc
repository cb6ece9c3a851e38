// SPDX-License-Identifier: Apache-2.0
#include "isoflop/run_spec.h"

#include <cmath>

#include "isoflop/quantity.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

template <class A, class B>
concept CanMultiply = requires(A a, B b) {
  a* b;
};
static_assert(CanMultiply<FlopsPerToken, Tokens>, "C = M D");
static_assert(!CanMultiply<Tokens, Tokens>);
static_assert(!CanMultiply<Flops, Tokens>);
static_assert(!CanMultiply<Flops, FlopsPerToken>);

RunSpec valid_spec() {
  RunSpec spec;
  spec.shape = {.n_layers = 2,
                .d_model = 48,
                .n_heads = 2,
                .n_kv_heads = 2,
                .d_head = 24,
                .d_ff = 128,
                .vocab_size = 256,
                .seq_len = 128};
  spec.dataset = "text";
  spec.batch_tokens = 1024;
  spec.n_steps = 1000;
  spec.warmup_steps = 50;
  spec.peak_lr = 4e-3;
  return spec;
}

}  // namespace

TEST_CASE("the multi-step schedule holds 1, 0.316, 0.1 over 80, 10, 10 % of the tokens") {
  const RunSpec spec = valid_spec();
  CHECK(lr_fraction_at(spec, 0) == Approx(1.0 / 50));
  CHECK(lr_fraction_at(spec, 49) == 1);
  CHECK(lr_fraction_at(spec, 799) == 1);
  CHECK(lr_fraction_at(spec, 800) == 0.316);
  CHECK(lr_fraction_at(spec, 899) == 0.316);
  CHECK(lr_fraction_at(spec, 900) == 0.1);
  CHECK(lr_fraction_at(spec, 999) == 0.1);
}

TEST_CASE("two runs of different length share the constant stage of their schedule") {
  RunSpec shorter = valid_spec(), longer = valid_spec();
  longer.n_steps = 5000;
  for (const ScheduleKind kind : {ScheduleKind::multi_step, ScheduleKind::wsd}) {
    shorter.schedule.kind = longer.schedule.kind = kind;
    for (std::int64_t step = 0; step < 800; ++step) {
      CHECK(lr_fraction_at(shorter, step) == lr_fraction_at(longer, step));
    }
  }
}

TEST_CASE("cosine and warmup-stable-decay end at the final fraction") {
  RunSpec spec = valid_spec();
  spec.schedule.kind = ScheduleKind::cosine;
  CHECK(lr_fraction_at(spec, 50) == Approx(1.0));
  CHECK(lr_fraction_at(spec, 525) == Approx(0.55));  // half way: the mean of 1 and 0.1
  CHECK(lr_fraction_at(spec, 999) == Approx(0.1).epsilon(1e-4));
  spec.schedule.kind = ScheduleKind::wsd;
  spec.schedule.final_lr_fraction = 0;
  CHECK(lr_fraction_at(spec, 800) == 1);
  CHECK(lr_fraction_at(spec, 850) == Approx(1 - std::sqrt(0.25)));  // 1 - sqrt, a quarter in
  spec.schedule.decay_shape = DecayShape::linear;
  CHECK(lr_fraction_at(spec, 850) == Approx(0.75));
  for (std::int64_t step = 801; step < 1000; ++step) {
    CHECK(lr_fraction_at(spec, step) < lr_fraction_at(spec, step - 1));
  }
}

TEST_CASE("warm-up is 5 % of a run, from 10 to 2000 steps, never more than half") {
  CHECK(default_warmup_steps(1) == 0);
  CHECK(default_warmup_steps(12) == 6);
  CHECK(default_warmup_steps(100) == 10);
  CHECK(default_warmup_steps(1000) == 50);
  CHECK(default_warmup_steps(1'000'000) == 2000);
}

TEST_CASE("specs that cannot be trained are refused by path, value and rule") {
  CHECK_NOTHROW(validate(valid_spec()));
  struct Case {
    void (*spoil)(RunSpec&);
    const char* message;
  };
  const Case cases[] = {
      {[](RunSpec& s) { s.batch_tokens = 1000; },
       "/batch_tokens: must be a multiple of seq_len * micro_batch_seqs * data_parallel = 128"},
      {[](RunSpec& s) { s.batch_tokens = 0; }, "/batch_tokens: must be from 1"},
      {[](RunSpec& s) { s.data_parallel = 16; }, "/batch_tokens: must be a multiple"},
      {[](RunSpec& s) { s.n_steps = 0; }, "/n_steps: must be from 1"},
      {[](RunSpec& s) { s.warmup_steps = 1001; },
       "/warmup_steps: must be from 0 to 1000, got 1001"},
      {[](RunSpec& s) { s.peak_lr = std::nan(""); }, "/peak_lr: must be > 0, got nan"},
      {[](RunSpec& s) { s.peak_lr = -1; }, "/peak_lr: must be > 0, got -1"},
      {[](RunSpec& s) {
         s.schedule.milestones = {{0.9, 0.3}, {0.8, 0.1}};
       },
       "/schedule/milestones/1/0: must be > the one before, got 0.8"},
      {[](RunSpec& s) { s.schedule.milestones[0].lr_fraction = 1.5; },
       "/schedule/milestones/0/1: must be from 0 to 1, got 1.5"},
      {[](RunSpec& s) { s.weight_decay = -0.1; }, "/weight_decay"},
      {[](RunSpec& s) { s.adam_beta2 = 1; }, "/adam_beta2"},
      {[](RunSpec& s) { s.dataset = "../etc"; }, "/dataset"},
      {[](RunSpec& s) { s.validation_tokens = -1; }, "/validation_tokens"},
      {[](RunSpec& s) { s.shape.d_head = 3; }, "/shape/d_head"},
      {[](RunSpec& s) { s.base_d_model = 64; },
       "/base_d_model: must be absent for the standard parametrisation, got 64"},
      {[](RunSpec& s) { s.base_n_layers = 2; }, "/base_n_layers: must be absent"},
      {[](RunSpec& s) { s.parametrisation = Parametrisation::mup; },
       "/base_d_model: must be from 1 to 2^20 for mup: the shape on which the learning rate was "
       "tuned, got 0"},
      {[](RunSpec& s) {
         s.parametrisation = Parametrisation::complete_p;
         s.base_d_model = 64;
       },
       "/base_n_layers: must be from 1 to 2^20 for complete_p"},
      {[](RunSpec& s) {
         s.parametrisation = Parametrisation::complete_p;
         s.base_d_model = 64;
         s.base_n_layers = 2;
         s.shape.tied_embeddings = true;
       },
       "/shape/tied_embeddings: must be false for complete_p, got true"},
  };
  for (const Case& bad : cases) {
    RunSpec spec = valid_spec();
    bad.spoil(spec);
    CHECK_THAT(ISOFLOP_ERROR_MESSAGE(validate(spec)), contains(bad.message));
  }
}
