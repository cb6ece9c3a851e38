// SPDX-License-Identifier: Apache-2.0
#include "plan/proposal_warnings.h"

#include <functional>

#include "base/text.h"
#include "plan/proposal_remarks.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

/// A proposal that is its law's own numbers, within the law's range.
struct Exact {
  Law law;
  Proposal proposal;
  ProposalRequest request;
  Exact() {
    law.id = "mine";
    law.fitted_from = Flops(1e17);
    law.fitted_to = Flops(1e20);
    law.allocation = AllocationLaw{{0.2, 0.5}, {5, 0.5}};
    law.vocab_size = 1000;
    law.seq_len = 128;
    proposal.law_id = law.id;
    proposal.compute_budget = proposal.compute = Flops(1e19);
    proposal.spec.shape = {.n_layers = 1,
                           .d_model = 16,
                           .n_heads = 1,
                           .n_kv_heads = 1,
                           .d_head = 16,
                           .d_ff = 48,
                           .vocab_size = 1000,
                           .seq_len = 128};
    proposal.spec.n_steps = 1000;
    proposal.spec.batch_tokens = 128'000;
    proposal.batch_seqs = 1000;
    proposal.law_batch_tokens = 128'000;
    proposal.flops_per_token = FlopsPerToken(1e9);
    proposal.law_flops_per_token = 1e9;
    proposal.tokens = Tokens(1.28e8);
  }
  [[nodiscard]] std::string warned() const {
    return join(proposal_warnings(proposal, request, law), "\n");
  }
  [[nodiscard]] std::string remarked() const {
    return join(proposal_remarks(proposal, request, law), "\n");
  }
};

std::string after(const std::function<void(Exact&)>& change) {
  Exact exact;
  change(exact);
  return exact.warned();
}

/// Nobody is warned of it.
std::string remarked_after(const std::function<void(Exact&)>& change) {
  Exact exact;
  change(exact);
  CHECK(exact.warned().empty());
  return exact.remarked();
}

}  // namespace

TEST_CASE("a proposal of its law's own numbers is not warned of") {
  CHECK(Exact().warned().empty());
  CHECK(Exact().remarked().empty());
}

TEST_CASE("what rounding costs is said") {
  CHECK_THAT(after([](Exact& e) { e.proposal.flops_per_token = FlopsPerToken(1.2e9); }),
             contains("The nearest shape, ") && contains("has 120 % of the law's FLOPs per token"));
  CHECK(after([](Exact& e) { e.proposal.flops_per_token = FlopsPerToken(1.005e9); }).empty());
  CHECK_THAT(after([](Exact& e) {
               e.proposal.flops_per_token = FlopsPerToken(2e9);
               e.law.loss = LossLaw{1.8, 480, 0.35, 2100, 0.37, LossLaw::Scale::flops_per_token};
             }),
             contains("of the budget by its loss surface"));
  CHECK_THAT(after([](Exact& e) { e.proposal.law_batch_tokens = 160'000; }),
             contains("The batch, 1000 sequences, is 80 % of the law's: a shorter --seq-len"));
  CHECK_THAT(remarked_after([](Exact& e) { e.proposal.law_batch_tokens = 135'000; }),
             contains("The batch is rounded to 1000 sequences, 94.8 % of the law's"));
  CHECK_THAT(remarked_after([](Exact& e) { e.proposal.compute = Flops(0.9e19); }),
             contains("Whole steps spend 90 % of the budget"));
  CHECK(remarked_after([](Exact& e) { e.proposal.compute = Flops(0.996e19); }).empty());
}

TEST_CASE("what the law does not say is said") {
  CHECK_THAT(after([](Exact& e) { e.law.fitted_to.reset(); }),
             contains("The law does not say for which budgets it was fitted"));
  CHECK_THAT(remarked_after([](Exact& e) { e.law.allocation.reset(); }),
             contains("The split of the budget is the minimum of the law's loss surface"));
  CHECK_THAT(after([](Exact& e) { e.proposal.spec.shape.seq_len = 256; }),
             contains("seq_len 256 is not that of the law's runs, 128"));
}

TEST_CASE("an extrapolation asks for something where its light is not green") {
  const auto beyond = [](double times, bool is_poor) {
    return [=](Exact& e) {
      e.proposal.extrapolation = times;
      e.proposal.reliability.emplace().light = extrapolation_light(times, !is_poor);
    };
  };
  CHECK_THAT(remarked_after(beyond(5, false)),
             contains("Extrapolates 5 times") && contains("where hold-outs have worked"));
  CHECK_THAT(after(beyond(5, true)), contains("caution, check on one budget in between"));
  CHECK_THAT(after(beyond(50, true)), contains("only with hold-out evidence"));
}

TEST_CASE("a head that costs more than all that the law counts is warned of") {
  const auto small = [](double m) {
    return [=](Exact& e) {
      e.proposal.flops_per_token = FlopsPerToken(m);
      e.proposal.law_flops_per_token = m;
    };
  };
  // 6 d_model V = 96,000 FLOPs per token.
  CHECK_THAT(after(small(32'000)), contains("The head takes 96k FLOPs per token, 3 times those") &&
                                       contains("--vocab-size"));
  CHECK(after(small(97'000)).empty());
}

TEST_CASE("how far beyond a law of batch and rate lies follows from the numbers beside it") {
  CHECK_THAT(after([](Exact& e) {
               e.law.hyper = HyperLaw{{0.3, 0.3}, {0.3, -0.1}, Flops(2e18)};
             }),
             contains("extrapolate 5 times beyond their own grids, which end at 2e+18 FLOPs"));
}
