// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "isoflop/law.h"
#include "support/catch.h"
#include "support/temp_dir.h"

using namespace isoflop;

namespace {

std::filesystem::path fits() { return std::filesystem::path(ISOFLOP_SOURCE_DIR) / "fits"; }
Law published(const std::string& id) { return load_law(fits() / "published" / (id + ".json")); }

}  // namespace

TEST_CASE("every published law loads, cites a source and is formatted as it would be saved") {
  const std::vector<std::string> ids = {"chinchilla-2022",   "deepseek-early-data-2024",
                                        "deepseek-llm-2024", "deepseek-openwebtext2-2024",
                                        "epoch-2024",        "kaplan-2020",
                                        "llama3-2024",       "llama3-figure-2024",
                                        "openeurollm-2026",  "porian-2024",
                                        "power-lines-2025",  "step-law-2025"};
  const std::vector<Law> book = load_law_book(fits());
  const test::TempDir folder;
  for (const std::string& id : ids) {
    INFO(id);
    const auto found =
        std::find_if(book.begin(), book.end(), [&](const Law& law) { return law.id == id; });
    REQUIRE(found != book.end());
    CHECK(found->source.find("arXiv:") != std::string::npos);
    save_law(*found, folder.path() / "law.json");
    CHECK(test::read_file(folder.path() / "law.json") ==
          test::read_file(fits() / "published" / (id + ".json")));
  }
}

TEST_CASE("DeepSeek's laws give the values of its tables (arXiv:2401.02954)") {
  const Law law = published("deepseek-llm-2024");
  // The 7B and 67B models by their nominal M D: table 2 has 4.2e-4 and 3.2e-4, 9.4M and 18.9M
  // tokens.
  CHECK(law.hyper->peak_lr(8.456e22) == Approx(4.246e-4).epsilon(5e-4));
  CHECK(law.hyper->batch_tokens(8.456e22) == Approx(9.22e6).epsilon(1e-3));
  CHECK(law.hyper->peak_lr(9.946e23) == Approx(3.120e-4).epsilon(5e-4));
  CHECK(law.hyper->batch_tokens(9.946e23) == Approx(20.65e6).epsilon(1e-3));
  // eq. 4 prints both halves of one split: their product is C to the printed digits.
  const AllocationLaw& split = *law.allocation;
  CHECK(split.flops_per_token(1e20) * split.tokens(1e20) == Approx(1e20).epsilon(2e-4));
  CHECK(split.flops_per_token(1e17) == Approx(1.404e8).epsilon(1e-3));
  CHECK(split.tokens(1e17) == Approx(7.123e8).epsilon(1e-3));
}

TEST_CASE("table 4's exponents of the other corpora are known without coefficients") {
  CHECK(published("deepseek-early-data-2024").allocation->flops_per_token.exponent == 0.450);
  CHECK(published("deepseek-openwebtext2-2024").allocation->tokens.exponent == 0.422);
  CHECK(published("deepseek-openwebtext2-2024").allocation->exponents_only);
}

TEST_CASE("Chinchilla's and Epoch's surfaces give their exponents (arXiv:2404.10102)") {
  const AllocationLaw epoch = *allocation_of(published("epoch-2024"));
  CHECK(epoch.flops_per_token.exponent == Approx(0.5126).epsilon(1e-4));
  const AllocationLaw chinchilla = *allocation_of(published("chinchilla-2022"));
  CHECK(chinchilla.flops_per_token.exponent == Approx(0.4565).epsilon(1e-4));
  // Gopher's budget, 5.76e23: 40B parameters by the unrounded exponents, 32B by the rounded ones.
  CHECK(chinchilla.flops_per_token(5.76e23) / 6 == Approx(40e9).epsilon(0.02));
}

TEST_CASE("Step Law and Porian give the learning rates and batches their papers state") {
  const HyperLawNd step = *published("step-law-2025").hyper_nd;
  CHECK(step.peak_lr(1e9, 1e11) ==
        Approx(1.79 * std::pow(1e9, -0.713) * std::pow(1e11, 0.307)).epsilon(1e-12));
  CHECK(step.batch_tokens(1e9, 1e11) == step.batch_tokens(1, 1e11));
  const HyperLawNd porian = *published("porian-2024").hyper_nd;
  // 0.00037 N^0.703 sequences of 2048 tokens; both forms are rounded.
  CHECK(porian.batch_tokens(1e8, 1) == Approx(2048 * 0.00037 * std::pow(1e8, 0.703)).epsilon(1e-3));
  // OLMo's rounded form of the same law: 0.0047 (N / 108e6)^(-1/3).
  CHECK(porian.peak_lr(108e6, 1) == Approx(0.0047).epsilon(0.03));
}

TEST_CASE("Kaplan's loss frontier is (3.1e8 PF-days / C)^0.050") {
  const FrontierLaw frontier = *published("kaplan-2020").frontier;
  CHECK(frontier(3.1e8 * 8.64e19) == Approx(1).epsilon(1e-12));
  CHECK(frontier(1e21) == Approx(std::pow(3.1e8 * 8.64e19 / 1e21, 0.050)).epsilon(1e-12));
}

TEST_CASE("Llama 3's splits multiply to the budget") {
  const AllocationLaw text = *published("llama3-2024").allocation;
  CHECK(text.tokens(1e22) == Approx(0.29 * std::pow(1e22, 0.53)).epsilon(1e-12));
  for (const char* id : {"llama3-2024", "llama3-figure-2024"}) {
    const AllocationLaw split = *published(id).allocation;
    CHECK(split.tokens(1e22) * split.flops_per_token(1e22) == Approx(1e22).epsilon(1e-12));
  }
}

TEST_CASE("Llama 3's figure, not its text, gives the 16.55T tokens and 402B of the report") {
  const double budget = 3.8e25;
  const AllocationLaw figure = *published("llama3-figure-2024").allocation;
  // The report's two numbers have a 6 N D 5 % above its budget.
  CHECK(figure.tokens(budget) == Approx(16.55e12).epsilon(0.02));
  CHECK(figure.flops_per_token(budget) / 6 == Approx(402e9).epsilon(0.04));
  const AllocationLaw text = *published("llama3-2024").allocation;
  CHECK(text.tokens(budget) == Approx(10.46e12).epsilon(1e-3));
  CHECK_THAT(published("llama3-2024").note, contains("llama3-figure-2024"));
}

TEST_CASE("OpenEuroLLM's laws give the digits of their regression (arXiv:2608.28308)") {
  const Law law = published("openeurollm-2026");
  CHECK(law.mark == SourceMark::recomputed);
  const HyperLawNd& hyper = *law.hyper_nd;
  // lr = 0.54 N^-0.43 D^0.08, B = 0.44 N^0.14 D^0.46 tokens.
  CHECK(hyper.peak_lr.coefficient == Approx(0.54).margin(0.005));
  CHECK(hyper.peak_lr.exponent_params == Approx(-0.43).margin(0.005));
  CHECK(hyper.peak_lr.exponent_tokens == Approx(0.08).margin(0.005));
  CHECK(hyper.batch_tokens.coefficient == Approx(0.44).margin(0.005));
  CHECK(hyper.batch_tokens.exponent_params == Approx(0.14).margin(0.005));
  CHECK(hyper.batch_tokens.exponent_tokens == Approx(0.46).margin(0.005));
  // At the best batch the rate at a batch is about the best rate.
  const double best = hyper.batch_tokens(3e8, 50e9);
  CHECK((*law.peak_lr_at_batch)(3e8, 50e9, best) == Approx(hyper.peak_lr(3e8, 50e9)).epsilon(0.1));
  // Its authors' own constants, from 45 of the cells, at 600M and 50B: within the errors of both.
  const double n = 588544000, d = 50e9;
  CHECK(hyper.peak_lr(n, d) ==
        Approx(0.371396 * std::pow(n, -0.417) * std::pow(d, 0.086)).epsilon(0.05));
  CHECK(hyper.batch_tokens(n, d) ==
        Approx(4096 * 9.901e-5 * std::pow(n, 0.145) * std::pow(d, 0.460)).epsilon(0.05));
}

TEST_CASE("constants that others quote are marked as secondary") {
  CHECK(published("power-lines-2025").mark == SourceMark::secondary);
  CHECK_FALSE(published("deepseek-llm-2024").mark);
}
