// SPDX-License-Identifier: Apache-2.0
#include "isoflop/forecast.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "base/text.h"
#include "support/catch.h"
#include "support/temp_dir.h"
#include "support/tiny_spec.h"

using namespace isoflop;

namespace {

Law law_with_error(double relative_error) {
  Law law;
  law.id = "ours";
  law.source = "a test";
  law.frame = {.dataset = "tiny", .tokenizer = "bytes", .metric = Metric::bits_per_byte};
  law.fitted_from = Flops(1e5);
  law.fitted_to = Flops(1e7);
  law.frontier = FrontierLaw{1.0, 10, -0.1, relative_error};
  return law;
}

}  // namespace

TEST_CASE("a forecast carries the law's hash and the interval that its hold-outs gave") {
  const RunSpec spec = test::tiny_spec();
  const Law law = law_with_error(0.06);
  const Forecast forecast = make_forecast(law, spec);
  CHECK(forecast.law_hash == hash_hex(to_json(law)));
  CHECK(forecast.law_hash != make_forecast(law_with_error(0.03), spec).law_hash);
  const double decades = std::max(1.0, std::log10(forecast.extrapolation));
  CHECK(std::log(forecast.predicted.high / forecast.predicted.value) == Approx(0.06 * decades));
  CHECK(std::log(forecast.predicted.value / forecast.predicted.low) == Approx(0.06 * decades));
}

TEST_CASE("a forecast that was edited is not read, whatever was edited") {
  const test::TempDir dir;
  const auto file = dir.path() / "forecast.json";
  save_forecast(make_forecast(law_with_error(0.06), test::tiny_spec()), file);
  const std::string text = test::read_file(file);
  CHECK(load_forecast(file).law_id == "ours");
  for (const char* key : {"predicted", "low", "high", "extrapolation"}) {
    const std::size_t at =
        text.find("\"" + std::string(key) + "\": ") + std::string(key).size() + 4;
    std::string edited = text;
    edited[at] = edited[at] == '9' ? '8' : '9';
    const auto copy = dir.write(std::string(key) + ".json", edited);
    INFO(key);
    CHECK(ISOFLOP_ERROR_MESSAGE(load_forecast(copy)).find("was changed after it was made") !=
          std::string::npos);
  }
}

TEST_CASE("a run that repeats its data is forecast at the fresh tokens it is worth") {
  const RunSpec spec = test::tiny_spec();
  const Law law = law_with_error(0.06);
  const double tokens = spec.tokens().value();
  const double fresh = make_forecast(law, spec).predicted.value;
  CHECK(make_forecast(law, spec, tokens).predicted.value == fresh);
  const Forecast repeated = make_forecast(law, spec, tokens / 50);
  CHECK(repeated.predicted.value > fresh);
  const test::TempDir dir;
  save_forecast(repeated, dir.path() / "f.json");
  CHECK(load_forecast(dir.path() / "f.json").unique_tokens == tokens / 50);
}

TEST_CASE("a spec without the data set's hash is scored by its name, one with a hash is not") {
  RunSpec spec = test::tiny_spec();
  spec.dataset_hash.clear();
  RunRecord record;
  record.spec = spec;
  record.spec.dataset_hash = "0123456789abcdef";
  record.run_id = run_id(record.spec);
  record.validation.emplace().bits_per_byte = 2;
  const Forecast named = make_forecast(law_with_error(0.06), spec);
  CHECK(score(named, record).by_name);
  record.spec.n_steps += 1;
  record.run_id = run_id(record.spec);
  CHECK(ISOFLOP_ERROR_MESSAGE(score(named, record)).find("the forecast is of run") == 0);
  spec.dataset_hash = "fedcba9876543210";
  record.spec = spec;
  record.spec.dataset_hash = "0123456789abcdef";
  record.run_id = run_id(record.spec);
  CHECK(ISOFLOP_ERROR_MESSAGE(score(make_forecast(law_with_error(0.06), spec), record))
            .find("the forecast is of run") == 0);
}
