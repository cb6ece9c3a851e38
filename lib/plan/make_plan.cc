// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <set>

#include "base/text.h"
#include "isoflop/error.h"
#include "isoflop/plan.h"
#include "isoflop/run_record.h"
#include "plan/bends.h"
#include "plan/prior.h"
#include "plan/rounding.h"
#include "plan/shape_choice.h"
#include "plan/trunk_groups.h"
#include "plan/trunks.h"

namespace isoflop {
namespace {

/// With fewer, neither warm-up nor schedule means what it says.
constexpr std::int64_t kFewestSteps = 10;

[[noreturn]] void complain(const std::string& path, const std::string& what) {
  throw Error(ErrorCode::invalid_argument, path + ": " + what);
}

std::string in_flops(double flops) { return rounded_text(flops, 4) + " FLOPs"; }

class Planner {
 public:
  Planner(const Experiment& experiment, const Law& prior, const DatasetSummary& dataset)
      : experiment_(experiment), prior_(prior), dataset_(dataset) {
    plan_.experiment = experiment;
    plan_.dataset = dataset;
    plan_.prior = prior.id;
    if (!prior.id.empty()) plan_.prior_law = prior;
  }

  Plan make() {
    check_dataset();
    if (auto warning = prior_.range_warning(all_budgets())) warn(std::move(*warning));
    if (auto warning = prior_.recipe_warning(experiment_.base)) warn(std::move(*warning));
    if (experiment_.share_trunks) groups_.emplace(all_budgets());
    // The shapes of all budgets first: what runs share depends on which others there are.
    const auto curves = experiment_.isoflop ? curve_shapes(*experiment_.isoflop) : Shapes{};
    const auto grids = experiment_.grid ? grid_shapes(*experiment_.grid) : Shapes{};
    if (experiment_.isoflop) plan_curves(*experiment_.isoflop, curves);
    if (experiment_.grid) plan_grids(*experiment_.grid, grids);
    std::stable_sort(plan_.runs.begin(), plan_.runs.end(),
                     [](const PlannedRun& a, const PlannedRun& b) { return a.cost < b.cost; });
    set_first_steps(plan_.runs);
    return std::move(plan_);
  }

 private:
  using Shapes = std::vector<std::vector<Rung>>;  // of each budget

  void check_dataset() {
    if (dataset_.name != experiment_.dataset) {
      complain("/dataset", "is \"" + experiment_.dataset + "\", but the data at hand are \"" +
                               dataset_.name + "\"");
    }
    if (!(dataset_.train_tokens > 0)) {
      complain("/dataset", "\"" + dataset_.name + "\" holds no training tokens");
    }
    // Windows overlap in one token, so that all but the first are predicted.
    const std::int64_t there = (dataset_.validation_tokens - 1) / experiment_.seq_len;
    const std::int64_t asked = experiment_.validation_tokens / experiment_.seq_len;
    if (dataset_.validation_tokens < 1 || there < 1) {
      complain("/dataset", "\"" + dataset_.name + "\" holds " +
                               std::to_string(dataset_.validation_tokens) +
                               " validation tokens, fewer than one sequence of " +
                               std::to_string(experiment_.seq_len + 1));
    }
    validation_tokens_ = std::min(there, asked) * experiment_.seq_len;
    if (there < asked) {
      warn("/validation_tokens: " + std::to_string(experiment_.validation_tokens) +
           " asked for, the data set has " + std::to_string(validation_tokens_));
    }
  }

  [[nodiscard]] std::vector<double> all_budgets() const {
    std::vector<double> budgets;
    if (const auto& design = experiment_.isoflop) budgets = design->budgets;
    if (const auto& design = experiment_.grid) {
      budgets.insert(budgets.end(), design->budgets.begin(), design->budgets.end());
    }
    return budgets;
  }

  [[nodiscard]] PowerLaw centre_law(const std::optional<PowerLaw>& own,
                                    const std::string& path) const {
    if (own) return *own;
    if (experiment_.isoflop && experiment_.isoflop->centre) return *experiment_.isoflop->centre;
    return prior_.centre(path);
  }

  [[nodiscard]] std::vector<Rung> ladder(double up_to, const std::string& path) const {
    LadderOptions options;
    options.vocab_size = dataset_.vocab_size;
    options.seq_len = experiment_.seq_len;
    options.max_step = experiment_.ladder_step;
    options.family = experiment_.family;
    if (!(up_to > 0 && up_to <= 1e16)) {
      complain(path, "calls for models of " + rounded_text(up_to, 3) +
                         " FLOPs/token; the ladder ends at 1e+16");
    }
    ShapeRules rules = experiment_.rules;
    rules.tied_embeddings = experiment_.base.shape.tied_embeddings;
    return ladder_up_to(up_to, options, rules);
  }

  Shapes curve_shapes(const IsoFlopDesign& design) {
    const PowerLaw centre = centre_law(design.centre, "/shapes/centre");
    const std::vector<Rung> grid =
        experiment_.share_trunks ? common_grid(design, centre) : std::vector<Rung>{};
    Shapes shapes;
    for (std::size_t i = 0; i < design.budgets.size(); ++i) {
      const double budget = design.budgets[i];
      shapes.push_back(curve_rungs(design, centre(budget), "/budgets/" + std::to_string(i), grid));
      if (!groups_) continue;
      for (const Rung& rung : shapes.back()) groups_->add(budget, rung.m);
    }
    return shapes;
  }

  [[nodiscard]] static double spacing(const IsoFlopDesign& design) {
    return std::pow(design.half_width, 2 / static_cast<double>(design.per_budget - 1));
  }

  /// The sizes of all curves, as far apart as one curve's.
  [[nodiscard]] std::vector<Rung> common_grid(const IsoFlopDesign& design,
                                              const PowerLaw& centre) const {
    const auto [low, high] = std::minmax_element(design.budgets.begin(), design.budgets.end());
    const double largest = centre(*high) * design.half_width;
    return rungs_spaced(ladder(largest * experiment_.ladder_step, "/budgets"),
                        centre(*low) / design.half_width, largest, spacing(design));
  }

  /// `grid`: where shapes are taken from; empty: from the whole ladder.
  std::vector<Rung> curve_rungs(const IsoFlopDesign& design, double centre, const std::string& path,
                                const std::vector<Rung>& grid) {
    const double low = centre / design.half_width, high = centre * design.half_width;
    const double slack =
        grid.empty() ? experiment_.ladder_step : std::max(experiment_.ladder_step, spacing(design));
    std::vector<Rung> within = grid.empty() ? ladder(high * slack, path) : grid;
    const double smallest = within.front().m;
    std::erase_if(within,
                  [&](const Rung& rung) { return rung.m < low / slack || rung.m > high * slack; });
    if (within.empty()) {
      complain(path, "calls for models from " + rounded_text(low, 3) + " to " +
                         rounded_text(high, 3) + " FLOPs/token; the smallest has " +
                         rounded_text(smallest, 3));
    }
    const auto n = static_cast<std::int64_t>(within.size());
    if (n < design.per_budget) {
      warn(path + ": " + std::to_string(design.per_budget) + " sizes asked for, the ladder has " +
           std::to_string(n) + " within x" + rounded_text(design.half_width, 3) + " of " +
           rounded_text(centre, 3) + " FLOPs/token");
    } else if (low * slack < smallest) {
      warn(path + ": the window of sizes begins at " + rounded_text(low, 3) +
           " FLOPs/token, the smallest model has " + rounded_text(smallest, 3));
    }
    return rungs_nearest_to_grid(within, low, high, design.per_budget);
  }

  void plan_curves(const IsoFlopDesign& design, const Shapes& shapes) {
    for (std::size_t i = 0; i < design.budgets.size(); ++i) {
      const std::string path = "/budgets/" + std::to_string(i);
      const double budget = design.budgets[i];
      Bends bends;
      for (const Rung& rung : shapes[i]) {
        for (const std::uint64_t seed : experiment_.seeds) {
          add_curve_run(rung, budget, seed, path, bends);
        }
      }
      for (std::string& text : bends.warnings(path, budget)) warn(std::move(text));
    }
  }

  Shapes grid_shapes(const GridDesign& design) {
    const PowerLaw centre = centre_law(design.centre, "/grid/centre");
    Shapes shapes;
    for (std::size_t i = 0; i < design.budgets.size(); ++i) {
      const double target = centre(design.budgets[i]);
      const std::string path = "/grid/budgets/" + std::to_string(i);
      shapes.push_back({nearest_rung(ladder(target * experiment_.ladder_step, path), target)});
      if (groups_) groups_->add(design.budgets[i], shapes.back().front().m);
    }
    return shapes;
  }

  void plan_grids(const GridDesign& design, const Shapes& shapes) {
    for (std::size_t i = 0; i < design.budgets.size(); ++i) {
      const std::string path = "/grid/budgets/" + std::to_string(i);
      const double budget = design.budgets[i];
      Bends bends;
      for (const std::int64_t batch_tokens : design.batch_tokens) {
        for (const double peak_lr : design.peak_lr) {
          for (const std::uint64_t seed : experiment_.seeds) {
            const BatchSize batch = batch_of_exactly(batch_tokens / experiment_.seq_len, units());
            add(CellKind::grid, shapes[i].front(), budget, batch, peak_lr, seed, path, bends);
          }
        }
      }
      for (std::string& text : bends.warnings(path, budget)) warn(std::move(text));
    }
  }

  [[nodiscard]] BatchUnits units() const {
    return {experiment_.seq_len, experiment_.base.data_parallel,
            experiment_.micro_batch_seqs.value_or(0)};
  }

  void add_curve_run(const Rung& rung, double budget, std::uint64_t seed, const std::string& path,
                     Bends& bends) {
    const double tuned = groups_ ? groups_->tuned_budget(budget) : budget;
    const LawArguments arguments = {
        .compute = tuned, .params = prior_.params_of(rung.shape), .tokens = tuned / rung.m};
    const double fewest_tokens = shortest_budget(rung, budget) / rung.m;
    const double peak_lr =
        experiment_.peak_lr ? *experiment_.peak_lr : round_to_digits(prior_.peak_lr(arguments), 4);
    add(CellKind::isoflop, rung, budget, curve_batch(arguments, fewest_tokens, bends), peak_lr,
        seed, path, bends);
  }

  /// The smallest budget of those whose runs of this shape share a trunk.
  [[nodiscard]] double shortest_budget(const Rung& rung, double budget) const {
    return groups_ ? groups_->shortest_budget(budget, rung.m) : budget;
  }

  BatchSize curve_batch(const LawArguments& arguments, double fewest_tokens, Bends& bends) const {
    const std::int64_t seq_len = experiment_.seq_len;
    if (experiment_.batch_tokens) {
      return batch_of_exactly(*experiment_.batch_tokens / seq_len, units());
    }
    const double law_seqs = prior_.batch_tokens(arguments) / static_cast<double>(seq_len);
    const double most_seqs = fewest_tokens / static_cast<double>(kFewSteps * seq_len);
    const double seqs = std::clamp(std::round(law_seqs), 1.0, 1e12);
    const BatchSize asked = batch_of_at_most(static_cast<std::int64_t>(seqs), units());
    if (static_cast<double>(asked.seqs) <= most_seqs) return asked;
    const BatchSize shrunk =
        batch_of_at_most(static_cast<std::int64_t>(std::max(1.0, most_seqs)), units());
    if (shrunk.seqs < asked.seqs) bends.count_shrunk_batch();
    return shrunk;
  }

  void add(CellKind kind, const Rung& rung, double budget, const BatchSize& batch, double peak_lr,
           std::uint64_t seed, const std::string& path, Bends& bends) {
    PlannedRun run;
    run.kind = kind;
    run.budget = budget;
    run.spec = spec_of(rung, batch, peak_lr, seed);
    set_length(rung, path, run);
    run.run_id = run_id(run.spec);
    bends.count(run);
    if (known_.insert(run.run_id).second) plan_.runs.push_back(std::move(run));
  }

  [[nodiscard]] RunSpec spec_of(const Rung& rung, const BatchSize& batch, double peak_lr,
                                std::uint64_t seed) const {
    RunSpec spec = experiment_.base;
    spec.shape = rung.shape;
    spec.dataset = dataset_.name;
    spec.dataset_hash = dataset_.hash;
    spec.batch_tokens = batch.seqs * experiment_.seq_len;
    spec.micro_batch_seqs = batch.micro_seqs;
    spec.peak_lr = peak_lr;
    spec.seed = seed;
    spec.validation_tokens = validation_tokens_;
    return spec;
  }

  /// Steps of the shortest run that may share the run's trunk.
  [[nodiscard]] std::int64_t fewest_steps(const Rung& rung, const PlannedRun& run) const {
    const double budget = shortest_budget(rung, run.budget);
    return std::llround(budget / rung.m / static_cast<double>(run.spec.batch_tokens));
  }

  /// Steps, warm-up and what follows from them.
  void set_length(const Rung& rung, const std::string& path, PlannedRun& run) const {
    RunSpec& spec = run.spec;
    const double steps = run.budget / rung.m / static_cast<double>(spec.batch_tokens);
    if (steps < static_cast<double>(kFewestSteps)) {
      complain(path, in_flops(run.budget) + " buy " + short_name(rung.shape) + " only " +
                         rounded_text(steps, 3) + " steps of " + std::to_string(spec.batch_tokens) +
                         " tokens; at least " + std::to_string(kFewestSteps) + " are needed");
    }
    if (steps > 1e12) complain(path, "calls for more than 1e12 steps; give a larger /batch_tokens");
    spec.n_steps = std::llround(steps);
    spec.warmup_steps =
        experiment_.warmup_steps.value_or(default_warmup_steps(fewest_steps(rung, run)));
    validate(spec);
    const double tokens = spec.tokens().value();
    run.compute = rung.m * tokens;
    // Evaluation is a forward pass: a third of a training step's FLOPs.
    run.cost = static_cast<double>(exact_flops_per_token(spec.shape)) *
               (tokens + static_cast<double>(spec.validation_tokens) / 3);
    run.epochs = tokens / dataset_.train_tokens;
  }

  void warn(std::string text) { plan_.warnings.push_back(std::move(text)); }

  const Experiment& experiment_;
  const Prior prior_;
  const DatasetSummary& dataset_;
  Plan plan_;
  std::optional<TrunkGroups> groups_;
  std::int64_t validation_tokens_ = 0;
  std::set<std::string> known_;
};

}  // namespace

Flops Plan::total_compute() const {
  Flops total;
  for (const PlannedRun& run : runs) total += Flops(run.compute);
  return total;
}

double Plan::total_cost() const {
  double total = 0;
  for (const PlannedRun& run : runs) total += run.cost;
  return total;
}

Plan make_plan(const Experiment& experiment, const Law& prior, const DatasetSummary& dataset) {
  validate(experiment);
  return Planner(experiment, prior, dataset).make();
}

}  // namespace isoflop
