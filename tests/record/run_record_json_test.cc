// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "isoflop/run_record.h"
#include "support/catch.h"
#include "support/temp_dir.h"
#include "support/tiny_spec.h"

namespace isoflop {
namespace {

RunRecord completed_record() {
  RunRecord record;
  record.spec = test::tiny_spec();
  record.run_id = run_id(record.spec);
  record.outcome = RunOutcome::completed;
  record.validation = Evaluation{2.25, 3.2460639, 0.0125, 4096, 4090};
  record.train_loss_nats = 2.5;
  record.steps_done = 500;
  record.n_spikes = 3;
  record.clip_fraction = 1.0 / 3;
  record.loss_curve = {5.5, 1e-3 / 7, 2.5};
  record.wall_seconds = 1.5;
  record.tokens_per_second = 1e5 / 3;
  record.flops_per_second = 4e10;
  record.mfu = 0.31;
  record.device = "cpu: \"quoted\" name";
  record.version = "0.1.0";
  record.git_commit = "unknown";
  record.peak_memory_bytes = 1 << 20;
  return record;
}

TEST_CASE("a record reads back equal") {
  const test::TempDir dir;
  const RunRecord record = completed_record();
  save_run_record(record, dir.path() / "record.json");
  const RunRecord back = load_run_record(dir.path() / "record.json");
  CHECK(back.run_id == record.run_id);
  CHECK(back.spec == record.spec);
  CHECK(back.outcome == record.outcome);
  CHECK(back.validation->loss_nats == 2.25);
  CHECK(back.validation->bits_per_byte == 3.2460639);
  CHECK(back.validation->standard_error == 0.0125);
  CHECK(back.validation->tokens == 4096);
  CHECK(back.validation->bytes == 4090);
  CHECK(back.train_loss_nats == 2.5);
  CHECK(back.steps_done == 500);
  CHECK(back.n_spikes == 3);
  CHECK(back.clip_fraction == record.clip_fraction);
  CHECK(back.loss_curve == record.loss_curve);
  CHECK(back.tokens_per_second == record.tokens_per_second);
  CHECK(back.mfu == record.mfu);
  CHECK(back.device == record.device);
  CHECK(back.peak_memory_bytes == record.peak_memory_bytes);
}

TEST_CASE("a record that says nothing of the run's health is read, and the run is the same") {
  const test::TempDir dir;
  RunRecord record = completed_record();
  record.n_spikes.reset();
  record.clip_fraction.reset();
  record.loss_curve.clear();
  save_run_record(record, dir.path() / "record.json");
  const std::string text = test::read_file(dir.path() / "record.json");
  for (const char* key : {"n_spikes", "clip_fraction", "loss_curve"}) {
    CHECK(text.find(key) == std::string::npos);
  }
  const RunRecord back = load_run_record(dir.path() / "record.json");
  CHECK_FALSE(back.n_spikes);
  CHECK_FALSE(back.clip_fraction);
  CHECK(back.loss_curve.empty());
  CHECK(back.run_id == completed_record().run_id);
}

TEST_CASE("a diverged run's losses that are not numbers are absent, not null or zero") {
  const test::TempDir dir;
  RunRecord record = completed_record();
  record.outcome = RunOutcome::diverged;
  record.message = "the loss was not finite at step 17";
  record.train_loss_nats = std::numeric_limits<double>::quiet_NaN();
  record.validation.reset();
  save_run_record(record, dir.path() / "record.json");
  const RunRecord back = load_run_record(dir.path() / "record.json");
  CHECK(back.outcome == RunOutcome::diverged);
  CHECK(back.message == record.message);
  CHECK_FALSE(back.train_loss_nats);
  CHECK_FALSE(back.validation);
}

TEST_CASE("a completed run without a finite loss cannot be recorded") {
  const test::TempDir dir;
  RunRecord record = completed_record();
  record.validation->loss_nats = std::numeric_limits<double>::infinity();
  CHECK_THROWS_AS(save_run_record(record, dir.path() / "record.json"), Error);
  record.validation.reset();
  CHECK_THROWS_AS(save_run_record(record, dir.path() / "record.json"), Error);
  CHECK_FALSE(std::filesystem::exists(dir.path() / "record.json"));
}

TEST_CASE("a record cut off at any byte is refused") {
  const test::TempDir dir;
  save_run_record(completed_record(), dir.path() / "record.json");
  const std::string text = test::read_file(dir.path() / "record.json");
  for (std::size_t n = 0; n + 2 < text.size(); n += 7) {
    CHECK_THROWS_AS(load_run_record(dir.write("cut.json", text.substr(0, n))), Error);
  }
}

TEST_CASE("a malformed record is refused with file, path and value") {
  const test::TempDir dir;
  save_run_record(completed_record(), dir.path() / "record.json");
  const std::string good = test::read_file(dir.path() / "record.json");
  const auto message = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    REQUIRE(text.find(from) != std::string::npos);
    text.replace(text.find(from), from.size(), to);
    return ISOFLOP_ERROR_MESSAGE(load_run_record(dir.write("bad.json", text)));
  };
  using Catch::Matchers::Contains;
  CHECK_THAT(message("\"completed\"", "\"done\""), Contains("bad.json: /outcome: must be one of"));
  CHECK_THAT(message("\"seed\": 0", "\"seed\": 1"), Contains("/run_id: must be the hash of /spec"));
  CHECK_THAT(message("2.25", "-1"), Contains("/validation/loss_nats: must be from 0 to"));
  CHECK_THAT(message("2.25", "null"),
             Contains("/validation/loss_nats: must be a number, got null"));
  CHECK_THAT(message("\"steps_done\": 500", "\"steps_done\": 501"),
             Contains("/steps_done: must be an integer from 0 to 500, got 501"));
  CHECK_THAT(message("\"batch_tokens\": 256", "\"batch_tokens\": 255"),
             Contains("/spec/batch_tokens: must be a multiple"));
  CHECK_THAT(message("\"n_heads\": 2", "\"n_heads\": 0"), Contains("/spec/shape/n_heads: must be"));
  CHECK_THAT(message("\"n_spikes\": 3", "\"n_spikes\": 501"),
             Contains("/n_spikes: must be an integer from 0 to 500, got 501"));
  CHECK_THAT(message("\"clip_fraction\": 0.3", "\"clip_fraction\": 1.3"),
             Contains("/clip_fraction: must be from 0 to 1, got 1.3"));
  CHECK_THAT(message("5.5,", "0,"), Contains("/loss_curve/0: must be"));
  CHECK_THAT(message("5.5,", "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"),
             Contains("/loss_curve: must have at most 20 elements, got 21"));
  CHECK_THAT(message("\"mfu\"", "\"mfv\""), Contains("/mfv: unknown key; did you mean mfu?"));
}

}  // namespace
}  // namespace isoflop
