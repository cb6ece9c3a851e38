// SPDX-License-Identifier: Apache-2.0
// Where the parts of a proposal come from, and what a caller may put in their place.
#include <algorithm>

#include "base/text.h"
#include "isoflop/proposal.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

Law published_by(const std::string& id) {
  return load_law(std::filesystem::path(ISOFLOP_SOURCE_DIR) / "fits/published" / (id + ".json"));
}

bool says(const Proposal& proposal, const std::string& words) {
  return std::any_of(proposal.warnings.begin(), proposal.warnings.end(),
                     [&](const auto& warning) { return warning.find(words) != std::string::npos; });
}

std::string origin(const Proposal& proposal, const std::string& part) {
  for (const Provenance& provenance : proposal.provenance) {
    if (provenance.part == part) return provenance.from;
  }
  return "";
}

Law with_recipe() {
  Law law = published_by("deepseek-llm-2024");
  law.recipe.weight_decay = 0.02;
  law.recipe.schedule = LrSchedule{.kind = ScheduleKind::cosine};
  return law;
}

}  // namespace

TEST_CASE("a proposal has the recipe of the runs behind its law, and says so") {
  const Proposal p = propose({.compute_budget = Flops(1e20)}, with_recipe());
  CHECK(p.spec.weight_decay == 0.02);
  CHECK(p.spec.schedule.kind == ScheduleKind::cosine);
  CHECK(p.spec.adam_beta2 == 0.95);
  CHECK(origin(p, "weight_decay") == "the runs behind law deepseek-llm-2024");
  CHECK_THAT(origin(p, "adam_beta2"), contains("default"));
  CHECK_THAT(proposal_text(p), contains("0.02   (the runs behind law deepseek-llm-2024)"));
}

TEST_CASE("what is given stands in place of laws and runs, and is echoed as given") {
  ProposalRequest request{.compute_budget = Flops(1e20)};
  request.batch_tokens = 4096 * 300;
  request.peak_lr = 1e-3;
  request.recipe.weight_decay = 0.3;
  const Proposal p = propose(request, with_recipe());
  CHECK(p.batch_seqs == 300);
  CHECK(p.spec.peak_lr == 1e-3);
  CHECK(p.spec.weight_decay == 0.3);
  for (const char* part : {"batch_tokens", "peak_lr", "weight_decay"}) {
    CHECK(origin(p, part) == "given");
  }
  CHECK_FALSE(says(p, "The batch is rounded"));
  CHECK(p.compute <= p.compute_budget);
  request.batch_tokens = 5000;
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(propose(request, with_recipe())),
             contains("batch_tokens: must be a multiple of the sequence length 4096") &&
                 contains("got 5000"));
}

TEST_CASE("batch and rate of another law are asked for by its own count and within its own range") {
  const Law split = published_by("chinchilla-2022"), step = published_by("step-law-2025");
  ProposalRequest request{.compute_budget = Flops(1e22)};
  request.hyper_laws = {step};
  const Proposal p = propose(request, split);
  CHECK(p.trainable());
  const auto n = static_cast<double>(count_params(p.spec.shape).non_embedding());
  const double d = 1e22 / p.flops_per_token.value();
  CHECK(*p.law_batch_tokens == step.hyper_nd->batch_tokens(n, d));
  CHECK(origin(p, "peak_lr") == "law step-law-2025");
  CHECK(says(p, "Batch size and learning rate are of law step-law-2025, "));
  // C by the other law's count, over its largest: as it is printed.
  const double asked = (flops_per_token(p.spec.shape, step.frame.convention) * p.tokens).value();
  CHECK(says(p, "asked at " + rounded_text(asked) + " FLOPs by " +
                    std::string(to_string(step.frame.convention)) + ", " +
                    rounded_text(asked / step.fitted_to->value(), 3) +
                    " times beyond its largest budget (4.1e+20 FLOPs)"));
  CHECK(says(p, "fitted on step_law_in_house, the split's on massivetext"));

  const Law deepseek = published_by("deepseek-llm-2024");
  request.hyper_laws = {deepseek};
  const Proposal q = propose(request, split);
  const double m = flops_per_token(q.spec.shape, FlopsConvention::deepseek_m_actual).value();
  CHECK(*q.law_peak_lr == deepseek.hyper->peak_lr(m * (1e22 / q.flops_per_token.value())));

  request.hyper_laws = {published_by("epoch-2024")};
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(propose(request, split)),
             contains("hyper_law: law epoch-2024 says nothing about batch size, learning rate or "
                      "weight decay"));
}

TEST_CASE("Power Lines' weight decay stands beside the constant, with its range") {
  const Proposal p = propose({.compute_budget = Flops(1e20)}, published_by("deepseek-llm-2024"));
  REQUIRE(p.power_lines);
  CHECK(p.spec.weight_decay == 0.1);
  CHECK(p.power_lines->value == Approx(0.31).epsilon(0.05));
  CHECK(p.power_lines->timescale == Approx(0.17).epsilon(0.05));
  CHECK(p.power_lines->in_range);
  CHECK_FALSE(propose({.compute_budget = Flops(1e24)}, published_by("deepseek-llm-2024"))
                  .power_lines->in_range);
  CHECK_FALSE(propose({.compute_budget = Flops(1e20)}, published_by("epoch-2024")).power_lines);
}

TEST_CASE("a proposal under repeated data predicts the loss of what its tokens are worth") {
  const Law law = published_by("epoch-2024");
  ProposalRequest request{.compute_budget = Flops(1e22)};
  const Proposal fresh = propose(request, law);
  request.data_tokens = fresh.tokens.value() / 10;
  const Proposal repeated = propose(request, law);
  REQUIRE(repeated.effective_tokens);
  CHECK(repeated.loss_nats->value ==
        (*law.loss)(repeated.flops_per_token.value() / 6, *repeated.effective_tokens));
  CHECK(repeated.loss_nats->value > fresh.loss_nats->value);
  CHECK(*repeated.epochs == Approx(10).epsilon(1e-9));
  request.data_tokens = fresh.tokens.value() * 2;
  CHECK(propose(request, law).loss_nats->value == fresh.loss_nats->value);
}

TEST_CASE("a frontier under repeated data is asked at what the tokens are worth") {
  Law law = published_by("deepseek-llm-2024");
  law.frontier = FrontierLaw{1.5, 30, -0.08, 0.03};
  law.frame.metric = Metric::loss_nats;
  ProposalRequest request{.compute_budget = Flops(1e20)};
  const Proposal fresh = propose(request, law);
  request.data_tokens = fresh.tokens.value() / 5;
  const Proposal repeated = propose(request, law);
  REQUIRE(fresh.loss_nats);
  REQUIRE(repeated.loss_nats);
  CHECK(repeated.loss_nats->value > fresh.loss_nats->value);
}

TEST_CASE(
    "a law that asks for an absurd rate is refused, and one that spends another budget named") {
  Law law = published_by("deepseek-llm-2024");
  REQUIRE(law.hyper);
  law.hyper->peak_lr = {1e5, 0.5};
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(propose({.compute_budget = Flops(1e20)}, law)),
             contains("law deepseek-llm-2024: asks for a peak learning rate of 1e+15"));
  law = published_by("deepseek-llm-2024");
  law.allocation->tokens.exponent = 0.9;
  CHECK(says(propose({.compute_budget = Flops(1e20)}, law), "times the budget"));
}

TEST_CASE("GPUs that no layout of the ranks can use are named") {
  ProposalRequest request{.compute_budget = Flops(1e20)};
  request.gpu_peak_flops = 989e12;
  request.shape.tensor_parallel = 8;
  request.n_gpus = 7;
  const Law law = published_by("deepseek-llm-2024");
  CHECK(says(propose(request, law), "7 GPUs are no multiple of 8 tensor-parallel ranks"));
  request.n_gpus = 8 * 1024;
  CHECK(says(propose(request, law), "1024 data-parallel ranks share a batch of "));
  request.n_gpus = 64;
  CHECK_FALSE(says(propose(request, law), "data-parallel ranks"));
}

TEST_CASE("a loss above that of guessing is not predicted") {
  Law law = published_by("epoch-2024");
  ProposalRequest request{.compute_budget = Flops(1e13), .seq_len = 64, .vocab_size = 257};
  const Proposal p = propose(request, law);
  CHECK_FALSE(p.loss_nats);
  CHECK(says(p, "No loss is predicted: "));
}

TEST_CASE("what has no effect is named") {
  ProposalRequest request{.compute_budget = Flops(1e20)};
  request.price_per_gpu_hour = 2;
  request.n_gpus = 8;
  const Law law = published_by("deepseek-llm-2024");
  CHECK(says(propose(request, law),
             "Without a GPU or its peak, the number of GPUs, the price have no effect"));
  request.gpu_peak_flops = 989e12;
  CHECK_FALSE(says(propose(request, law), "no effect"));
}

TEST_CASE("a law's note is repeated, and another data set is told") {
  ProposalRequest request{.compute_budget = Flops(1e22)};
  request.dataset = "mine";
  const Proposal p = propose(request, published_by("llama3-2024"));
  CHECK(says(p, "llama3-figure-2024"));
  CHECK(says(p, "fitted on llama3_in_house, not on mine"));
}

TEST_CASE("text reads: B and T, plain prices, wall time, the MFU it rests on") {
  ProposalRequest request{.compute_budget = Flops(1e24)};
  request.gpu_peak_flops = 989e12;
  request.n_gpus = 1024;
  request.price_per_gpu_hour = 2;
  const Proposal p = propose(request, published_by("deepseek-llm-2024"));
  CHECK(p.mfu_assumed);
  const std::string text = proposal_text(p);
  CHECK_THAT(text,
             contains("B non-embedding, ") && contains("T, ") && contains("days on 1024 GPUs"));
  CHECK_THAT(text, contains("at an MFU of 0.4, which is assumed"));
  CHECK(text.find("e+", text.find('\n')) == std::string::npos);
  request.mfu = 0.5;
  CHECK(proposal_text(propose(request, published_by("deepseek-llm-2024"))).find("assumed") ==
        std::string::npos);
}

TEST_CASE("sizes that neither the caller nor the law says are called default") {
  const Proposal p = propose({.compute_budget = Flops(1e20)}, published_by("epoch-2024"));
  CHECK_THAT(proposal_text(p), contains("vocabulary 102400 (default), sequence 4096 (default)"));
  CHECK(origin(p, "seq_len") == "default of DeepSeek LLM, arXiv:2401.02954");
  const Proposal of_law =
      propose({.compute_budget = Flops(1e20), .vocab_size = 102400, .dataset = "mine"},
              published_by("deepseek-llm-2024"));
  CHECK_THAT(proposal_text(of_law), contains("vocabulary 102400, sequence 4096 (the law's)"));
  CHECK(origin(of_law, "vocab_size") == "given");
}

TEST_CASE("tokens of use and a limit of the data that training exceeds do not go together") {
  ProposalRequest request{.compute_budget = Flops(1e22)};
  request.inference_tokens = 1e13;
  request.data_tokens = 1e9;
  CHECK_THAT(
      ISOFLOP_ERROR_MESSAGE(propose(request, published_by("epoch-2024"))),
      contains("inference_tokens: its splits train on up to") && contains("data_tokens are 1e+09"));
  request.data_tokens = 1e14;
  CHECK(propose(request, published_by("epoch-2024")).inference_aware);
}

TEST_CASE("hours name the FLOPs that they count") {
  const Proposal p = propose({.compute_budget = Flops(1e20), .gpu_peak_flops = 1e15},
                             published_by("deepseek-llm-2024"));
  const double flops = (flops_per_token(p.spec.shape, FlopsConvention::exact) * p.tokens).value();
  CHECK(*p.gpu_hours == Approx(flops / (1e15 * kUsualMfu) / 3600));
  CHECK_THAT(proposal_text(p), contains("for 5.304G FLOPs per token by exact"));
}
