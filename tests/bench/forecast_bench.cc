// SPDX-License-Identifier: Apache-2.0
// How well the posterior of the laws forecast budgets that they have not seen, by what is believed
// before:
//   forecast_bench POINTS.csv      columns experiment, params, tokens, loss, budget
// Of every experiment the first k = 4, 5, ... budgets are fitted and the later ones, up to 20 times
// the largest used, are forecast. Each experiment is scored by the prior that does best on the
// others (leave one sweep out); the prior that ships stands beside it. covers: of nominal 90 %
// intervals; width: median of ln(high / low); error: median of |ln(median / found)|; score: the
// mean interval score in ln (Gneiting and Raftery, JASA 102, 2007), lower is better. Experiments
// weigh alike.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "fit/forecast/forecaster.h"
#include "fit/valley/isoflop_fit.h"
#include "isoflop/point.h"
#include "stats/statistics.h"

namespace {

using namespace isoflop;

constexpr double kFarthest = 20;
constexpr std::size_t kFewestBudgets = 4;

/// Budgets that were seen, and the minima found later.
struct Task {
  std::vector<BudgetGroup> curves;
  IsoFlopFit fit = {};
  std::vector<Valley> later = {};
};
using Sweeps = std::map<std::string, std::vector<Task>>;

struct Score {
  bool is_covered = false;
  double width = 0, error = 0, score = 0;
};

Sweeps load(const char* file) {
  std::map<std::string, PointSet> by_experiment;
  PointSet all = load_points_csv(file);
  for (Point& point : all.points) {
    PointSet& set = by_experiment[point.other.at("experiment")];
    set.frame = all.frame;
    set.points.push_back(std::move(point));
  }
  Sweeps sweeps;
  for (const auto& [name, points] : by_experiment) {
    const auto curves = curves_of(group_by_budget(points, LossLaw::Scale::params));
    const IsoFlopFit whole = fit_isoflop(curves);
    for (std::size_t k = kFewestBudgets; k < curves.size(); ++k) {
      Task task{.curves = {curves.begin(), curves.begin() + static_cast<std::ptrdiff_t>(k)}};
      task.fit = fit_isoflop(task.curves);
      const double largest = task.curves.back().compute;
      for (const Valley& valley : whole.valleys) {
        const bool is_later = valley.compute > kSameBudget * largest;
        if (valley.usable() && is_later && valley.compute <= kFarthest * largest) {
          task.later.push_back(valley);
        }
      }
      if (!task.later.empty()) sweeps[name].push_back(std::move(task));
    }
  }
  return sweeps;
}

Score score_of(const NormalMixture& forecast, double found) {
  const double x = std::log(found), low = forecast.quantile(0.05), high = forecast.quantile(0.95);
  const double outside = std::max({0.0, low - x, x - high});
  return {outside == 0, high - low, std::abs(forecast.quantile(0.5) - x),
          high - low + 20 * outside};
}

using Quantity = std::function<std::optional<Score>(const MinimaForecaster&, const Valley&)>;

std::optional<Score> size_score(const MinimaForecaster& forecaster, const Valley& found) {
  if (!forecaster.size()) return std::nullopt;
  return score_of(forecaster.size()->at(std::log(found.compute)), found.scale_opt);
}

std::optional<Score> loss_score(const MinimaForecaster& forecaster, const Valley& found) {
  if (!forecaster.loss()) return std::nullopt;
  return score_of(forecaster.loss()->at(std::log(found.compute)), found.loss_opt);
}

std::vector<Score> scores_of(const std::vector<Task>& tasks, const ForecastPrior& prior,
                             const Quantity& quantity) {
  std::vector<Score> scores;
  for (const Task& task : tasks) {
    const MinimaForecaster forecaster(task.curves, task.fit.valleys, task.fit.trunk_noise, prior);
    for (const Valley& found : task.later) {
      if (const auto score = quantity(forecaster, found)) scores.push_back(*score);
    }
  }
  return scores;
}

double mean_score(const std::vector<Score>& scores) {
  double sum = 0;
  for (const Score& score : scores) sum += score.score;
  return scores.empty() ? 0 : sum / static_cast<double>(scores.size());
}

/// By sweep.
using Table = std::map<std::string, std::vector<Score>>;

void print(const char* name, const Table& table) {
  double covers = 0, score = 0;
  std::vector<double> widths, errors;
  std::size_t n = 0;
  for (const auto& [sweep, scores] : table) {
    n += scores.size();
    double covered = 0;
    std::vector<double> of_width, of_error;
    for (const Score& s : scores) {
      covered += s.is_covered ? 1 : 0;
      of_width.push_back(s.width);
      of_error.push_back(s.error);
    }
    covers += covered / static_cast<double>(scores.size());
    widths.push_back(median(of_width));
    errors.push_back(median(of_error));
    score += mean_score(scores);
  }
  const auto n_sweeps = static_cast<double>(table.size());
  std::printf("%-34s %4zu %7.1f%% %7.3f %8.4f %7.4f\n", name, n, 100 * covers / n_sweeps,
              mean(widths), mean(errors), score / n_sweeps);
}

struct Candidate {
  std::string name;
  ForecastPrior prior;
};

void study(const char* what, const Sweeps& sweeps, const std::vector<Candidate>& candidates,
           const Quantity& quantity) {
  std::vector<Table> tables;
  for (const Candidate& candidate : candidates) {
    Table& table = tables.emplace_back();
    for (const auto& [name, tasks] : sweeps) {
      table[name] = scores_of(tasks, candidate.prior, quantity);
    }
  }
  Table chosen;
  std::map<std::string, int> n_chosen;
  for (const auto& [left_out, tasks] : sweeps) {
    std::vector<double> of_others(candidates.size());
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      for (const auto& [name, scores] : tables[i]) {
        if (name != left_out) of_others[i] += mean_score(scores);
      }
    }
    const auto best = std::min_element(of_others.begin(), of_others.end()) - of_others.begin();
    chosen[left_out] = tables[static_cast<std::size_t>(best)].at(left_out);
    ++n_chosen[candidates[static_cast<std::size_t>(best)].name];
  }
  std::printf("\n%-34s %4s %8s %7s %8s %7s\n", what, "n", "covers", "width", "error", "score");
  print("each sweep by the others", chosen);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const bool is_named = i < 2 || n_chosen.contains(candidates[i].name);
    if (is_named) print(candidates[i].name.c_str(), tables[i]);
  }
  for (const auto& [name, n] : n_chosen) std::printf("  chosen for %d: %s\n", n, name.c_str());
}

std::string text(const char* format, double a, double b, double c) {
  char buffer[96];
  std::snprintf(buffer, sizeof buffer, format, a, b, c);
  return buffer;
}

std::vector<Candidate> size_candidates() {
  std::vector<Candidate> result = {{"as it ships", published_prior()}, {"no prior", no_prior()}};
  for (const double drift : {0.005, 0.01, 0.015, 0.02}) {
    for (const double spread : {0.1, 0.15, 0.25}) {
      for (const double scatter : {0.03, 0.045, 0.06}) {
        ForecastPrior prior = published_prior();
        prior.size_drift->centre = drift;
        prior.exponent->spread = spread;
        prior.size_scatter->centre = scatter;
        result.push_back({text("drift %g, a +-%g, scatter %g", drift, spread, scatter), prior});
      }
    }
  }
  return result;
}

std::vector<Candidate> loss_candidates() {
  std::vector<Candidate> result = {{"as it ships", published_prior()}, {"no prior", no_prior()}};
  for (const double ageing : {0.0, 0.5, 0.75, 1.0}) {
    for (const double rate : {0.2, 0.3, 0.4}) {
      for (const double scatter : {0.0015, 0.002, 0.003}) {
        ForecastPrior prior = published_prior();
        prior.ageing = ageing;
        prior.loss_rate->centre = rate;
        prior.loss_scatter->centre = scatter;
        result.push_back({text("ageing %g, rate %g, scatter %g", ageing, rate, scatter), prior});
      }
    }
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: forecast_bench POINTS.csv\n");
    return 2;
  }
  try {
    const Sweeps sweeps = load(argv[1]);
    study("N*", sweeps, size_candidates(), size_score);
    study("L*", sweeps, loss_candidates(), loss_score);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "forecast_bench: %s\n", error.what());
    return 2;
  }
  return 0;
}
