// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <limits>

#include "isoflop/law.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"
#include "support/temp_dir.h"

using namespace isoflop;
using test::TempDir;

namespace {

Law full_law() {
  Law law;
  law.id = "full";
  law.source = "a test, \"quoted\"";
  law.frame = {.dataset = "dictionary",
               .tokenizer = "bytes",
               .metric = Metric::bits_per_byte,
               .convention = FlopsConvention::deepseek_m_actual};
  law.fitted_from = Flops(1e11);
  law.fitted_to = Flops(1e12 / 3);
  law.vocab_size = 257;
  law.seq_len = 128;
  law.allocation = AllocationLaw{{0.1, 0.5243}, {10.000000000000002, 0.4757}};
  law.hyper = HyperLaw{{0.2920, 0.3271}, {0.3118, -0.125}, Flops(2e11)};
  law.hyper_nd = HyperLawNd{{0.58, 0, 0.571}, {1.79, -0.713, 0.307}};
  law.peak_lr_at_batch = RateAtBatchLaw{1.0 / 7, -0.6, -0.5, 0.9};
  law.weight_decay = WeightDecayLaw{{1.084, -0.527}};
  law.tuned_on.tokens_per_param = Interval{1.0 / 9, 2e3};
  law.tuned_on.weight_decay = Interval{0.01, 0.01};
  law.mark = SourceMark::recomputed;
  law.loss = test::epoch_surface();
  law.frontier = FrontierLaw{1.0 / 3, 12.5, -0.1, 0.03};
  law.note = "read me";
  law.recipe.weight_decay = 0.02;
  law.recipe.schedule = LrSchedule{.kind = ScheduleKind::wsd, .decay_fraction = 0.3};
  law.recipe.parametrisation = Parametrisation::mup;
  law.recipe.base_d_model = law.recipe.base_n_layers = 64;
  return law;
}

constexpr const char* kSmall = R"({"schema": "isoflop.law/1", "id": "x", "source": "s",
  "frame": {"dataset": "d", "metric": "loss_nats", "convention": "exact"})";

std::string complaint(const TempDir& folder, const std::string& rest) {
  const auto file = folder.write("law.json", kSmall + rest + "}");
  return ISOFLOP_ERROR_MESSAGE(load_law(file));
}

}  // namespace

TEST_CASE("a law read back has equal doubles in every part") {
  const TempDir folder;
  const Law law = full_law();
  save_law(law, folder.path() / "full.json");
  const Law back = load_law(folder.path() / "full.json");
  CHECK(back.id == law.id);
  CHECK(back.source == law.source);
  CHECK(back.frame == law.frame);
  CHECK(back.fitted_from == law.fitted_from);
  CHECK(back.fitted_to == law.fitted_to);
  CHECK(back.vocab_size == law.vocab_size);
  CHECK(back.seq_len == law.seq_len);
  CHECK(back.note == law.note);
  CHECK(back.recipe == law.recipe);
  CHECK(back.allocation->tokens.coefficient == law.allocation->tokens.coefficient);
  CHECK(back.allocation->flops_per_token.exponent == 0.5243);
  CHECK(back.hyper->peak_lr.exponent == -0.125);
  CHECK(back.hyper->fitted_to == law.hyper->fitted_to);
  CHECK(back.hyper_nd->peak_lr.exponent_params == -0.713);
  CHECK(back.hyper_nd->batch_tokens.exponent_tokens == 0.571);
  CHECK(back.peak_lr_at_batch->coefficient == 1.0 / 7);
  CHECK(back.peak_lr_at_batch->exponent_batch == 0.9);
  CHECK(back.weight_decay->timescale.exponent == -0.527);
  CHECK(back.tuned_on.tokens_per_param->low == 1.0 / 9);
  CHECK(back.tuned_on.weight_decay->high == 0.01);
  CHECK_FALSE(back.tuned_on.params);
  CHECK(back.mark == SourceMark::recomputed);
  CHECK(back.loss->b == 2085.43);
  CHECK(back.loss->scale == LossLaw::Scale::params);
  CHECK(back.frontier->irreducible == 1.0 / 3);
  CHECK(back.frontier->relative_error == 0.03);
  save_law(back, folder.path() / "again.json");
  CHECK(test::read_file(folder.path() / "again.json") ==
        test::read_file(folder.path() / "full.json"));
}

TEST_CASE("what a law does not say stays absent") {
  const TempDir folder;
  const Law law = load_law(folder.write("x.json", std::string(kSmall) + "}"));
  CHECK(law.frame.tokenizer.empty());
  CHECK_FALSE(law.fitted_to.has_value());
  CHECK_FALSE(law.allocation.has_value());
  CHECK_FALSE(law.hyper.has_value());
  CHECK_FALSE(law.hyper_nd.has_value());
  CHECK_FALSE(law.peak_lr_at_batch.has_value());
  CHECK_FALSE(law.weight_decay.has_value());
  CHECK(law.tuned_on.empty());
  CHECK_FALSE(law.mark.has_value());
  CHECK_FALSE(law.loss.has_value());
  CHECK_FALSE(law.frontier.has_value());
}

TEST_CASE("a malformed law is refused with file, path, value and what is allowed") {
  const TempDir folder;
  struct Case {
    const char* rest;
    const char* expected;
  };
  const std::vector<Case> cases = {
      {R"(, "alocation": {})", "/alocation: unknown key; did you mean allocation"},
      {R"(, "fitted_to": -1)", "/fitted_to: must be > 0, got -1"},
      {R"(, "fitted_from": 2, "fitted_to": 1)", "/fitted_to: must be at least fitted_from"},
      {R"(, "vocab_size": 3.9)", "/vocab_size: must be an integer"},
      {R"(, "seq_len": 0)", "/seq_len: must be an integer from 1"},
      {R"(, "allocation": {"tokens": [1, 0.5]})", "/allocation/flops_per_token: is missing"},
      {R"(, "allocation": {"tokens": [1], "flops_per_token": [1, 0.5]})",
       "/allocation/tokens: must have 2 elements, got 1"},
      {R"(, "allocation": {"tokens": [0, 0.5], "flops_per_token": [1, 0.5]})",
       "/allocation/tokens/0: must be > 0, got 0"},
      {R"(, "allocation": {"tokens": [1, 5.8316e3], "flops_per_token": [1, 0.5]})",
       "/allocation/tokens/1: must be from -10 to 10"},
      {R"(, "allocation": {"exponents_only": 1, "tokens": 0.5, "flops_per_token": 0.5})",
       "/allocation/exponents_only: must be true or false, got 1"},
      {R"(, "hyper": {"peak_lr": [0.3, -0.125]})", "/hyper/batch_tokens: is missing"},
      {R"(, "hyper_nd": {"peak_lr": {"coefficient": 1}, "batch_tokens": {}})",
       "/hyper_nd/batch_tokens/coefficient: is missing"},
      {R"(, "peak_lr_at_batch": {"coefficient": -1})",
       "/peak_lr_at_batch/coefficient: must be > 0, got -1"},
      {R"(, "peak_lr_at_batch": {"coefficient": 1, "exponent_params": 0, "exponent_tokens": 0})",
       "/peak_lr_at_batch/exponent_batch: is missing"},
      {R"(, "weight_decay": {"time_scale": [1, -0.5]})",
       "/weight_decay/time_scale: unknown key; did you mean timescale"},
      {R"(, "weight_decay": {"timescale": [-1, -0.5]})",
       "/weight_decay/timescale/0: must be > 0, got -1"},
      {R"(, "tuned_on": {"params": [2, 1]})",
       "/tuned_on/params: must be [from, to] with from <= to, got [2, 1]"},
      {R"(, "tuned_on": {"param": [1, 2]})", "/tuned_on/param: unknown key; did you mean params"},
      {R"(, "mark": "second")", "/mark: must be one of printed, recomputed, secondary"},
      {R"(, "loss": {"irreducible": -1, "a": 1, "alpha": 1, "b": 1, "beta": 1, "scale": "params"})",
       "/loss/irreducible: must be >= 0, got -1"},
      {R"(, "loss": {"irreducible": 1, "a": 1, "alpha": 0, "b": 1, "beta": 1, "scale": "params"})",
       "/loss/alpha: must be from"},
      {R"(, "loss": {"irreducible": 1, "a": 1, "alpha": 1, "b": 1, "beta": 1, "scale": "n"})",
       "/loss/scale: must be one of params, flops_per_token"},
      {R"(, "frontier": {"irreducible": 1, "coefficient": 1, "exponent": 0.1})",
       "/frontier/exponent: must be from -10 to 0, got 0.1"},
      {R"(, "frontier": {"irreducible": null, "coefficient": 1, "exponent": -0.1})",
       "/frontier/irreducible: must be a number, got null"},
  };
  for (const Case& bad : cases) {
    const std::string message = complaint(folder, bad.rest);
    INFO(bad.rest << "\n" << message);
    CHECK(message.find(bad.expected) != std::string::npos);
    CHECK(message.find("law.json") != std::string::npos);
  }
}

TEST_CASE("a law's id, schema and frame are checked") {
  const TempDir folder;
  const auto message = [&](const std::string& text) {
    return ISOFLOP_ERROR_MESSAGE(load_law(folder.write("law.json", text)));
  };
  CHECK(message(R"({"schema": "isoflop.plan/1"})").find("must be \"isoflop.law/1\"") !=
        std::string::npos);
  CHECK(message(R"({"schema": "isoflop.law/1", "id": "../x"})").find("/id: must be 1 to 100") !=
        std::string::npos);
  CHECK(message(R"({"schema": "isoflop.law/1", "id": "x", "source": "s", "frame": {"dataset": "d",
                    "metric": "loss", "convention": "exact"}})")
            .find("/frame/metric: must be one of loss_nats, bits_per_byte") != std::string::npos);
  CHECK(message(R"({"schema": "isoflop.law/1", "id": "x", "source": "s", "frame": {"dataset": "d",
                    "metric": "loss_nats", "convention": "deepseek"}})")
            .find("did you mean deepseek_m") != std::string::npos);
}

TEST_CASE("a law that could not be read back is not written") {
  const TempDir folder;
  Law law = full_law();
  law.frontier->exponent = 0.5;
  CHECK(ISOFLOP_ERROR_MESSAGE((save_law(law, folder.path() / "x.json"), 0)) !=
        "(nothing was thrown)");
  law = full_law();
  law.allocation->tokens.coefficient = std::numeric_limits<double>::quiet_NaN();
  CHECK(ISOFLOP_ERROR_MESSAGE((save_law(law, folder.path() / "x.json"), 0)) !=
        "(nothing was thrown)");
  CHECK_FALSE(std::filesystem::exists(folder.path() / "x.json"));
}

TEST_CASE("a law book is the laws of both folders by id") {
  const TempDir folder;
  Law law = full_law();
  std::filesystem::create_directories(folder.path() / "published");
  save_law(law, folder.path() / "published/full.json");
  CHECK(load_law_book(folder.path()).size() == 1);
  std::filesystem::create_directories(folder.path() / "fitted");
  law.id = "a-fitted";
  save_law(law, folder.path() / "fitted/a-fitted.json");
  folder.write("fitted/notes.txt", "not a law");
  const std::vector<Law> book = load_law_book(folder.path());
  REQUIRE(book.size() == 2);
  CHECK(book[0].id == "a-fitted");
  CHECK(book[1].id == "full");
}

TEST_CASE("a law book refuses a misnamed file, twins and a missing folder") {
  const TempDir folder;
  const Law law = full_law();
  std::filesystem::create_directories(folder.path() / "published");
  std::filesystem::create_directories(folder.path() / "fitted");
  save_law(law, folder.path() / "published/other.json");
  const auto message = [&] { return ISOFLOP_ERROR_MESSAGE(load_law_book(folder.path())); };
  CHECK(message().find("/id: must be the name of the file, \"other\"") != std::string::npos);
  std::filesystem::remove(folder.path() / "published/other.json");
  save_law(law, folder.path() / "published/full.json");
  save_law(law, folder.path() / "fitted/full.json");
  CHECK(message().find("\"full\" is both published and fitted") != std::string::npos);
  CHECK(ISOFLOP_ERROR_MESSAGE(load_law_book(folder.path() / "nowhere")).find("nowhere") !=
        std::string::npos);
}

TEST_CASE("a recipe that no run may have is refused where it stands") {
  const TempDir folder;
  CHECK_THAT(complaint(folder, R"(, "recipe": {"weight_decay": -1})"),
             contains("law.json: /recipe/weight_decay: must be from 0 to 100, got -1"));
  CHECK_THAT(complaint(folder, R"(, "recipe": {"weight_decoy": 0.1})"),
             contains("did you mean weight_decay"));
  CHECK_THAT(complaint(folder, R"(, "recipe": {"parametrisation": "mup"})"),
             contains("/recipe/base_d_model"));
}
