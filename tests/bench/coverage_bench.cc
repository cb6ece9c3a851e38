// SPDX-License-Identifier: Apache-2.0
// How often the nominal 90 % intervals of a fit hold what was planted, over random sweeps.
//   coverage_bench [--surfaces n] [--bootstrap n] [--threads n] [--first seed]
//                  [--trunk-share percent] [--shared 1] [--holdout n] [--forms 1]
//       --trunk-share: every sweep has runs of one size share a trunk and this share of the noise's
//       variance. Default: a fifth of the sweeps, with half of it.
//       --forms 1: the one forecast at 3, 10 and 100 times the largest budget, for as many sweeps
//       of each form: chinchilla, kaplan, skaling, interaction.
//       --shared 1: as many sets of each design of shared_design.h in place of sweeps: runs that
//       share trunks, checkpoints, few sizes, points without budgets.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/sweep_coverage.h"

namespace {

using isoflop::test::Hits;
using isoflop::test::SweepOracle;

struct Options {
  std::int64_t n_surfaces = 500, n_bootstrap = 200, n_threads = 2, first = 0;
  std::int64_t trunk_percent = -1;  // below 0: as drawn
  std::int64_t shared = 0, holdout = 0, forms = 0;
};

struct Draw {
  SweepOracle sweep;
  Hits hits;
};

Options parse(int argc, char** argv) {
  Options options;
  const std::map<std::string, std::int64_t*> flags = {
      {"--surfaces", &options.n_surfaces},       {"--bootstrap", &options.n_bootstrap},
      {"--threads", &options.n_threads},         {"--first", &options.first},
      {"--trunk-share", &options.trunk_percent}, {"--shared", &options.shared},
      {"--holdout", &options.holdout},           {"--forms", &options.forms}};
  for (int i = 1; i + 1 < argc; i += 2) {
    const auto flag = flags.find(argv[i]);
    if (flag == flags.end()) throw std::invalid_argument(std::string("unknown flag ") + argv[i]);
    *flag->second = std::atoll(argv[i + 1]);
  }
  return options;
}

/// Calls each(i) for all i below n, on several threads.
void in_parallel(std::size_t n, std::int64_t n_threads,
                 const std::function<void(std::size_t)>& each) {
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < n; i = next++) each(i);
  };
  std::vector<std::jthread> threads;
  for (std::int64_t i = 0; i < n_threads; ++i) threads.emplace_back(work);
}

std::vector<Draw> run(const Options& options) {
  std::vector<Draw> draws(static_cast<std::size_t>(options.n_surfaces));
  in_parallel(draws.size(), options.n_threads, [&](std::size_t i) {
    draws[i].sweep = isoflop::test::random_sweep(static_cast<std::uint64_t>(options.first) + i);
    if (options.trunk_percent >= 0) {
      draws[i].sweep.trunk_share = 0.01 * static_cast<double>(options.trunk_percent);
    }
    draws[i].hits = isoflop::test::cover(draws[i].sweep, options.n_bootstrap, options.holdout);
  });
  return draws;
}

/// Covered in percent, the median width, and how many in percent have an open end.
std::string shared_cell(const std::vector<Hits>& sets, const std::string& of) {
  int n = 0, covered = 0, open = 0;
  std::vector<double> widths;
  for (const Hits& hits : sets) {
    const auto found = hits.find(of);
    if (found == hits.end()) continue;
    ++n;
    covered += found->second.covered;
    open += !std::isfinite(found->second.width);
    widths.push_back(found->second.width);
  }
  if (n == 0) return "-";
  std::nth_element(widths.begin(), widths.begin() + n / 2, widths.end());
  char text[64];
  std::snprintf(text, sizeof text, "%5.1f (%.3g, %.0f)", 100.0 * covered / n,
                widths[static_cast<std::size_t>(n / 2)], 100.0 * open / n);
  return text;
}

void run_shared(const Options& options) {
  const std::vector<std::string> quantities = {"E",    "A", "B",      "alpha",
                                               "beta", "a", "N* 10x", "L* 10x"};
  std::printf("%-18s %5s", "coverage [%]", "n");
  for (const std::string& of : quantities) std::printf(" %20s", of.c_str());
  std::printf("\n");
  for (const isoflop::test::SharedDesign& design : isoflop::test::kSharedDesigns) {
    std::vector<Hits> sets(static_cast<std::size_t>(options.n_surfaces));
    in_parallel(sets.size(), options.n_threads, [&](std::size_t i) {
      sets[i] = isoflop::test::cover_shared(design, static_cast<std::uint64_t>(options.first) + i,
                                            options.n_bootstrap);
    });
    std::printf("%-18s %5td", std::string(design.name).c_str(),
                std::count_if(sets.begin(), sets.end(), [](const Hits& h) { return !h.empty(); }));
    for (const std::string& of : quantities) std::printf(" %20s", shared_cell(sets, of).c_str());
    std::printf("\n");
    std::fflush(stdout);
  }
}

void run_forms(const Options& options) {
  using isoflop::test::OracleForm;
  const std::pair<const char*, OracleForm> forms[] = {{"chinchilla", OracleForm::chinchilla},
                                                      {"kaplan", OracleForm::kaplan},
                                                      {"skaling", OracleForm::skaling},
                                                      {"interaction", OracleForm::interaction}};
  const std::vector<std::string> quantities = {
      "forecast next 3x",      "forecast next 10x",      "forecast next 100x",
      "forecast loss 3x",      "forecast loss 10x",      "forecast loss 100x",
      "forecast next loss 3x", "forecast next loss 10x", "forecast next loss 100x"};
  std::printf("%-18s %5s", "coverage [%]", "n");
  for (const std::string& of : quantities) std::printf(" %24s", of.c_str());
  std::printf("\n");
  for (const auto& [name, form] : forms) {
    std::vector<Hits> sets(static_cast<std::size_t>(options.n_surfaces));
    in_parallel(sets.size(), options.n_threads, [&](std::size_t i) {
      auto sweep = isoflop::test::random_sweep(static_cast<std::uint64_t>(options.first) + i);
      sweep.form = form;
      sets[i] = isoflop::test::cover_forecasts(sweep, options.holdout);
    });
    std::printf("%-18s %5td", name,
                std::count_if(sets.begin(), sets.end(), [](const Hits& h) { return !h.empty(); }));
    for (const std::string& of : quantities) std::printf(" %24s", shared_cell(sets, of).c_str());
    std::printf("\n");
    std::fflush(stdout);
  }
}

struct Row {
  std::string name;
  std::function<bool(const SweepOracle&)> holds;
};

std::vector<Row> rows() {
  return {
      {"all", [](const SweepOracle&) { return true; }},
      {"noise < 0.3 %", [](const SweepOracle& s) { return s.noise < 0.003; }},
      {"noise >= 0.3 %", [](const SweepOracle& s) { return s.noise >= 0.003; }},
      {"tau = 0", [](const SweepOracle& s) { return s.tau == 0; }},
      {"0 < tau < 0.05", [](const SweepOracle& s) { return s.tau > 0 && s.tau < 0.05; }},
      {"tau >= 0.05", [](const SweepOracle& s) { return s.tau >= 0.05; }},
      {"4 or 5 budgets", [](const SweepOracle& s) { return s.budgets.size() <= 5; }},
      {"6 to 8 budgets", [](const SweepOracle& s) { return s.budgets.size() >= 6; }},
      {"half-width < 4", [](const SweepOracle& s) { return s.half_width < 4; }},
      {"half-width >= 4", [](const SweepOracle& s) { return s.half_width >= 4; }},
      {"centred", [](const SweepOracle& s) { return s.centre == 1 && s.drift == 1; }},
      {"off-centre, drifting", [](const SweepOracle& s) { return s.centre != 1; }},
      {"shared trunks", [](const SweepOracle& s) { return s.trunk_share > 0; }},
  };
}

/// Covered and usable sweeps in percent, and the median width.
std::string cell(const std::vector<Draw>& draws, const Row& row, const std::string& interval) {
  int covered = 0;
  std::vector<double> widths;
  for (const Draw& draw : draws) {
    const auto found = draw.hits.find(interval);
    if (!row.holds(draw.sweep) || found == draw.hits.end()) continue;
    covered += found->second.covered;
    widths.push_back(found->second.width);
  }
  if (widths.empty()) return "      -      ";
  const auto middle = widths.begin() + static_cast<std::ptrdiff_t>(widths.size() / 2);
  std::nth_element(widths.begin(), middle, widths.end());
  char text[64];
  std::snprintf(text, sizeof text, "%5.1f (%.3f)",
                100.0 * covered / static_cast<double>(widths.size()), *middle);
  return text;
}

void print(const std::vector<Draw>& draws, const std::vector<std::string>& intervals) {
  std::printf("\n%-22s %5s", "coverage [%] (width)", "n");
  for (const std::string& interval : intervals) std::printf(" %18s", interval.c_str());
  for (const Row& row : rows()) {
    const auto n = std::count_if(draws.begin(), draws.end(),
                                 [&](const Draw& draw) { return row.holds(draw.sweep); });
    std::printf("\n%-22s %5td", row.name.c_str(), n);
    for (const std::string& interval : intervals) {
      std::printf(" %18s", cell(draws, row, interval).c_str());
    }
  }
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Options options = parse(argc, argv);
    if (options.shared != 0) {
      run_shared(options);
      return 0;
    }
    if (options.forms != 0) {
      run_forms(options);
      return 0;
    }
    const std::vector<Draw> draws = run(options);
    std::map<std::string, std::vector<std::string>> tables;  // by estimator
    std::set<std::string> names;
    for (const Draw& draw : draws) {
      for (const auto& [name, hit] : draw.hits) names.insert(name);
    }
    for (const std::string& name : names) tables[name.substr(0, name.find(' '))].push_back(name);
    for (const auto& [estimator, intervals] : tables) print(draws, intervals);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "coverage_bench: %s\n", error.what());
    return 2;
  }
  return 0;
}
