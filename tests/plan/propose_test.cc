// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>

#include "isoflop/proposal.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;

namespace {

Law published(const std::string& id) {
  return load_law(std::filesystem::path(ISOFLOP_SOURCE_DIR) / "fits/published" / (id + ".json"));
}

Proposal at(double compute, const Law& law) {
  return propose({.compute_budget = Flops(compute)}, law);
}

bool says(const std::vector<std::string>& all, const std::string& words) {
  return std::any_of(all.begin(), all.end(), [&](const std::string& text) {
    return text.find(words) != std::string::npos;
  });
}

bool warns(const Proposal& proposal, const std::string& words) {
  return says(proposal.warnings, words);
}

Law deepseek() { return published("deepseek-llm-2024"); }

// A law as our own byte-level sweeps give it.
Law byte_law() {
  Law law;
  law.id = "bytes";
  law.frame = {.dataset = "dictionary",
               .tokenizer = "bytes",
               .metric = Metric::bits_per_byte,
               .convention = FlopsConvention::deepseek_m_actual};
  law.fitted_from = Flops(1e11);
  law.fitted_to = Flops(1e12);
  law.vocab_size = 257;
  law.seq_len = 128;
  law.allocation = AllocationLaw{{0.1715, 0.5243}, {5.8316, 0.4757}};
  law.hyper = HyperLaw{{0.2920, 0.3271}, {0.3118, -0.1250}};
  law.frontier = FrontierLaw{0.5, 30, -0.1, 0.03};
  return law;
}

}  // namespace

TEST_CASE("DeepSeek's law gives its 7B and 67B learning rates and batches to three digits") {
  const Proposal small = at(8.456e22, deepseek());
  CHECK(*small.law_peak_lr == Approx(4.246e-4).epsilon(5e-4));
  CHECK(*small.law_batch_tokens == Approx(9.22e6).epsilon(1e-3));
  CHECK(small.spec.peak_lr == 4.246e-4);
  // 9.22M tokens are 2252 sequences; the step of 128 makes it the paper's 2304.
  CHECK(small.batch_seqs == 2304);
  CHECK(small.spec.warmup_steps == 2000);
  const Proposal large = at(9.946e23, deepseek());
  CHECK(*large.law_peak_lr == Approx(3.120e-4).epsilon(5e-4));
  CHECK(*large.law_batch_tokens == Approx(20.65e6).epsilon(1e-3));
  CHECK(large.law_id == "deepseek-llm-2024");
}

TEST_CASE("what is not in the law is DeepSeek's recipe (arXiv:2401.02954, sec. 2)") {
  const RunSpec spec = at(1e20, deepseek()).spec;
  CHECK(spec.shape.seq_len == 4096);
  CHECK(spec.shape.vocab_size == 102400);
  CHECK(spec.schedule.kind == ScheduleKind::multi_step);
  CHECK(spec.schedule.milestones == std::vector<Milestone>{{0.8, 0.316}, {0.9, 0.1}});
  CHECK(spec.adam_beta2 == 0.95);
  CHECK(spec.weight_decay == 0.1);
  CHECK(spec.init_std == 0.006);
}

TEST_CASE("the shape is the nearest that can be trained and the tokens spend the budget") {
  for (const double compute : {1e17, 1e20, 1e24}) {
    const Proposal p = at(compute, deepseek());
    const double ratio = p.flops_per_token.value() / *p.law_flops_per_token;
    CHECK(std::abs(std::log(ratio)) <=
          (is_practical_size(p.spec.shape) ? 0.05 : 0.5 * std::log(1.4)));
    CHECK(p.flops_per_token.value() ==
          flops_per_token(p.spec.shape, FlopsConvention::deepseek_m_actual).value());
    CHECK(p.tokens == p.spec.tokens());
    CHECK(p.spec.batch_tokens == p.batch_seqs * p.spec.shape.seq_len);
    CHECK(p.compute / p.compute_budget > 1 - 1.0 / static_cast<double>(p.spec.n_steps));
    CHECK(p.spec.warmup_steps == default_warmup_steps(p.spec.n_steps));
  }
}

TEST_CASE("no proposal exceeds its budget, from 1e8 to 1e27 FLOPs") {
  std::vector<Law> laws = {deepseek(), byte_law(), published("epoch-2024"),
                           published("chinchilla-2022"), published("llama3-2024")};
  Law nd = byte_law();
  nd.hyper.reset();
  nd.hyper_nd = published("step-law-2025").hyper_nd;
  laws.push_back(nd);
  for (const Law& law : laws) {
    for (double log_c = 8; log_c <= 27; log_c += 0.37) {
      const double compute = std::pow(10, log_c);
      for (const std::int64_t seq_len : {64, 128, 4096}) {
        ProposalRequest request{.compute_budget = Flops(compute), .seq_len = seq_len};
        request.vocab_size = 257;
        INFO(law.id << " C " << compute << " seq_len " << seq_len);
        try {
          const Proposal p = propose(request, law);
          CHECK(p.compute.value() <= compute);
          CHECK(p.tokens.value() > 0);
          CHECK(p.flops_per_token.value() * p.tokens.value() == p.compute.value());
          if (!p.trainable()) continue;
          CHECK(p.spec.n_steps >= 1);
          CHECK(p.batch_seqs >= 1);
          CHECK(p.spec.warmup_steps <= p.spec.n_steps / 2);
          // One more step would exceed it.
          const double step = p.flops_per_token.value() * static_cast<double>(p.spec.batch_tokens);
          CHECK(p.compute.value() + step > compute * (1 - 1e-12));
        } catch (const Error& error) {
          // Only budgets that one sequence of the smallest model exceeds.
          CHECK(error.code() == ErrorCode::invalid_argument);
          CHECK(std::string(error.what()).find("do not pay for one sequence") != std::string::npos);
          CHECK(compute < 1e10);
        }
      }
    }
  }
}

TEST_CASE("a budget of 1e27 FLOPs is proposed without overflow") {
  const Proposal p = at(1e27, deepseek());
  CHECK(p.flops_per_token.value() > 1e13);
  CHECK(p.tokens.value() > 1e13);
  CHECK(p.extrapolation == Approx(1e27 / 3e20));
  CHECK(warns(p, "only with hold-out evidence"));
  const Proposal chinchilla = at(1e27, published("chinchilla-2022"));
  CHECK(chinchilla.compute.value() > 0.999e27);
}

TEST_CASE("a law with a loss surface alone is split by its closed form") {
  const Law law = published("epoch-2024");
  const Proposal p = at(5.76e23, law);
  const AllocationLaw split = optimal_allocation(*law.loss);
  CHECK(*p.law_flops_per_token == split.flops_per_token(5.76e23));
  CHECK(p.flops_per_token.value() ==
        flops_per_token(p.spec.shape, FlopsConvention::six_n_total).value());
  CHECK_FALSE(p.trainable());
  CHECK(p.missing == std::vector<std::string>{"batch_tokens", "peak_lr"});
  CHECK_FALSE(p.law_batch_tokens);
  CHECK(p.spec.batch_tokens == 0);
  CHECK(warns(p, "says nothing about batch_tokens and peak_lr"));
  // The surface at what is proposed: N = M / 6.
  REQUIRE(p.loss_nats);
  CHECK(p.loss_nats->value == (*law.loss)(p.flops_per_token.value() / 6, p.tokens.value()));
  CHECK(p.loss_nats->low < p.loss_nats->value);
  CHECK(p.loss_nats->high > p.loss_nats->value);
  CHECK_FALSE(p.bits_per_byte);
}

TEST_CASE("a law in N and D is asked at the proposed shape") {
  Law law = byte_law();
  law.hyper.reset();
  law.hyper_nd = HyperLawNd{{0.58, 0, 0.571}, {1.79, -0.713, 0.307}};
  const Proposal p = at(1e13, law);
  const auto n = static_cast<double>(count_params(p.spec.shape).non_embedding());
  const double d = 1e13 / p.flops_per_token.value();
  CHECK(*p.law_peak_lr == law.hyper_nd->peak_lr(n, d));
  CHECK(*p.law_batch_tokens == law.hyper_nd->batch_tokens(n, d));
  CHECK(p.trainable());
}

TEST_CASE("a law that cannot split a budget is refused with what it lacks") {
  const auto message = [](const char* id) {
    return ISOFLOP_ERROR_MESSAGE(at(1e20, published(id)));
  };
  CHECK(message("kaplan-2020").find("exponents of the allocation without coefficients") !=
        std::string::npos);
  CHECK(message("deepseek-openwebtext2-2024").find("deepseek-openwebtext2-2024 cannot split") !=
        std::string::npos);
  CHECK(message("step-law-2025").find("no allocation law and no loss law") != std::string::npos);
}

TEST_CASE("requests outside their domain are refused") {
  const auto message = [](auto change) {
    ProposalRequest request{.compute_budget = Flops(1e20)};
    change(request);
    return ISOFLOP_ERROR_MESSAGE(propose(request, deepseek()));
  };
  using Request = ProposalRequest;
  CHECK(message([](Request& r) { r.compute_budget = Flops(-1); }).find("must be finite and > 0") !=
        std::string::npos);
  CHECK(message([](Request& r) { r.compute_budget = Flops(NAN); }).find("compute_budget") == 0);
  CHECK(message([](Request& r) { r.compute_budget = Flops(1e31); }).find("at most 1e30") !=
        std::string::npos);
  CHECK(message([](Request& r) { r.data_tokens = 0; }).find("data_tokens") == 0);
  CHECK(message([](Request& r) { r.mfu = 1.5; }).find("mfu: must be at most 1") == 0);
  CHECK(message([](Request& r) { r.n_gpus = 0; }).find("n_gpus") == 0);
  CHECK(message([](Request& r) { r.seq_len = 0; }) != "(nothing was thrown)");
  CHECK(message([](Request& r) { r.vocab_size = -5; }) != "(nothing was thrown)");
  CHECK(message([](Request& r) {
          r.compute_budget = Flops(1e9);
        }).find("do not pay for one sequence of 4096 tokens") != std::string::npos);
}

TEST_CASE("extrapolation is told by its size, for the split and for the hyper-parameters") {
  CHECK(at(1e20, deepseek()).extrapolation == 1);
  CHECK(warns(at(1e20, deepseek()), "learning rate extrapolate 5 times"));
  CHECK_FALSE(warns(at(1e20, deepseek()), "Extrapolates"));
  CHECK(says(at(9e20, deepseek()).remarks, "hold-outs have worked"));
  CHECK(warns(at(9e21, deepseek()), "caution"));
  CHECK(warns(at(9e22, deepseek()), "only with hold-out evidence"));
  CHECK(warns(at(1e16, deepseek()), "10 times below the smallest"));
}

TEST_CASE("few steps, epochs and other tokenizers are told") {
  ProposalRequest request{.compute_budget = Flops(1e8)};
  CHECK(warns(propose(request, byte_law()), "below 500 the schedule"));
  request.compute_budget = Flops(1e20);
  request.data_tokens = 1e10;
  CHECK(says(propose(request, deepseek()).remarks, "nearly as good as fresh"));
  request.data_tokens = 1e9;
  CHECK(warns(propose(request, deepseek()), "promises too much"));
  request.data_tokens = 1e12;
  CHECK_FALSE(warns(propose(request, deepseek()), "epochs"));
  request.vocab_size = 50304;
  CHECK(warns(propose(request, deepseek()), "vocab_size 50304 is not that of the law's runs"));
}

TEST_CASE("a frontier predicts the loss with its interval, wider the further it reaches") {
  const Law law = byte_law();
  const Proposal near = at(1e13, law);
  REQUIRE(near.bits_per_byte);
  CHECK_FALSE(near.loss_nats);
  CHECK(near.bits_per_byte->value == (*law.frontier)(near.compute.value()));
  CHECK(near.bits_per_byte->high / near.bits_per_byte->value == Approx(std::exp(0.03)));
  const Proposal far = at(1e15, law);
  CHECK(far.bits_per_byte->high / far.bits_per_byte->value == Approx(std::exp(0.09)));
  CHECK_FALSE(at(1e20, deepseek()).bits_per_byte);
}

TEST_CASE("with a surface beside the frontier, the prediction is that of the proposed shape") {
  Law law = byte_law();
  law.loss = LossLaw{1.2, 3e3, 0.75, 2e4, 0.65, LossLaw::Scale::flops_per_token};
  law.allocation.reset();
  const Proposal p = at(1e13, law);
  const double alone = (*law.frontier)(p.compute.value());
  CHECK(p.bits_per_byte->value >= alone);
  CHECK(p.bits_per_byte->value < 1.01 * alone);
}

TEST_CASE("cost is the machine's FLOPs over what the GPUs deliver") {
  ProposalRequest request{.compute_budget = Flops(1e22)};
  request.gpu_peak_flops = 989e12;
  request.mfu = 0.4;
  request.n_gpus = 64;
  request.price_per_gpu_hour = 2.5;
  const Proposal p = propose(request, deepseek());
  const double exact = flops_per_token(p.spec.shape, FlopsConvention::exact).value();
  const double hours = exact * p.tokens.value() / (989e12 * 0.4) / 3600;
  CHECK(*p.gpu_hours == Approx(hours));
  CHECK(*p.wall_hours == Approx(hours / 64));
  CHECK(*p.price == Approx(2.5 * hours));
  CHECK_FALSE(at(1e22, deepseek()).gpu_hours);
}

TEST_CASE("equal requests give equal proposals, in milliseconds") {
  const auto start = std::chrono::steady_clock::now();
  const Proposal p = at(3e24, deepseek());
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  CHECK(to_json(p) == to_json(at(3e24, deepseek())));
  // The command must answer in 20 ms; sanitizers slow it down tenfold.
  CHECK(seconds.count() < 0.2);
}
