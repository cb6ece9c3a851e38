// SPDX-License-Identifier: Apache-2.0
#include "apps/run_cli.h"
#include "base/json.h"
#include "support/catch.h"

using namespace isoflop;
using namespace isoflop::test;

namespace {

Json run_json(const std::vector<std::string>& arguments) {
  const TempDir dir;
  const CliResult result = run_cli(dir, arguments);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return parse_json(result.out, "stdout");
}

}  // namespace

TEST_CASE("flops --json has every key of the contract and LLaMA's sizes by default") {
  const Json json = run_json({"flops", "--n-layers", "30", "--d-model", "4096", "--n-heads", "32",
                              "--vocab-size", "102400", "--seq-len", "4096", "--json"});
  const JsonReader root(json, "stdout");
  root.require_schema("isoflop.flops/1");
  CHECK(root.at("shape").at("d_ff").integer(0, 1 << 20) == 11008);
  CHECK(root.at("shape").at("d_head").integer(0, 1 << 20) == 128);
  CHECK(root.at("shape").at("n_kv_heads").integer(0, 1 << 20) == 32);
  for (const char* key :
       {"embedding", "unembedding", "attention", "ffn", "norm", "non_embedding", "total"}) {
    CHECK(root.at("params").at(key).integer(0, INT64_MAX) > 0);
  }
  for (const char* key : {"exact", "exact_nohead", "deepseek_m", "deepseek_m_actual",
                          "six_n1_nominal", "six_n1_actual", "six_n2", "six_n_total", "kaplan",
                          "chinchilla", "palm", "megatron", "nanochat"}) {
    CHECK(root.at("flops_per_token").at(key).integer(0, INT64_MAX) > 0);
  }
  // DeepSeek 7B: 4.228e10 FLOPs per token.
  CHECK(root.at("flops_per_token").at("deepseek_m").number() == Approx(4.228e10).epsilon(2e-4));
  CHECK(root.at("ratios").at("six_n1_over_m").number() ==
        Approx(72.0 * 4096 / (72.0 * 4096 + 12.0 * 4096)));
}

TEST_CASE("propose reproduces the published settings of DeepSeek 7B and 67B") {
  struct Published {
    const char* compute;
    double peak_lr, batch_tokens;
  };
  // arXiv:2401.02954, eq. 1 at M D of the two models; table 2 has 4.2e-4 and 3.2e-4.
  for (const Published& row :
       {Published{"8.456e22", 4.246e-4, 9.22e6}, Published{"9.946e23", 3.120e-4, 20.65e6}}) {
    const Json json =
        run_json({"propose", "--compute", row.compute, "--law", "deepseek-llm-2024", "--json"});
    const JsonReader root(json, "stdout");
    root.require_schema("isoflop.proposal/1");
    CHECK(root.at("law_values").at("peak_lr").number() == Approx(row.peak_lr).epsilon(2e-4));
    CHECK(root.at("law_values").at("batch_tokens").number() ==
          Approx(row.batch_tokens).epsilon(6e-4));
    const double compute =
        root.at("flops_per_token").at("deepseek_m_actual").number() * root.at("tokens").number();
    CHECK(compute <= root.at("compute_budget").number());
    CHECK(compute > 0.99 * root.at("compute_budget").number());
  }
}

TEST_CASE("every law that can propose does so from 1e12 to 1e27 and stays within the budget") {
  for (const char* law : {"deepseek-llm-2024", "chinchilla-2022", "epoch-2024", "llama3-2024"}) {
    for (const char* compute : {"1e12", "1e17", "3.8e25", "1e27"}) {
      INFO(law << " at " << compute);
      const Json json = run_json({"propose", "--compute", compute, "--law", law, "--json"});
      const JsonReader root(json, "stdout");
      CHECK(root.at("compute").number() <= root.at("compute_budget").number());
      CHECK(root.at("tokens").number() > 0);
      CHECK(root.at("shape").at("n_layers").integer(1, 100'000) > 0);
    }
  }
}
