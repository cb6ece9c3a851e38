// SPDX-License-Identifier: Apache-2.0
#include "isoflop/forecast_prior.h"

#include "support/catch.h"
#include "support/temp_dir.h"

using namespace isoflop;

namespace {

std::string complaint_of(const std::string& text) {
  const test::TempDir dir;
  dir.write("prior.json", text);
  return ISOFLOP_ERROR_MESSAGE(static_cast<void>(load_forecast_prior(dir.path() / "prior.json")));
}

}  // namespace

TEST_CASE("the prior that ships says where each of its numbers is from") {
  const ForecastPrior& prior = published_prior();
  CHECK(prior.id == "published-sweeps");
  CHECK(prior.exponent->centre == 0.5);
  for (const char* source : {"2203.15556", "2406.19146", "2401.02954"}) {
    INFO(source);
    CHECK(prior.source.find(source) != std::string::npos);
  }
  const ForecastPrior none = no_prior();
  CHECK_FALSE(none.exponent);
  CHECK_FALSE(none.loss_scatter);
  CHECK(none.ageing == prior.ageing);
  REQUIRE(none.size_drift);
  CHECK(none.size_drift->centre == prior.size_drift->centre);
}

TEST_CASE("a prior of one's own is read, and a fault in it is told with its path") {
  const test::TempDir dir;
  dir.write("mine.json", R"({"schema": "isoflop.forecast_prior/1", "id": "mine", "source": "here",
    "size": {"exponent": [0.7, 0.05]}, "ageing": 0})");
  const ForecastPrior mine = load_forecast_prior(dir.path() / "mine.json");
  CHECK(mine.exponent->centre == 0.7);
  CHECK_FALSE(mine.loss_rate);
  CHECK(mine.size_drift);
  const std::string head = R"({"schema": "isoflop.forecast_prior/1", "id": "x", "source": "")";
  CHECK(complaint_of(head + "}").find("ageing") != std::string::npos);
  CHECK(complaint_of(head + R"(, "ageing": -1})").find("/ageing") != std::string::npos);
  CHECK(complaint_of(head + R"(, "ageing": 1, "size": {"scatter": [0, 1]}})")
            .find("/size/scatter/0") != std::string::npos);
  CHECK(complaint_of(head + R"(, "ageing": 1, "loss": {"rates": [1, 1]}})").find("rates") !=
        std::string::npos);
}
