// SPDX-License-Identifier: Apache-2.0
// Sixty proposals that a cluster can train: six laws, 1e20 to 1e25 FLOPs, one rank and eight. The
// test prints the table.
#include <cmath>
#include <cstdio>
#include <functional>

#include "base/json.h"
#include "base/text.h"
#include "isoflop/proposal.h"
#include "plan/figures.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

Law published_law(const std::string& id) {
  return load_law(std::filesystem::path(ISOFLOP_SOURCE_DIR) / "fits/published" / (id + ".json"));
}

/// A law as a fit of points that state parameters alone gives it, with a recipe behind it.
Law fitted_law() {
  Law law;
  law.id = "own-params";
  law.source = "a test";
  law.frame.dataset = "mine";
  law.frame.convention = FlopsConvention::six_n_total;
  law.fitted_from = Flops(1e18);
  law.fitted_to = Flops(1e21);
  law.vocab_size = 50'257;
  law.seq_len = 2048;
  law.loss = LossLaw{1.7, 400, 0.34, 2000, 0.36, LossLaw::Scale::params};
  law.recipe.weight_decay = 0.2;
  return law;
}

std::vector<Law> laws() {
  return {published_law("deepseek-llm-2024"),  published_law("chinchilla-2022"),
          published_law("epoch-2024"),         published_law("llama3-2024"),
          published_law("llama3-figure-2024"), fitted_law()};
}

/// Every number of the answer, those below objects and arrays, too.
void each_number(const JsonReader& json, const std::function<void(const JsonReader&)>& look) {
  if (json.is_object()) {
    for (const auto& [key, member] : json.members()) each_number(member, look);
  } else if (json.is_array()) {
    for (const JsonReader& element : json.elements()) each_number(element, look);
  } else if (json.is_number()) {
    look(json);
  }
}

bool says_why(const Proposal& p) {
  for (const std::string& warning : p.warnings) {
    if (warning.starts_with("The nearest shape")) return true;
  }
  return false;
}

void print_row(const Proposal& p, std::int64_t ranks) {
  const ModelShape& s = p.spec.shape;
  std::printf(
      "| %s | %.0e | %lld | %s | %lld | %lld/%lld x %lld | %lld | %lld | %s | %.1f %% | %s |\n",
      p.law_id.c_str(), p.compute_budget.value(), static_cast<long long>(ranks),
      count_text(static_cast<double>(count_params(s).total())).c_str(),
      static_cast<long long>(s.n_layers), static_cast<long long>(s.n_heads),
      static_cast<long long>(s.n_kv_heads), static_cast<long long>(s.d_head),
      static_cast<long long>(s.d_ff), static_cast<long long>(s.vocab_size),
      flops_text(p.flops_per_token.value()).c_str(),
      100 * (p.flops_per_token.value() / *p.law_flops_per_token - 1),
      count_text(p.tokens.value()).c_str());
}

}  // namespace

TEST_CASE("sixty proposals divide, keep to their law and have one convention", "[table]") {
  const Law hyper = published_law("deepseek-llm-2024");
  int n = 0;
  for (const Law& law : laws()) {
    for (const double compute : {1e20, 1e21, 1e23, 1e24, 1e25}) {
      for (const std::int64_t ranks : {1, 8}) {
        ProposalRequest request{.compute_budget = Flops(compute)};
        request.shape.tensor_parallel = ranks;
        if (!law.hyper) request.hyper_laws = {hyper};
        const Proposal p = propose(request, law);
        const ModelShape& shape = p.spec.shape;
        INFO(law.id << " at " << compute << ", ranks " << ranks << ": " << short_name(shape));
        ++n;
        print_row(p, ranks);
        CHECK(broken_rule(shape, request.shape).empty());
        CHECK(shape.d_ff % 256 == 0);
        CHECK(shape.vocab_size % 128 == 0);
        const double off = p.flops_per_token.value() / *p.law_flops_per_token - 1;
        CHECK((std::abs(off) <= 0.05 || says_why(p)));
        CHECK(std::abs(off) <= 0.05);
        CHECK(p.convention == with_real_matrices(law.frame.convention));
        CHECK(p.flops_per_token == flops_per_token(shape, p.convention));
        CHECK(p.compute.value() <= compute);
        CHECK(p.trainable());
        const Json document = parse_json(to_json(p), "answer");
        const JsonReader json(document, "answer");
        CHECK(json.at("convention").string() == to_string(p.convention));
        each_number(json, [](const JsonReader& value) {
          INFO(value.path());
          CHECK(std::isfinite(value.number()));
          CHECK(value.number() != 0);
        });
        const std::string text = proposal_text(p);
        for (const char* bad : {"nan", "inf", " 0 ", "e+"}) {
          INFO(text);
          CHECK(text.find(bad, text.find('\n')) == std::string::npos);
        }
      }
    }
  }
  CHECK(n == 60);
}

TEST_CASE("what a law does not say is not printed, nor is a second convention") {
  const Proposal p = propose({.compute_budget = Flops(1e20)}, published_law("chinchilla-2022"));
  CHECK(p.tokens.value() == Approx(2.153e10).epsilon(0.03));
  CHECK(p.flops_per_token.value() == Approx(6 * 774.1e6).epsilon(0.03));
  const std::string text = proposal_text(p);
  for (const char* row : {"batch", "steps", "learning rate", "schedule", "weight decay"}) {
    CHECK(text.find(row) == std::string::npos);
  }
  CHECK_THAT(text, contains("by six_n_total"));
  CHECK(text.find("deepseek") == std::string::npos);
}
