// SPDX-License-Identifier: Apache-2.0
#include "plan/prior.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "isoflop/error.h"
#include "plan/hyper_choice.h"

namespace isoflop {
namespace {

constexpr double kToleratedDecades = 0.5;

[[noreturn]] void refuse_prior(const std::string& path, const std::string& what) {
  throw Error(ErrorCode::invalid_argument, path + ": " + what);
}

}  // namespace

std::string Prior::name() const {
  return law_.id.empty() ? "there is no prior, which" : "the prior " + law_.id;
}

PowerLaw Prior::centre(const std::string& path) const {
  if (const std::optional<AllocationLaw> allocation = allocation_of(law_)) {
    return allocation->flops_per_token;
  }
  refuse_prior(path, name() + " says no optimal size; give [coefficient, exponent] of C -> M");
}

void Prior::lack_hyper(const char* path) const {
  refuse_prior(path, name() + " has no hyper-parameter law; give a number");
}

double Prior::checked(double value, const char* path) const {
  if (value > 0 && std::isfinite(value)) return value;
  refuse_prior(path, name() + " gives " + rounded_text(value, 4) + "; give a number");
}

double Prior::params_of(const ModelShape& shape) const {
  return params_as_counted(law_.frame.convention, shape);
}

double Prior::batch_tokens(const LawArguments& run) const {
  constexpr char kPath[] = "/batch_tokens";
  if (law_.hyper) return checked(law_.hyper->batch_tokens(run.compute), kPath);
  if (law_.hyper_nd) return checked(law_.hyper_nd->batch_tokens(run.params, run.tokens), kPath);
  lack_hyper(kPath);
}

double Prior::peak_lr(const LawArguments& run) const {
  constexpr char kPath[] = "/peak_lr";
  if (law_.hyper) return checked(law_.hyper->peak_lr(run.compute), kPath);
  if (law_.hyper_nd) return checked(law_.hyper_nd->peak_lr(run.params, run.tokens), kPath);
  lack_hyper(kPath);
}

std::optional<std::string> Prior::recipe_warning(const RunSpec& base) const {
  const TrainingRecipe& runs = law_.recipe;
  std::vector<std::string> differing;
  const auto compare = [&](const char* name, const std::optional<double>& theirs, double ours) {
    if (!theirs || *theirs == ours) return;
    differing.push_back(std::string(name) + " " + rounded_text(*theirs, 4) + ", not " +
                        rounded_text(ours, 4));
  };
  compare("weight_decay", runs.weight_decay, base.weight_decay);
  compare("adam_beta1", runs.adam_beta1, base.adam_beta1);
  compare("adam_beta2", runs.adam_beta2, base.adam_beta2);
  compare("init_std", runs.init_std, base.init_std);
  if (runs.schedule && !(*runs.schedule == base.schedule)) {
    differing.push_back("schedule " + std::string(to_string(runs.schedule->kind)) + ", not " +
                        std::string(to_string(base.schedule.kind)));
  }
  if (differing.empty()) return std::nullopt;
  return "/prior: the runs behind " + law_.id + " had " + join(differing, "; ");
}

std::optional<std::string> Prior::range_warning(std::span<const double> budgets) const {
  if (!law_.fitted_from || !law_.fitted_to || budgets.empty()) return std::nullopt;
  const double from = law_.fitted_from->value(), to = law_.fitted_to->value();
  const auto [low, high] = std::minmax_element(budgets.begin(), budgets.end());
  const double decades = std::log10(std::max(from / *low, *high / to));
  if (decades <= kToleratedDecades) return std::nullopt;
  return "/prior: " + law_.id + " was fitted from " + rounded_text(from, 3) + " to " +
         rounded_text(to, 3) + " FLOPs; it is used " + rounded_text(decades, 2) +
         " decades outside";
}

}  // namespace isoflop
