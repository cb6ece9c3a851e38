// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint/checkpoint_state.h"

#include <bit>
#include <cmath>
#include <limits>

#include "base/hash.h"
#include "base/rng.h"
#include "support/catch.h"

namespace isoflop {
namespace {

using Limits = std::numeric_limits<double>;

CheckpointState example() {
  CheckpointState state;
  state.identity = "0123456789abcdef";
  state.progress = {.steps_done = 100, .last_loss = 0.1, .late_steps = 3, .health = {1, 2.5}};
  state.files = {{"weights.safetensors", 1234, "00000000000000aa", {{"a", "b"}, {"c", "d"}}}};
  return state;
}

std::string refusal(const std::string& text) {
  return ISOFLOP_ERROR_MESSAGE(parse_checkpoint_state(text, "state.json"));
}

std::uint64_t bits(double value) { return std::bit_cast<std::uint64_t>(value); }

/// `text` with one part replaced and the hash made right again.
std::string forged(std::string text, const std::string& part, const std::string& replacement) {
  text.replace(text.find(part), part.size(), replacement);
  const std::size_t last = text.find("  \"hash\": ");
  return text.substr(0, last) + "  \"hash\": \"" + hash_hex(text.substr(0, last)) + "\"\n}\n";
}

}  // namespace

TEST_CASE("state.json gives back every double bit for bit") {
  CheckpointState state = example();
  state.progress.last_loss = Limits::quiet_NaN();
  state.progress.late_loss_sum = -Limits::infinity();
  state.progress.train_seconds = -0.0;
  state.progress.late_steps = std::numeric_limits<std::int64_t>::max();
  state.progress.health = {0.0, Limits::denorm_min(), Limits::max(), Limits::infinity(), 1e18};
  const Rng rng(3);
  for (std::uint64_t i = 0; i < 2000; ++i) {
    state.progress.health.push_back(std::bit_cast<double>(rng.bits(i)));
  }
  const Progress back = parse_checkpoint_state(checkpoint_state_text(state), "s").progress;
  CHECK(back.steps_done == 100);
  CHECK(back.late_steps == std::numeric_limits<std::int64_t>::max());
  CHECK(bits(back.last_loss) == bits(state.progress.last_loss));
  CHECK(bits(back.late_loss_sum) == bits(state.progress.late_loss_sum));
  CHECK(bits(back.train_seconds) == bits(state.progress.train_seconds));
  REQUIRE(back.health.size() == state.progress.health.size());
  int n_different = 0;
  for (std::size_t i = 0; i < back.health.size(); ++i) {
    n_different += bits(back.health[i]) != bits(state.progress.health[i]);
  }
  CHECK(n_different == 0);
}

TEST_CASE("state.json gives back what it says of the files") {
  const CheckpointState back = parse_checkpoint_state(checkpoint_state_text(example()), "s");
  CHECK(back.identity == "0123456789abcdef");
  REQUIRE(back.files.size() == 1);
  CHECK(back.files[0].name == "weights.safetensors");
  CHECK(back.files[0].n_bytes == 1234);
  CHECK(back.files[0].header_hash == "00000000000000aa");
  CHECK(back.files[0].tensor_hashes == example().files[0].tensor_hashes);
}

TEST_CASE("a state.json with any byte changed to any other is refused") {
  const std::string text = checkpoint_state_text(example());
  int n_accepted = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const int change : {1, 2, 4, 8, 16, 32, 64, 128, ' ' ^ '\n', ' ' ^ '\t', '0' ^ '7'}) {
      std::string damaged = text;
      damaged[i] = static_cast<char>(damaged[i] ^ change);
      n_accepted += refusal(damaged) == "(nothing was thrown)";
    }
  }
  CHECK(n_accepted == 0);
}

TEST_CASE("a state.json of any other length is refused") {
  const std::string text = checkpoint_state_text(example());
  int n_accepted = 0;
  for (std::size_t n = 0; n < text.size(); ++n) {
    n_accepted += refusal(text.substr(0, n)) == "(nothing was thrown)";
  }
  CHECK(n_accepted == 0);
  for (const char* extra : {" ", "\n", "x", "{}"}) {
    CHECK(refusal(text + extra) != "(nothing was thrown)");
    CHECK(refusal(extra + text) != "(nothing was thrown)");
  }
}

TEST_CASE("a state.json of another version or with other keys is refused, hash or not") {
  const std::string text = checkpoint_state_text(example());
  CHECK(refusal(forged(text, "100", "101")) == "(nothing was thrown)");
  CHECK_THAT(refusal(forged(text, "checkpoint/1", "checkpoint/2")),
             contains("state.json: /schema: must be \"isoflop.checkpoint/1\", got "
                      "\"isoflop.checkpoint/2\""));
  CHECK_THAT(refusal(forged(text, "\"health\"", "\"heat\"")), contains("/progress/heat"));
  CHECK_THAT(refusal(forged(text, "\"bytes\": 1234", "\"bytes\": -1")), contains("bytes"));
  CHECK_THAT(refusal(forged(text, "\"last_loss\": 0.1", "\"last_loss\": \"xyz\"")),
             contains("must be a number or the bits"));
  CHECK_THAT(refusal(text.substr(0, 40)), contains("state.json: "));
  std::string damaged = text;
  damaged[text.find("100")] = '2';
  CHECK_THAT(refusal(damaged), contains("state.json: is damaged"));
}

}  // namespace isoflop
