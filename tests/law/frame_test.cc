// SPDX-License-Identifier: Apache-2.0
#include "isoflop/law.h"
#include "support/catch.h"

using namespace isoflop;

TEST_CASE("equal frames may be mixed") {
  const Frame frame{.dataset = "dictionary", .tokenizer = "bytes"};
  REQUIRE_NOTHROW(require_same_frame(frame, frame, "two points"));
}

TEST_CASE("a frame mismatch names what was compared, the field and both values") {
  const Frame a{.dataset = "dictionary", .tokenizer = "bytes", .metric = Metric::bits_per_byte};
  const auto message = [&](auto change) {
    Frame b = a;
    change(b);
    return ISOFLOP_ERROR_MESSAGE((require_same_frame(a, b, "points and law"), 0));
  };
  const std::string dataset = message([](Frame& b) { b.dataset = "manual"; });
  CHECK(dataset.find("points and law: dataset differs: \"dictionary\" and \"manual\"") == 0);
  CHECK(message([](Frame& b) { b.tokenizer = ""; }).find("(not stated)") != std::string::npos);
  CHECK(message([](Frame& b) { b.metric = Metric::loss_nats; }).find("loss_nats") !=
        std::string::npos);
  CHECK(message([](Frame& b) { b.convention = FlopsConvention::palm; }).find("palm") !=
        std::string::npos);
}

TEST_CASE("a frame mismatch has its own error code") {
  try {
    require_same_frame({.dataset = "a", .tokenizer = ""}, {.dataset = "b", .tokenizer = ""}, "x");
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::frame_mismatch);
  }
}
