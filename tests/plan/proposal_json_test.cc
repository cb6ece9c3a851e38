// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "isoflop/proposal.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

Proposal proposal(const char* law, bool with_cost) {
  const std::filesystem::path folder = std::filesystem::path(ISOFLOP_SOURCE_DIR) / "fits/published";
  ProposalRequest request{.compute_budget = Flops(1e20)};
  if (with_cost) {
    request.gpu_peak_flops = 989e12;
    request.mfu = 0.4;
    request.price_per_gpu_hour = 2;
  }
  return propose(request, load_law(folder / (std::string(law) + ".json")));
}

}  // namespace

TEST_CASE("the answer has the contract's keys") {
  const Proposal p = proposal("deepseek-llm-2024", true);
  const Json document = parse_json(to_json(p), "answer");
  const JsonReader json(document, "answer");
  json.require_schema("isoflop.proposal/1");
  CHECK(json.at("law").string() == "deepseek-llm-2024");
  CHECK(json.at("compute_budget").number() == 1e20);
  for (const char* key : {"batch_tokens", "batch_seqs", "peak_lr", "tokens", "n_steps",
                          "warmup_steps", "extrapolation"}) {
    CHECK(json.at(key).positive() > 0);
  }
  for (const char* key : {"batch_tokens", "peak_lr", "flops_per_token", "tokens"}) {
    CHECK(json.at("law_values").at(key).positive() > 0);
  }
  CHECK(json.at("law_values").at("peak_lr").number() == *p.law_peak_lr);
  CHECK(json.at("shape").at("d_model").integer(1, 100000) == p.spec.shape.d_model);
  for (const char* key : {"exact", "deepseek_m", "six_n2"}) {
    CHECK(json.at("flops_per_token").at(key).positive() > 0);
  }
  CHECK(json.at("schedule").at("kind").string() == "multi_step");
  const auto milestones = json.at("schedule").at("milestones").elements(2);
  CHECK(milestones[0].elements(2)[0].number() == 0.8);
  CHECK(milestones[0].elements(2)[1].number() == 0.316);
  CHECK(json.at("cost").at("gpu_hours").positive() > 0);
  CHECK(json.at("cost").at("price").number() == 2 * json.at("cost").at("gpu_hours").number());
  CHECK_FALSE(json.at("warnings").elements().empty());
  CHECK_FALSE(json.find("predicted"));
}

TEST_CASE("what a law does not say is absent from the answer, not zero") {
  const Json document = parse_json(to_json(proposal("epoch-2024", false)), "answer");
  const JsonReader json(document, "answer");
  for (const char* key :
       {"batch_tokens", "batch_seqs", "peak_lr", "n_steps", "warmup_steps", "schedule", "cost"}) {
    CHECK_FALSE(json.find(key));
  }
  CHECK_FALSE(json.at("law_values").find("peak_lr"));
  CHECK(json.at("law_values").at("tokens").positive() > 0);
  CHECK(json.at("predicted").at("loss").positive() > 0);
  CHECK(json.at("predicted").at("low").number() < json.at("predicted").at("high").number());
  CHECK_FALSE(json.at("predicted").find("bits_per_byte"));
  CHECK(json.at("missing").elements().size() == 2);
}

TEST_CASE("tokens of use are in the answer beside the compute-optimal split") {
  const Law law =
      load_law(std::filesystem::path(ISOFLOP_SOURCE_DIR) / "fits/published" / "epoch-2024.json");
  const Proposal p = propose({.compute_budget = Flops(1e22), .inference_tokens = 1e13}, law);
  REQUIRE(p.inference_aware);
  const InferenceAware expected = inference_aware(*law.loss, 1e22, 1e13);
  const Json document = parse_json(to_json(p), "answer");
  const JsonReader json = JsonReader(document, "answer").at("inference_aware");
  CHECK(json.at("inference_tokens").number() == 1e13);
  CHECK(json.at("scale").string() == "params");
  CHECK(json.at("loss").number() == expected.loss);
  CHECK(json.at("best").at("size").number() == expected.best.size);
  CHECK(json.at("best").at("total_compute").number() == expected.best.total_compute());
  CHECK(json.at("compute_optimal").at("training_compute").number() == Approx(1e22));
  CHECK(json.at("compute_optimal").at("size").number() > json.at("best").at("size").number());
  CHECK_FALSE(propose({.compute_budget = Flops(1e22)}, law).inference_aware);
}

TEST_CASE("repeated tokens are counted as fresh ones, and only where some are repeated") {
  const Law law = load_law(std::filesystem::path(ISOFLOP_SOURCE_DIR) / "fits/published" /
                           "deepseek-llm-2024.json");
  const Proposal p = propose({.compute_budget = Flops(1e20), .data_tokens = 1e9}, law);
  REQUIRE(p.effective_tokens);
  CHECK(*p.effective_tokens == effective_tokens(p.tokens.value(), 1e9));
  CHECK(*p.effective_tokens < p.tokens.value());
  const Json document = parse_json(to_json(p), "answer");
  CHECK(JsonReader(document, "answer").at("effective_tokens").number() == *p.effective_tokens);
  CHECK_FALSE(propose({.compute_budget = Flops(1e20), .data_tokens = 1e13}, law).effective_tokens);
}

TEST_CASE("tokens of use need a loss surface and a number") {
  const auto message = [](const char* id, double tokens) {
    const Law law = load_law(std::filesystem::path(ISOFLOP_SOURCE_DIR) / "fits/published" /
                             (std::string(id) + ".json"));
    return ISOFLOP_ERROR_MESSAGE(
        propose({.compute_budget = Flops(1e20), .inference_tokens = tokens}, law));
  };
  CHECK_THAT(message("deepseek-llm-2024", 1e12),
             contains("inference_tokens: law deepseek-llm-2024 has no loss surface"));
  CHECK_THAT(message("epoch-2024", -1),
             contains("inference_tokens: must be from 0 to 1e30, got -1"));
}
