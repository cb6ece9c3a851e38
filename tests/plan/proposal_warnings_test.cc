// SPDX-License-Identifier: Apache-2.0
#include "plan/proposal_warnings.h"

#include <functional>

#include "base/text.h"
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
    proposal.spec.shape.vocab_size = 1000;
    proposal.spec.shape.seq_len = 128;
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
};

std::string after(const std::function<void(Exact&)>& change) {
  Exact exact;
  change(exact);
  return exact.warned();
}

}  // namespace

TEST_CASE("a proposal of its law's own numbers is not warned of") {
  CHECK(Exact().warned().empty());
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
             contains("The batch is rounded to 1000 sequences, 80 % of the law's"));
  CHECK_THAT(after([](Exact& e) { e.proposal.compute = Flops(0.9e19); }),
             contains("Whole steps spend 90 % of the budget"));
  CHECK(after([](Exact& e) { e.proposal.compute = Flops(0.996e19); }).empty());
}

TEST_CASE("what the law does not say is said") {
  CHECK_THAT(after([](Exact& e) { e.law.fitted_to.reset(); }),
             contains("The law does not say for which budgets it was fitted"));
  CHECK_THAT(after([](Exact& e) { e.law.allocation.reset(); }),
             contains("The split of the budget is the minimum of the law's loss surface"));
  CHECK_THAT(after([](Exact& e) { e.proposal.spec.shape.seq_len = 256; }),
             contains("seq_len 256 is not that of the law's runs, 128"));
}
