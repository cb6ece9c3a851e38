// SPDX-License-Identifier: Apache-2.0
// What the forms of the loss surface find of what was planted (tests/support/form_oracle.h).
//   form_bench recovery form [n [first]]     noise-free: the worst relative error
//   form_bench coverage form [n [first]]     how often 90 % intervals hold the truth, by objective,
//                                            with the form's effect and without it
//   form_bench write form folder [n [first]] points.csv and optima.csv for compare_forms.py
// form: of the wider ones, or `joint` (recovery and write): two sets with exponents in common.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "fit/forms/form_fit.h"
#include "isoflop/forms.h"
#include "support/form_oracle.h"

namespace {

using isoflop::FormFit;
using isoflop::FormOptions;
using isoflop::Interval;
using isoflop::ObjectiveKind;
using isoflop::Sample;
using isoflop::test::draw_form;
using isoflop::test::FormDraw;

struct Seeds {
  std::uint64_t n = 200, first = 0;
};

FormFit fit_one(const std::vector<Sample>& samples, const std::string& form, ObjectiveKind kind) {
  FormOptions options;
  options.objective = kind;
  const std::vector<std::string> names = {form};
  return isoflop::fit_forms(samples, names, options).front();
}

/// 0.1 to 1 %.
double noise_of(std::uint64_t seed) {
  return std::exp(std::log(0.001) + std::log(10.0) * isoflop::Rng(seed, 7).uniform(0));
}

void recovery(const std::string& form, const Seeds& seeds) {
  double worst = 0;
  std::uint64_t worst_seed = 0;
  int n_failed = 0;
  for (std::uint64_t seed = seeds.first; seed < seeds.first + seeds.n; ++seed) {
    const FormDraw draw = draw_form(form, seed, true);
    const FormFit fit = fit_one(draw.samples, form, ObjectiveKind::huber_log);
    n_failed += !fit.usable();
    for (std::size_t i = 0; i < fit.values.size(); ++i) {
      const double error = std::abs(fit.values[i] / draw.truth[i] - 1);
      if (error <= worst) continue;
      worst = error;
      worst_seed = seed;
    }
  }
  std::printf("%s: %llu noise-free, worst relative error %.2g (seed %llu), %d did not converge\n",
              form.c_str(), static_cast<unsigned long long>(seeds.n), worst,
              static_cast<unsigned long long>(worst_seed), n_failed);
}

void coverage_of(const std::string& form, const Seeds& seeds, ObjectiveKind kind, bool effect) {
  std::vector<int> covered;
  std::vector<std::string> names;
  int n = 0;
  int n_at_bound = 0;
  for (std::uint64_t seed = seeds.first; seed < seeds.first + seeds.n; ++seed) {
    const FormDraw draw = draw_form(form, seed, effect, noise_of(seed));
    const FormFit fit = fit_one(draw.samples, form, kind);
    if (!fit.usable()) continue;
    ++n;
    n_at_bound += !fit.at_bound.empty();
    names = fit.parameters;
    covered.resize(names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
      const Interval& interval = fit.intervals[i];
      covered[i] += interval.low <= draw.truth[i] && draw.truth[i] <= interval.high;
    }
  }
  std::printf("%s %s %s: n %d, at a bound %d, held [%%]", form.c_str(),
              std::string(to_string(kind)).c_str(), effect ? "with effect" : "without", n,
              n_at_bound);
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::printf(" %s %.1f", names[i].c_str(), 100.0 * covered[i] / n);
  }
  std::printf("\n");
  std::fflush(stdout);
}

constexpr const char* kPointColumns =
    "set,size,tokens,batch,unique,granularity,n_experts,group,loss\n";

/// Two sets with exponents in common, as `compare --joint` takes them.
std::vector<isoflop::JointGroup> draw_pair(std::uint64_t seed, double noise,
                                           std::vector<double>* truth = nullptr) {
  isoflop::test::Numbers numbers(seed);
  const double alpha = numbers.uniform(0.2, 0.6), beta = numbers.uniform(0.2, 0.6);
  const double a = numbers.uniform(0.2, 1) * std::pow(1e8, alpha);
  const double b = numbers.uniform(0.2, 1) * std::pow(3e9, beta);
  std::vector<isoflop::JointGroup> groups(2);
  for (std::size_t k = 0; k < 2; ++k) {
    const double floor = numbers.uniform(0.5, 2);
    const double rho_size = k == 0 ? 1 : numbers.spread(0.5, 2);
    const double rho_tokens = k == 0 ? 1 : numbers.spread(0.5, 2);
    if (truth != nullptr && k == 1) *truth = {alpha, beta, rho_size, rho_tokens};
    groups[k].name = groups[k].points.frame.dataset = k == 0 ? "a" : "b";
    for (int i = 0; i < 25; ++i) {
      isoflop::Point point;
      point.params = 1e8 * std::pow(2.5, i % 5 - 2);
      point.tokens = 3e9 * std::pow(2.5, i / 5 - 2);
      point.loss = (floor + a * std::pow(rho_size * *point.params, -alpha) +
                    b * std::pow(rho_tokens * point.tokens, -beta)) *
                   (1 + noise * numbers.normal());
      groups[k].points.points.push_back(point);
    }
  }
  return groups;
}

void recovery_of_pairs(const Seeds& seeds) {
  double worst = 0;
  for (std::uint64_t seed = seeds.first; seed < seeds.first + seeds.n; ++seed) {
    std::vector<double> truth;
    const isoflop::JointFit fit = isoflop::fit_jointly(draw_pair(seed, 0, &truth), {});
    const double found[] = {fit.alpha.value, fit.beta.value, fit.groups[1].rho_size.value,
                            fit.groups[1].rho_tokens.value};
    for (std::size_t i = 0; i < truth.size(); ++i) {
      worst = std::max(worst, std::abs(found[i] / truth[i] - 1));
    }
  }
  std::printf("joint: %llu noise-free pairs, worst relative error %.2g\n",
              static_cast<unsigned long long>(seeds.n), worst);
}

void write_pairs(const std::string& folder, const Seeds& seeds) {
  std::ofstream points(folder + "/points.csv"), optima(folder + "/optima.csv");
  points.precision(17);
  optima.precision(17);
  points << kPointColumns;
  optima << "set,objective,value\n";
  for (std::uint64_t seed = seeds.first; seed < seeds.first + seeds.n; ++seed) {
    const auto groups = draw_pair(seed, noise_of(seed));
    for (std::size_t k = 0; k < groups.size(); ++k) {
      for (const isoflop::Point& point : groups[k].points.points) {
        points << seed << ',' << *point.params << ',' << point.tokens << ",1,1,1,1," << k << ','
               << *point.loss << '\n';
      }
    }
    const isoflop::JointFit fit = isoflop::fit_jointly(groups, {});
    const auto dof = static_cast<double>(fit.n_points - fit.n_parameters);
    optima << seed << ",log_squares," << fit.residual_sd * fit.residual_sd * dof << '\n';
  }
}

void write(const std::string& form, const std::string& folder, const Seeds& seeds) {
  std::ofstream points(folder + "/points.csv");
  std::ofstream optima(folder + "/optima.csv");
  points.precision(17);
  optima.precision(17);
  points << kPointColumns;
  optima << "set,objective,value\n";
  for (std::uint64_t seed = seeds.first; seed < seeds.first + seeds.n; ++seed) {
    const FormDraw draw = draw_form(form, seed, true, noise_of(seed));
    for (const Sample& s : draw.samples) {
      points << seed << ',' << s.scale << ',' << s.tokens << ',' << s.batch_tokens.value_or(1)
             << ',' << s.unique_tokens.value_or(s.tokens) << ',' << s.granularity.value_or(1) << ','
             << s.n_experts.value_or(1) << ",0," << s.metric << '\n';
    }
    for (const ObjectiveKind kind : {ObjectiveKind::huber_log, ObjectiveKind::mse}) {
      const FormFit fit = fit_one(draw.samples, form, kind);
      optima << seed << ',' << to_string(kind) << ',' << fit.objective_value << '\n';
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() < 2) throw std::invalid_argument("what, and of which form?");
    const std::size_t n_words = words[0] == "write" ? 3 : 2;
    Seeds seeds;
    if (words.size() > n_words) seeds.n = std::stoull(words[n_words]);
    if (words.size() > n_words + 1) seeds.first = std::stoull(words[n_words + 1]);
    if (words[0] == "recovery" && words[1] == "joint") {
      recovery_of_pairs(seeds);
    } else if (words[0] == "write" && words[1] == "joint") {
      write_pairs(words.at(2), seeds);
    } else if (words[0] == "recovery") {
      recovery(words[1], seeds);
    } else if (words[0] == "write") {
      write(words[1], words.at(2), seeds);
    } else {
      for (const ObjectiveKind kind : {ObjectiveKind::huber_log, ObjectiveKind::mse}) {
        for (const bool effect : {false, true}) coverage_of(words[1], seeds, kind, effect);
      }
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "form_bench: %s\n", error.what());
    return 2;
  }
  return 0;
}
