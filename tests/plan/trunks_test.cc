// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/json.h"
#include "isoflop/error.h"
#include "isoflop/plan.h"
#include "isoflop/run_record.h"
#include "plan/planning.h"
#include "plan/trunk_groups.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

using Catch::Matchers::Contains;

Plan plan_of(const Experiment& experiment) {
  return make_plan(experiment, test::deepseek_law(), test::byte_dataset());
}

Experiment sharing(std::vector<double> budgets) {
  Experiment experiment = test::small_experiment();
  experiment.isoflop->budgets = std::move(budgets);
  experiment.share_trunks = true;
  return experiment;
}

std::vector<double> geometric(double first, double ratio, int n) {
  std::vector<double> values;
  for (int i = 0; i < n; ++i) values.push_back(first * std::pow(ratio, i));
  return values;
}

/// Of one shape, by summing what is trained: a trunk up to the longest run's branch, and tails.
double savings(double ratio, int n, LrSchedule schedule) {
  Experiment experiment = sharing(geometric(3e12, ratio, n));
  experiment.isoflop->centre = PowerLaw{2e5, 0};
  experiment.isoflop->per_budget = 3;
  experiment.base.schedule = std::move(schedule);
  const Plan plan = plan_of(experiment);
  CHECK(plan.runs.size() == static_cast<std::size_t>(3 * n));
  CHECK(shared_trunks(plan.runs).size() == 3);
  return plan.trained_compute() / plan.total_compute();
}

TEST_CASE("a trunk of geometric lengths costs f + (1-f)(1-1/r) / (1-r^-K) of its runs") {
  const LrSchedule multi_step;  // leaves at 80 %
  const LrSchedule wsd = {.kind = ScheduleKind::wsd, .decay_fraction = 0.1};
  // A constant rate ends with a tenth of the steps, whose mean is the run's training loss.
  const LrSchedule constant = {.kind = ScheduleKind::constant};
  const struct {
    double ratio;
    int n;
    double f;
    LrSchedule schedule;
    double published;  // to three digits
  } cases[] = {
      {1.5, 2, 0.2, multi_step, 0.680}, {1.5, 5, 0.2, multi_step, 0.507},
      {2, 4, 0.2, multi_step, 0.627},   {std::sqrt(10), 3, 0.2, multi_step, 0.765},
      {2, 4, 0.1, wsd, 0.580},          {2, 3, 0.1, constant, 0.614},
  };
  for (const auto& [ratio, n, f, schedule, published] : cases) {
    CAPTURE(ratio, n, f);
    const double formula = f + (1 - f) * (1 - 1 / ratio) / (1 - std::pow(ratio, -n));
    CHECK(formula == Approx(published).margin(5.1e-4));
    // Lengths are whole steps, of 500 at least.
    CHECK(savings(ratio, n, schedule) == Approx(formula).margin(1e-3));
  }
}

TEST_CASE("runs of a trunk differ in length alone and begin where the one before has left") {
  Experiment experiment = sharing({1e12, 2e12, 4e12, 8e12});
  experiment.seeds = {0, 1};
  const Plan plan = plan_of(experiment);
  const std::vector<Trunk> trunks = shared_trunks(plan.runs);
  CHECK(trunks.size() >= 10);
  std::set<std::size_t> in_trunks;
  double trained = 0;
  for (const Trunk& trunk : trunks) {
    std::int64_t first_step = 0;
    for (const std::size_t i : trunk.runs) {
      const PlannedRun& run = plan.runs[i];
      CHECK(in_trunks.insert(i).second);
      CHECK(run.first_step == first_step);
      CHECK(trunk_id(run.spec) == trunk.trunk_id);
      RunSpec spec = plan.runs[trunk.runs.front()].spec;
      spec.n_steps = run.spec.n_steps;
      CHECK(spec == run.spec);
      CHECK(branch_step(spec) > first_step);
      first_step = branch_step(spec);
      trained += run.compute * static_cast<double>(run.spec.n_steps - run.first_step) /
                 static_cast<double>(run.spec.n_steps);
    }
    const RunSpec& shortest = plan.runs[trunk.runs.front()].spec;
    CHECK(shortest.warmup_steps == default_warmup_steps(shortest.n_steps));
    CHECK(shortest.n_steps >= 500);
  }
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    if (in_trunks.count(i) > 0) continue;
    CHECK(plan.runs[i].first_step == 0);
    trained += plan.runs[i].compute;
  }
  CHECK(plan.trained_compute().value() == Approx(trained));
}

TEST_CASE("batch and learning rate of a group are the law's at its middle") {
  const Law law = test::deepseek_law();
  const Plan plan = plan_of(sharing(geometric(1e14, std::sqrt(10), 4)));
  // From the top: three budgets within a factor of 10, and one by itself.
  const double middle = 1e14 * 10;
  std::map<double, std::set<double>> lr, batch;
  for (const PlannedRun& run : plan.runs) {
    lr[run.budget].insert(run.spec.peak_lr);
    batch[run.budget].insert(static_cast<double>(run.spec.batch_tokens));
  }
  for (const auto& [budget, values] : lr) {
    const double tuned = budget == 1e14 ? 1e14 : middle;
    REQUIRE(values.size() == 1);
    CHECK(*values.begin() == Approx(law.hyper->peak_lr(tuned)).epsilon(1e-3));
    CHECK(*batch[budget].begin() == Approx(law.hyper->batch_tokens(tuned)).epsilon(0.05));
  }
}

TEST_CASE("groups reach sqrt(10) to either side, the largest budgets together") {
  const std::vector<double> budgets = geometric(1e17, std::sqrt(10), 8);
  const TrunkGroups groups(budgets);
  std::map<double, int> sizes;
  for (const double budget : budgets) {
    const double tuned = groups.tuned_budget(budget);
    CHECK(std::abs(std::log10(budget / tuned)) <= 0.5 + 1e-9);
    ++sizes[tuned];
  }
  REQUIRE(sizes.size() == 3);
  CHECK(sizes.begin()->second == 2);
  CHECK(sizes.rbegin()->second == 3);
  CHECK_THROWS_AS(groups.tuned_budget(1), Error);
}

TEST_CASE(
    "with shared trunks the sizes of neighbouring budgets are the same wherever they can be") {
  // The sweep of arXiv:2401.02954, sec. 3.2: 8 budgets, 10 sizes each.
  Experiment experiment = sharing(geometric(1e17, std::pow(3000, 1.0 / 7), 8));
  experiment.isoflop->per_budget = 10;
  experiment.seq_len = 1024;
  const Plan plan = plan_of(experiment);
  REQUIRE(plan.runs.size() == 80);
  std::set<std::string> shapes, trunks;
  for (const PlannedRun& run : plan.runs) {
    shapes.insert(short_name(run.spec.shape));
    trunks.insert(trunk_id(run.spec));
  }
  // One trunk per shape would make it 0.80; groups at most a factor of 10 wide need more. Sizes
  // from 100M parameters on are of the ladder's fine part.
  CHECK(shapes.size() == 24);
  CHECK(trunks.size() == 40);
  const double ratio = plan.trained_compute() / plan.total_compute();
  CHECK(ratio == Approx(0.8107).margin(5e-4));
  // Every curve still spans its window.
  for (const double budget : experiment.isoflop->budgets) {
    double low = INFINITY, high = 0;
    for (const PlannedRun& run : plan.runs) {
      if (run.budget != budget) continue;
      low = std::min(low, flops_per_token(run.spec.shape).value());
      high = std::max(high, flops_per_token(run.spec.shape).value());
    }
    CHECK(high / low == Approx(16).epsilon(0.4));
    CHECK(std::sqrt(low * high) == Approx(0.1715 * std::pow(budget, 0.5243)).epsilon(0.25));
  }
}

TEST_CASE("a grid at several budgets shares the trunk of each batch and learning rate") {
  Experiment experiment = sharing({});
  experiment.isoflop.reset();
  experiment.grid = GridDesign{.budgets = {1e12, 3e12},
                               .peak_lr = {0.002, 0.004},
                               .batch_tokens = {512, 1024},
                               .centre = PowerLaw{2e5, 0}};
  const Plan plan = plan_of(experiment);
  CHECK(plan.runs.size() == 8);
  CHECK(shared_trunks(plan.runs).size() == 4);
  experiment.share_trunks = false;
  CHECK(shared_trunks(plan_of(experiment).runs).empty());  // their warm-ups differ
}

TEST_CASE("runs that happen to be of one trunk share it without being asked to") {
  Experiment experiment = test::small_experiment();
  CHECK(plan_of(experiment).trained_compute() == plan_of(experiment).total_compute());
  experiment.isoflop->centre = PowerLaw{2e5, 0};
  experiment.peak_lr = 0.004;
  experiment.batch_tokens = 1024;
  experiment.warmup_steps = 40;
  CHECK(shared_trunks(plan_of(experiment).runs).size() == 7);
  experiment.base.schedule.kind = ScheduleKind::cosine;
  CHECK(shared_trunks(plan_of(experiment).runs).empty());
}

TEST_CASE("a cosine cannot share trunks") {
  Experiment experiment = sharing({1e12});
  experiment.base.schedule.kind = ScheduleKind::cosine;
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(plan_of(experiment)),
             Contains("/share_trunks: must be false with a cosine schedule") &&
                 Contains("multi_step, wsd or constant"));
}

TEST_CASE("trunks are written with the plan and follow from it when it is read") {
  const test::TempDir dir;
  const Plan plan = plan_of(sharing({1e12, 2e12}));
  save_plan(plan, dir.path() / "plan.json");
  const Plan back = load_plan(dir.path() / "plan.json");
  CHECK(back.experiment.share_trunks);
  CHECK(back.trained_compute() == plan.trained_compute());
  const Json json = parse_json(to_json(plan), "plan.json");
  const JsonReader reader(json, "plan.json");
  CHECK(reader.at("trained_compute").number() == plan.trained_compute().value());
  CHECK(reader.at("trained_compute").number() < reader.at("total_compute").number());
  const std::vector<Trunk> trunks = shared_trunks(plan.runs);
  REQUIRE(reader.at("trunks").elements().size() == trunks.size());
  const JsonReader first = reader.at("trunks").elements().front();
  CHECK(first.at("trunk_id").string() == trunks[0].trunk_id);
  CHECK(first.at("run_ids").elements(2)[1].string() == plan.runs[trunks[0].runs[1]].run_id);
  CHECK(reader.at("runs").elements()[trunks[0].runs[1]].at("first_step").integer(1, 1 << 20) ==
        plan.runs[trunks[0].runs[1]].first_step);
}

}  // namespace
}  // namespace isoflop
