// SPDX-License-Identifier: Apache-2.0
// Laws of batch, rate and weight decay asked in the split's place, alone and together.
#include <algorithm>
#include <cmath>

#include "isoflop/proposal.h"
#include "isoflop/weight_decay.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

Law published_as(const std::string& id) {
  return load_law(std::filesystem::path(ISOFLOP_SOURCE_DIR) / "fits/published" / (id + ".json"));
}

Law split_law() { return published_as("deepseek-llm-2024"); }

ProposalRequest asking(double compute, const std::vector<Law>& laws) {
  ProposalRequest request{.compute_budget = Flops(compute)};
  request.hyper_laws = laws;
  return request;
}

bool has_words(const Proposal& p, const std::string& words) {
  return std::any_of(p.warnings.begin(), p.warnings.end(),
                     [&](const auto& text) { return text.find(words) != std::string::npos; });
}

std::string from(const Proposal& p, const std::string& part) {
  for (const Provenance& provenance : p.provenance) {
    if (provenance.part == part) return provenance.from;
  }
  return "";
}

/// lr(N, D, B) alone, and a weight decay that was tuned on little.
Law recipe_law() {
  Law law;
  law.id = "recipe";
  law.frame.dataset = "deepseek_in_house";
  law.peak_lr_at_batch = RateAtBatchLaw{1.5, -0.6, -0.5, 0.9};
  law.weight_decay = WeightDecayLaw{{1, -0.5}};
  law.tuned_on.tokens_per_param = Interval{10, 20};
  law.tuned_on.weight_decay = Interval{0.01, 0.1};
  return law;
}

}  // namespace

TEST_CASE("a law of weight decay alone leaves batch and rate to the split's") {
  const Proposal p = propose(asking(1e20, {published_as("power-lines-2025")}), split_law());
  // Power Lines at the README's example: D/N 33, tau 0.17, weight decay 0.31.
  CHECK(p.law_weight_decay->tokens_per_param == Approx(33).epsilon(0.02));
  CHECK(p.law_weight_decay->timescale == Approx(0.17).epsilon(0.02));
  CHECK(p.spec.weight_decay == Approx(0.31).epsilon(0.02));
  const DecayingRun run{.params = static_cast<double>(count_params(p.spec.shape).non_embedding()),
                        .tokens = p.tokens.value(),
                        .batch_tokens = static_cast<double>(p.spec.batch_tokens),
                        .peak_lr = p.spec.peak_lr};
  // Four digits are kept.
  CHECK(adamw_timescale(run, p.spec.weight_decay) ==
        Approx(p.law_weight_decay->timescale).epsilon(1e-3));
  CHECK(p.law_weight_decay->value == p.power_lines->value);
  CHECK(from(p, "weight_decay") == "law power-lines-2025, secondary");
  CHECK(from(p, "peak_lr") == "law deepseek-llm-2024");
  CHECK(has_words(p, "as others quote them"));
  CHECK_THAT(to_json(p), contains("\"weight_decay_law\""));
}

TEST_CASE("of several hyper laws each gives what those before it leave open") {
  const Law euro = published_as("openeurollm-2026"), step = published_as("step-law-2025");
  const Proposal p =
      propose(asking(1e20, {euro, published_as("power-lines-2025"), step}), split_law());
  const double d = 1e20 / p.flops_per_token.value();
  // six_n_total: N counts all parameters.
  const auto n = static_cast<double>(count_params(p.spec.shape).total());
  CHECK(*p.law_batch_tokens == euro.hyper_nd->batch_tokens(n, d));
  CHECK(*p.law_peak_lr == euro.hyper_nd->peak_lr(n, d));
  CHECK(from(p, "batch_tokens") == "law openeurollm-2026, recomputed");
  CHECK(from(p, "weight_decay") == "law power-lines-2025, secondary");
  CHECK(has_words(p, "The law step-law-2025 has no effect"));
  CHECK_FALSE(has_words(p, "The law openeurollm-2026 has no effect"));
}

TEST_CASE("each hyper law keeps its own range") {
  const std::vector<Law> laws = {published_as("openeurollm-2026"),
                                 published_as("power-lines-2025")};
  const Proposal small = propose(asking(1e20, laws), split_law());
  CHECK_FALSE(has_words(small, "outside of what it was tuned on"));
  CHECK(small.law_weight_decay->in_range);
  // About 2B: beyond OpenEuroLLM's 1.71B, within Power Lines' 3.3B.
  const Proposal middle = propose(asking(1.5e21, laws), split_law());
  CHECK(has_words(middle,
                  "Batch size and learning rate are of law openeurollm-2026, outside of "
                  "what it was tuned on (parameters "));
  CHECK_FALSE(has_words(middle, "Weight decay is of law power-lines-2025, outside"));
  const Proposal large = propose(asking(1e24, laws), split_law());
  CHECK(has_words(large, "Weight decay is of law power-lines-2025, outside"));
  CHECK_FALSE(large.law_weight_decay->in_range);
  CHECK_THAT(proposal_text(large), contains("outside of what the law was tuned on"));
}

TEST_CASE("a rate at a batch is asked at the batch that another law or the caller gives") {
  Law law = recipe_law();
  const Proposal p = propose(asking(1e20, {law}), split_law());
  const auto n = static_cast<double>(count_params(p.spec.shape).non_embedding());
  const double d = 1e20 / p.flops_per_token.value();
  CHECK(*p.law_batch_tokens == split_law().hyper->batch_tokens(1e20));
  CHECK(*p.law_peak_lr == (*law.peak_lr_at_batch)(n, d, *p.law_batch_tokens));
  CHECK(from(p, "peak_lr") == "law recipe, at this batch");
  ProposalRequest given = asking(1e20, {law});
  given.batch_tokens = 4096 * 64;
  CHECK(*propose(given, split_law()).law_peak_lr == (*law.peak_lr_at_batch)(n, d, 4096 * 64));
  // With a batch of its own the law's own rate is the one of that batch.
  law.hyper_nd = published_as("step-law-2025").hyper_nd;
  CHECK(*propose(asking(1e20, {law}), split_law()).law_peak_lr == law.hyper_nd->peak_lr(n, d));
}

TEST_CASE("a weight decay outside what its law saw is warned of, and one that is given stands") {
  const Proposal p = propose(asking(1e20, {recipe_law()}), split_law());
  CHECK(has_words(p, "Learning rate and weight decay are of law recipe, outside"));
  CHECK(has_words(p, "tokens per parameter 32.6"));
  CHECK(has_words(p, "; weight decay "));
  ProposalRequest given = asking(1e20, {published_as("power-lines-2025")});
  given.recipe.weight_decay = 0.05;
  const Proposal q = propose(given, split_law());
  CHECK(q.spec.weight_decay == 0.05);
  CHECK_FALSE(q.law_weight_decay);
  CHECK(has_words(q, "The law power-lines-2025 has no effect"));
}

TEST_CASE("a split law's own weight decay stands before that of its runs") {
  Law law = split_law();
  law.recipe.weight_decay = 0.02;
  law.weight_decay = WeightDecayLaw{{1, -0.5}};
  const Proposal p = propose(asking(1e20, {}), law);
  CHECK(p.law_weight_decay->timescale == Approx(std::pow(32.6, -0.5)).epsilon(0.01));
  CHECK(from(p, "weight_decay") == "law deepseek-llm-2024");
}

TEST_CASE("a weight decay that cannot be asked for is refused in words") {
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(propose(asking(1e20, {published_as("power-lines-2025")}),
                                           published_as("epoch-2024"))),
             contains("hyper_law: law power-lines-2025 gives the weight decay of a batch size and "
                      "a learning rate, and nobody says batch_tokens and peak_lr"));
  Law law = recipe_law();
  law.weight_decay->timescale.coefficient = 1e-9;
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(propose(asking(1e20, {law}), split_law())),
             contains("law recipe: asks for a weight decay of ") && contains("at most 100"));
}
