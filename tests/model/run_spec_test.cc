// SPDX-License-Identifier: Apache-2.0
#include "isoflop/run_spec.h"

#include <algorithm>
#include <cmath>
#include <vector>

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

TEST_CASE("a milestone takes effect at the first step that has its tokens behind it") {
  RunSpec spec = valid_spec();
  spec.warmup_steps = 0;
  for (const std::int64_t n_steps : {7, 100, 1000, 4764, 99991}) {
    spec.n_steps = n_steps;
    for (std::int64_t percent = 1; percent < 100; ++percent) {
      spec.schedule.milestones = {{static_cast<double>(percent) / 100, 0.5}};
      const std::int64_t first = (n_steps * percent + 99) / 100;  // ceil, in integers
      CAPTURE(n_steps, percent);
      CHECK(lr_fraction_at(spec, first - 1) == 1);
      if (first < n_steps) CHECK(lr_fraction_at(spec, first) == 0.5);
      CHECK(stable_steps(spec) == first);
    }
  }
}

TEST_CASE("the decay of WSD begins after the step at its start, at every length") {
  RunSpec spec = valid_spec();
  spec.warmup_steps = 0;
  spec.schedule.kind = ScheduleKind::wsd;
  spec.schedule.final_lr_fraction = 0;
  for (const DecayShape shape : {DecayShape::linear, DecayShape::one_minus_sqrt}) {
    spec.schedule.decay_shape = shape;
    for (const std::int64_t n_steps : {7, 100, 1000, 4764, 99991}) {
      spec.n_steps = n_steps;
      for (std::int64_t percent = 1; percent < 100; ++percent) {
        spec.schedule.decay_fraction = static_cast<double>(percent) / 100;
        // Full rate while at least the decay's share is to come.
        const std::int64_t last = n_steps - (n_steps * percent + 99) / 100;
        CAPTURE(n_steps, percent);
        CHECK(lr_fraction_at(spec, last) == 1);
        if (last + 1 < n_steps) CHECK(lr_fraction_at(spec, last + 1) < 1);
        CHECK(stable_steps(spec) == last + 1);
      }
    }
  }
}

TEST_CASE("every kind of schedule by its formula, with warm-up and an end") {
  RunSpec spec = valid_spec();  // 1000 steps, 50 of warm-up
  const double pi = std::acos(-1.0);
  for (std::int64_t step = 0; step < 1000; ++step) {
    CAPTURE(step);
    const double warm = std::min(1.0, static_cast<double>(step + 1) / 50);
    const double x = static_cast<double>(step) / 1000;
    const double tail = x > 0.8 ? (x - 0.8) / 0.2 : 0;
    spec.schedule = {.kind = ScheduleKind::constant};
    CHECK(lr_fraction_at(spec, step) == warm);
    spec.schedule = {.kind = ScheduleKind::wsd, .decay_shape = DecayShape::linear};
    CHECK(lr_fraction_at(spec, step) == Approx(step < 50 ? warm : 1 - 0.9 * tail));
    spec.schedule.decay_shape = DecayShape::one_minus_sqrt;
    CHECK(lr_fraction_at(spec, step) == Approx(step < 50 ? warm : 1 - 0.9 * std::sqrt(tail)));
    spec.schedule = {.kind = ScheduleKind::cosine};
    const double wave = 0.55 + 0.45 * std::cos(pi * static_cast<double>(step - 50) / 950);
    CHECK(lr_fraction_at(spec, step) == Approx(step < 50 ? warm : wave));
  }
}

TEST_CASE("runs of other lengths are one run while their schedules are stable") {
  std::vector<LrSchedule> schedules(6);
  schedules[1].milestones = {{0.5, 1}, {0.6, 0.3}, {0.9, 1}};
  schedules[2].milestones = {};
  schedules[3].kind = ScheduleKind::wsd;
  schedules[4].kind = ScheduleKind::cosine;
  schedules[5].kind = ScheduleKind::constant;
  const std::int64_t lengths[] = {60, 333, 1000, 1001, 5000};
  const std::int64_t stable[] = {800, 600, 1000, 801, 50, 1000};  // of 1000 steps
  for (std::size_t i = 0; i < schedules.size(); ++i) {
    for (const std::int64_t a : lengths) {
      for (const std::int64_t b : lengths) {
        RunSpec one = valid_spec(), other = one;
        one.schedule = other.schedule = schedules[i];
        one.n_steps = a;
        other.n_steps = b;
        // What one of them does after its own stable stage is its own affair.
        if (i == 0) other.schedule.milestones = {{0.7, 0.2}, {0.75, 0.1}};
        if (i == 3) other.schedule.decay_fraction = 0.4;
        CAPTURE(i, a, b);
        CHECK(stable_steps(one) >= 50);
        CHECK(stable_steps(one) <= a);
        if (a == 1000) CHECK(stable_steps(one) == stable[i]);
        bool agree = true;
        for (std::int64_t s = 0; s < std::min(stable_steps(one), stable_steps(other)); ++s) {
          agree &= lr_fraction_at(one, s) == lr_fraction_at(other, s);
        }
        CHECK(agree);
        // And no longer: the next step of the one that decays first is below the peak.
        if (i != 4 && stable_steps(one) < a) CHECK(lr_fraction_at(one, stable_steps(one)) < 1);
      }
    }
  }
}

TEST_CASE("a warm-up that lasts into the decay is stable throughout") {
  RunSpec spec = valid_spec();
  spec.warmup_steps = 900;
  CHECK(stable_steps(spec) == 900);
  spec.n_steps = 900;
  CHECK(stable_steps(spec) == 900);
  spec.schedule = {.kind = ScheduleKind::wsd, .decay_fraction = 0};
  spec.warmup_steps = 10;
  CHECK(stable_steps(spec) == 900);
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
