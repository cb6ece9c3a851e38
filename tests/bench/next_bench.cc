// SPDX-License-Identifier: Apache-2.0
// Which way of choosing runs learns most per FLOP: campaigns simulated on known surfaces. Every
// strategy begins with 5 sizes at each of the 3 smallest budgets, chooses among the cells of a grid
// of 6 budgets x 9 sizes, of the 5 budgets between, of one below and one above, each with two
// seeds, and refits after every round. The yardstick is the grid itself, all 54 runs, with the same
// losses. The target is 10 times the grid's largest budget.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "support/campaign.h"

using namespace isoflop;
using namespace isoflop::test;

namespace {

constexpr std::array kShares = {0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0};

struct World {
  const char* name;
  LossLaw surface;
  double first_budget;
};

std::vector<World> worlds() {
  return {{"Epoch's Chinchilla", epoch_surface(), 1e17},
          {"alpha 0.5, beta 0.3",
           {.irreducible = 1.7,
            .a = 8000,
            .alpha = 0.5,
            .b = 500,
            .beta = 0.3,
            .scale = LossLaw::Scale::params},
           1e17},
          {"small models, bytes",
           {.irreducible = 0.9,
            .a = 60,
            .alpha = 0.3,
            .b = 900,
            .beta = 0.45,
            .scale = LossLaw::Scale::flops_per_token},
           1e12}};
}

/// Sums over replications of what was known at one share.
struct Sums {
  double ln_scale_width = 0, ln_loss_width = 0, scale_square = 0, loss_square = 0, share = 0;
  int n = 0, n_covered = 0;
  void add(const Knowledge& k) {
    ln_scale_width += std::log(k.interval.ln_scale);
    ln_loss_width += std::log(k.interval.ln_loss);
    scale_square += k.scale_error * k.scale_error;
    loss_square += k.loss_error * k.loss_error;
    share += k.share;
    n_covered += std::abs(k.scale_error) <= k.interval.ln_scale;
    ++n;
  }
  [[nodiscard]] double scale_width() const { return std::exp(ln_scale_width / n); }
  [[nodiscard]] double loss_width() const { return std::exp(ln_loss_width / n); }
  [[nodiscard]] double scale_rmse() const { return std::sqrt(scale_square / n); }
  [[nodiscard]] double loss_rmse() const { return std::sqrt(loss_square / n); }
  [[nodiscard]] double mean_share() const { return share / n; }
};

using Course = std::array<Sums, kShares.size()>;

struct Study {
  Sums grid;
  std::array<Course, kStrategies.size()> courses;
};

Study simulate(const World& world, double noise, double tau, int n_replications, int n_draws,
               double loss_weight) {
  Study study;
  for (int r = 0; r < n_replications; ++r) {
    const Campaign campaign{.surface = world.surface,
                            .noise = noise,
                            .tau = tau,
                            .seed = static_cast<std::uint64_t>(r),
                            .first_budget = world.first_budget,
                            .loss_weight = loss_weight};
    const Pool pool = make_pool(campaign);
    Campaigner whole(campaign, pool);
    for (std::size_t i = 0; i < pool.cells.size(); ++i) {
      if (pool.in_grid[i]) whole.observe(i);
    }
    study.grid.add(whole.learn());
    for (std::size_t s = 0; s < kStrategies.size(); ++s) {
      Campaigner campaigner(campaign, pool);
      for (const std::size_t cell : pool.start) campaigner.observe(cell);
      static_cast<void>(campaigner.learn());
      for (std::size_t k = 0; k < kShares.size(); ++k) {
        campaigner.choose(kStrategies[s], kShares[k], n_draws);
        study.courses[s][k].add(campaigner.learn());
      }
    }
  }
  return study;
}

/// Where a falling quantity first reaches `goal`, between rounds by log-log interpolation.
template <class Quantity>
std::string reached(const Course& course, const Quantity& quantity, double goal) {
  for (std::size_t k = 0; k < course.size(); ++k) {
    if (quantity(course[k]) > goal) continue;
    double share = course[k].mean_share();
    if (k > 0) {
      const double before = std::log(quantity(course[k - 1])),
                   after = std::log(quantity(course[k]));
      const double part = before > after ? (before - std::log(goal)) / (before - after) : 1;
      share = std::exp((1 - part) * std::log(course[k - 1].mean_share()) + part * std::log(share));
    }
    char text[16];
    std::snprintf(text, sizeof text, "%3.0f %%", 100 * share);
    return text;
  }
  return "never";
}

void print(const Study& study) {
  std::printf("  %-10s", "share");
  for (const double share : kShares) std::printf(" %6.0f%%", 100 * share);
  std::printf("    grid\n");
  const auto line = [&](const char* what, std::string_view name, const Course& course, auto value) {
    std::printf("  %-10s", std::string(name).c_str());
    for (const Sums& sums : course) std::printf(" %7.4f", value(sums));
    std::printf(" %7.4f  %s\n", value(study.grid), what);
  };
  for (std::size_t s = 0; s < kStrategies.size(); ++s) {
    const Course& course = study.courses[s];
    line("half-width of ln N*", to_string(kStrategies[s]), course,
         [](const Sums& x) { return x.scale_width(); });
    line("rmse of ln N*", "", course, [](const Sums& x) { return x.scale_rmse(); });
    line("half-width of ln L*", "", course, [](const Sums& x) { return x.loss_width(); });
    line("rmse of ln L*", "", course, [](const Sums& x) { return x.loss_rmse(); });
    line("coverage", "", course,
         [](const Sums& x) { return static_cast<double>(x.n_covered) / x.n; });
  }
  std::printf(
      "  share of the grid's FLOPs at which its half-width of ln N* and ln L*, and its rmse "
      "of each, are reached\n");
  for (std::size_t s = 0; s < kStrategies.size(); ++s) {
    const Course& course = study.courses[s];
    const auto at = [&](auto value) { return reached(course, value, value(study.grid)); };
    std::printf("  %-10s %8s %8s %8s %8s\n", std::string(to_string(kStrategies[s])).c_str(),
                at([](const Sums& x) { return x.scale_width(); }).c_str(),
                at([](const Sums& x) { return x.loss_width(); }).c_str(),
                at([](const Sums& x) { return x.scale_rmse(); }).c_str(),
                at([](const Sums& x) { return x.loss_rmse(); }).c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int n_replications = argc > 1 ? std::atoi(argv[1]) : 40;
  const int n_draws = argc > 2 ? std::atoi(argv[2]) : 4;
  const double loss_weight = argc > 3 ? std::atof(argv[3]) : 1;
  if (n_replications < 1 || n_draws < 0 || !(loss_weight >= 0)) {
    std::fprintf(stderr, "next_bench [replications [draws [loss weight]]]\n");
    return 2;
  }
  for (const World& world : worlds()) {
    for (const double noise : {0.002, 0.005}) {
      for (const double tau : {0.05, 0.1}) {
        std::printf("%s, noise %g, tau %g, %d campaigns\n", world.name, noise, tau, n_replications);
        print(simulate(world, noise, tau, n_replications, n_draws, loss_weight));
        std::fflush(stdout);
      }
    }
  }
  return 0;
}
