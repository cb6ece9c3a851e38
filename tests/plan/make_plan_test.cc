// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "isoflop/plan.h"
#include "isoflop/run_record.h"
#include "plan/planning.h"
#include "support/catch.h"

namespace isoflop {
namespace {

using Catch::Matchers::Contains;

Plan plan_of(const Experiment& experiment) {
  return make_plan(experiment, test::deepseek_law(), test::byte_dataset());
}

std::vector<PlannedRun> runs_of(const Plan& plan, double budget) {
  std::vector<PlannedRun> runs;
  std::copy_if(plan.runs.begin(), plan.runs.end(), std::back_inserter(runs),
               [budget](const PlannedRun& run) { return run.budget == budget; });
  return runs;
}

bool warns(const Plan& plan, const std::string& text) {
  return std::any_of(plan.warnings.begin(), plan.warnings.end(), [&](const std::string& warning) {
    return warning.find(text) != std::string::npos;
  });
}

TEST_CASE("every run of a plan spends its budget within half a percent, in whole steps") {
  const Plan plan = plan_of(test::small_experiment());
  REQUIRE(plan.runs.size() == 21);
  double total = 0;
  for (const PlannedRun& run : plan.runs) {
    CAPTURE(short_name(run.spec.shape));
    const double m = flops_per_token(run.spec.shape).value();
    CHECK(run.compute == m * run.spec.tokens().value());
    CHECK(std::abs(run.compute / run.budget - 1) <= 0.005);
    CHECK(run.spec.n_steps >= 500);
    CHECK(run.spec.warmup_steps == default_warmup_steps(run.spec.n_steps));
    CHECK(run.run_id == run_id(run.spec));
    CHECK(run.spec.validation_tokens == 131072);
    CHECK(run.spec.dataset_hash == "00112233aabbccdd");
    CHECK_NOTHROW(validate(run.spec));
    total += run.compute;
  }
  CHECK(plan.total_compute().value() == Approx(total).epsilon(1e-12));
}

TEST_CASE("a curve has distinct sizes spread over the window around the centre") {
  Experiment experiment = test::small_experiment();
  experiment.isoflop->centre = PowerLaw{0.5, 0.5};  // M = 500'000 at 1e12
  const Plan plan = plan_of(experiment);
  for (const double budget : experiment.isoflop->budgets) {
    std::set<double> sizes;
    for (const PlannedRun& run : runs_of(plan, budget)) {
      sizes.insert(flops_per_token(run.spec.shape).value());
    }
    const double centre = 0.5 * std::sqrt(budget);
    REQUIRE(sizes.size() == 7);
    CHECK(*sizes.begin() == Approx(centre / 4).epsilon(0.4));
    CHECK(*sizes.rbegin() == Approx(centre * 4).epsilon(0.4));
    CHECK(std::count_if(sizes.begin(), sizes.end(), [&](double m) { return m < centre; }) >= 3);
    CHECK(std::count_if(sizes.begin(), sizes.end(), [&](double m) { return m > centre; }) >= 3);
  }
}

TEST_CASE("a plan's shapes keep to the rules of the cluster") {
  Experiment experiment = test::small_experiment();
  experiment.isoflop->budgets = {1e20, 1e22};
  experiment.seq_len = 2048;
  experiment.rules = {.tensor_parallel = 8, .gqa_ratio = 4};
  experiment.base.shape.tied_embeddings = true;
  for (const PlannedRun& run : plan_of(experiment).runs) {
    const ModelShape& shape = run.spec.shape;
    INFO(short_name(shape));
    CHECK(broken_rule(shape, experiment.rules).empty());
    CHECK(shape.n_heads == 4 * shape.n_kv_heads);
    CHECK(shape.tied_embeddings);
  }
}

TEST_CASE("a prior whose runs were trained otherwise is told") {
  Law prior = test::deepseek_law();
  prior.recipe.weight_decay = 0.02;
  prior.recipe.adam_beta2 = 0.95;
  const Plan plan = make_plan(test::small_experiment(), prior, test::byte_dataset());
  CHECK(warns(plan, "/prior: the runs behind deepseek-llm-2024 had weight_decay 0.02, not 0.1"));
  CHECK_FALSE(warns(plan, "adam_beta2"));
}

TEST_CASE("all budgets draw on one ladder") {
  Experiment experiment = test::small_experiment();
  experiment.isoflop->half_width = 8;
  std::set<std::string> names;
  for (const PlannedRun& run : plan_of(experiment).runs) {
    names.insert(short_name(run.spec.shape));
  }
  std::set<std::string> ladder;
  for (const ModelShape& shape : shape_ladder(FlopsPerToken(1e8), {256, 128, 1.4})) {
    ladder.insert(short_name(shape));
  }
  CHECK(std::includes(ladder.begin(), ladder.end(), names.begin(), names.end()));
}

TEST_CASE("equal inputs give an equal plan, cheapest first") {
  const Plan a = plan_of(test::small_experiment()), b = plan_of(test::small_experiment());
  REQUIRE(a.runs.size() == b.runs.size());
  for (std::size_t i = 0; i < a.runs.size(); ++i) CHECK(a.runs[i].run_id == b.runs[i].run_id);
  CHECK(std::is_sorted(a.runs.begin(), a.runs.end(),
                       [](const auto& x, const auto& y) { return x.cost < y.cost; }));
  CHECK(a.warnings == b.warnings);
}

TEST_CASE("batch and learning rate follow the prior's law of C, rounded") {
  Experiment experiment = test::small_experiment();
  experiment.isoflop->budgets = {1e13};
  experiment.isoflop->half_width = 2;  // no run so large that its batch must shrink
  for (const PlannedRun& run : plan_of(experiment).runs) {
    CHECK(run.spec.peak_lr == 0.007394);       // 0.3118 * 1e13^-0.1250 = 0.00739388
    CHECK(run.spec.batch_tokens == 40 * 128);  // 0.2920 * 1e13^0.3271 = 5220 = 40.8 sequences
    CHECK(run.spec.micro_batch_seqs * 128 <= 2048);
  }
}

TEST_CASE("a law of N and D gives every cell its own values") {
  Law law = test::deepseek_law();
  law.hyper.reset();
  law.hyper_nd = HyperLawNd{{0.58, 0, 0.571}, {1.79, -0.713, 0.307}};  // arXiv:2503.04715
  const Plan plan = make_plan(test::small_experiment(), law, test::byte_dataset());
  std::set<double> rates;
  for (const PlannedRun& run : plan.runs) {
    const auto n = static_cast<double>(count_params(run.spec.shape).non_embedding());
    const double d = run.budget / flops_per_token(run.spec.shape).value();
    CHECK(run.spec.peak_lr ==
          Approx(1.79 * std::pow(n, -0.713) * std::pow(d, 0.307)).epsilon(1e-3));
    rates.insert(run.spec.peak_lr);
  }
  CHECK(rates.size() > 15);
}

TEST_CASE("a law that counts all parameters is asked with all of them") {
  Law law = test::deepseek_law();
  law.hyper.reset();
  law.hyper_nd = HyperLawNd{{0.58, 0, 0.571}, {1.79, -0.713, 0.307}};
  law.frame.convention = FlopsConvention::six_n_total;
  const Plan plan = make_plan(test::small_experiment(), law, test::byte_dataset());
  for (const PlannedRun& run : plan.runs) {
    const auto n = static_cast<double>(count_params(run.spec.shape).total());
    const double d = run.budget / flops_per_token(run.spec.shape).value();
    CHECK(run.spec.peak_lr ==
          Approx(1.79 * std::pow(n, -0.713) * std::pow(d, 0.307)).epsilon(1e-3));
  }
}

TEST_CASE("fixed values are kept and need no prior") {
  Experiment experiment = test::small_experiment();
  experiment.isoflop->centre = PowerLaw{0.5, 0.5};
  experiment.peak_lr = 0.0123;
  experiment.batch_tokens = 1024;
  experiment.warmup_steps = 40;
  const Plan plan = make_plan(experiment, Law(), test::byte_dataset());
  for (const PlannedRun& run : plan.runs) {
    CHECK(run.spec.peak_lr == 0.0123);
    CHECK(run.spec.batch_tokens == 1024);
    CHECK(run.spec.warmup_steps == 40);
  }
}

TEST_CASE("a grid crosses rates, batches and seeds for one model per budget") {
  Experiment experiment = test::small_experiment();
  experiment.isoflop.reset();
  experiment.seeds = {0, 7};
  experiment.grid = GridDesign{
      .budgets = {1e11, 1e12}, .peak_lr = {0.002, 0.004, 0.008}, .batch_tokens = {512, 2048}};
  const Plan plan = plan_of(experiment);
  CHECK(plan.runs.size() == 2 * 3 * 2 * 2);
  for (const double budget : {1e11, 1e12}) {
    std::set<double> sizes;
    for (const PlannedRun& run : runs_of(plan, budget)) {
      CHECK(run.kind == CellKind::grid);
      sizes.insert(flops_per_token(run.spec.shape).value());
    }
    CHECK(sizes.size() == 1);
  }
}

TEST_CASE("a run that serves both a curve and a grid appears once") {
  Experiment experiment = test::small_experiment();
  experiment.isoflop->budgets = {1e12};
  experiment.peak_lr = 0.004;
  experiment.batch_tokens = 1024;
  const std::size_t curve = plan_of(experiment).runs.size();
  const double target = 0.1715 * std::pow(1e12, 0.5243);
  experiment.grid =
      GridDesign{.budgets = {1e12}, .peak_lr = {0.002, 0.004}, .batch_tokens = {1024, 2048}};
  const Plan plan = plan_of(experiment);
  std::set<std::string> ids;
  for (const PlannedRun& run : plan.runs) ids.insert(run.run_id);
  CHECK(ids.size() == plan.runs.size());
  CHECK(plan.runs.size() == curve + 3);
  const auto both = std::find_if(plan.runs.begin(), plan.runs.end(), [&](const PlannedRun& run) {
    return run.spec.peak_lr == 0.004 && run.spec.batch_tokens == 1024 &&
           std::abs(std::log(flops_per_token(run.spec.shape).value() / target)) < 0.2;
  });
  REQUIRE(both != plan.runs.end());
  CHECK(both->kind == CellKind::isoflop);
}

TEST_CASE("the law's batch shrinks until a run takes 500 steps") {
  Experiment experiment = test::small_experiment();
  experiment.isoflop->budgets = {1e11};
  experiment.isoflop->centre = PowerLaw{4e5 / std::pow(1e11, 0.5), 0.5};
  const Plan plan = plan_of(experiment);
  for (const PlannedRun& run : plan.runs) {
    CHECK((run.spec.n_steps >= 500 || run.spec.batch_tokens == 128));
  }
  CHECK(warns(plan, "with a smaller batch than the law's"));
}

TEST_CASE("a plan says what it had to bend") {
  Experiment experiment = test::small_experiment();
  SECTION("repeated data") {
    experiment.isoflop->budgets = {1e15};
    CHECK(warns(plan_of(experiment), "longer than the training split"));
  }
  SECTION("fewer validation tokens") {
    experiment.validation_tokens = 4'000'000;
    const Plan plan = plan_of(experiment);
    CHECK(warns(plan, "/validation_tokens: 4000000 asked for, the data set has 1999872"));
    CHECK(plan.runs.front().spec.validation_tokens == 1'999'872);  // 15624 whole windows of 128
  }
  SECTION("a prior used far outside its range") {
    CHECK(warns(plan_of(experiment), "/prior: deepseek-llm-2024 was fitted from 1e+17"));
  }
  SECTION("more sizes than the ladder has") {
    experiment.isoflop->per_budget = 40;
    CHECK(warns(plan_of(experiment), "40 sizes asked for, the ladder has"));
  }
  SECTION("budgets missed because steps are coarse") {
    experiment.isoflop->budgets = {1e11};
    experiment.batch_tokens = 16384;
    const Plan plan = plan_of(experiment);
    CHECK(warns(plan, "of fewer than 500 steps"));
    CHECK(warns(plan, "off the budget by more than 0.5 %"));
  }
  SECTION("nothing, where nothing was bent") {
    Law law = test::deepseek_law();
    law.fitted_from = Flops(1e11);
    experiment.batch_tokens = 512;
    CHECK(make_plan(experiment, law, test::byte_dataset()).warnings == std::vector<std::string>());
  }
}

TEST_CASE("what cannot be trained is refused with its path") {
  Experiment experiment = test::small_experiment();
  Law law = test::deepseek_law();
  DatasetSummary dataset = test::byte_dataset();
  const auto message = [&] { return ISOFLOP_ERROR_MESSAGE(make_plan(experiment, law, dataset)); };
  SECTION("another data set") {
    dataset.name = "other";
    CHECK_THAT(message(), Contains("/dataset: is \"gcide\", but the data at hand are \"other\""));
  }
  SECTION("no validation split") {
    dataset.validation_tokens = 128;
    CHECK_THAT(message(), Contains("/dataset: \"gcide\" holds 128 validation tokens, fewer than"));
  }
  SECTION("no training tokens") {
    dataset.train_tokens = 0;
    CHECK_THAT(message(), Contains("/dataset: \"gcide\" holds no training tokens"));
  }
  SECTION("no centre") {
    law.allocation->exponents_only = true;
    CHECK_THAT(message(), Contains("/shapes/centre: the prior deepseek-llm-2024 says no optimal"));
  }
  SECTION("no hyper-parameter law") {
    law.hyper.reset();
    CHECK_THAT(message(), Contains("has no hyper-parameter law; give a number"));
  }
  SECTION("a budget below the smallest model") {
    experiment.isoflop->budgets = {1e12, 1e6};
    CHECK_THAT(message(), Contains("/budgets/1: calls for models from "));
  }
  SECTION("a budget of a few steps") {
    experiment.isoflop->budgets = {1e7};
    experiment.isoflop->centre = PowerLaw{1e6, 0};
    CHECK_THAT(message(), Contains("/budgets/0: 1e+07 FLOPs buy "));
  }
  SECTION("a budget that was not validated") {
    experiment.isoflop->budgets = {std::numeric_limits<double>::quiet_NaN()};
    CHECK_THAT(message(), Contains("/budgets/0: must be > 0, got nan"));
  }
  SECTION("models beyond the ladder") {
    experiment.isoflop->budgets = {1e30};
    experiment.isoflop->centre = PowerLaw{1, 0.6};
    CHECK_THAT(message(), Contains("/budgets/0: calls for models of "));
  }
}

TEST_CASE("a generated source has no epochs, and the largest budgets anyone has named plan") {
  Experiment experiment = test::small_experiment();
  experiment.isoflop->budgets = {1e17, 1e27};
  experiment.seq_len = 4096;
  DatasetSummary dataset = test::byte_dataset();
  dataset.train_tokens = std::numeric_limits<double>::infinity();
  const Plan plan = make_plan(experiment, test::deepseek_law(), dataset);
  CHECK(plan.runs.size() == 14);
  for (const PlannedRun& run : plan.runs) {
    CHECK(run.epochs == 0);
    CHECK(run.compute == Approx(run.budget).epsilon(0.005));
  }
}

}  // namespace
}  // namespace isoflop
