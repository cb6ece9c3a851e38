// SPDX-License-Identifier: Apache-2.0
#include "plan/hyper_law_warnings.h"

#include <cctype>

#include "base/text.h"
#include "plan/figures.h"
#include "plan/hyper_choice.h"

namespace isoflop {
namespace {

using Words = std::vector<std::string>;

/// "Batch size and learning rate are of law x": what of the recipe is.
std::string parts_of(const HyperSources& sources, const Law& law) {
  Words parts;
  if (sources.batch_tokens == &law) parts.emplace_back("batch size");
  if (sources.peak_lr == &law) parts.emplace_back("learning rate");
  if (sources.weight_decay == &law) parts.emplace_back("weight decay");
  const std::string last = parts.back();
  parts.pop_back();
  std::string text = parts.empty() ? last : join(parts, ", ") + " and " + last;
  text.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(text.front())));
  return text + (parts.empty() ? " is" : " are") + " of law " + law.id;
}

/// "params 5.25G, tuned on 111M to 3.3G": where the run is outside of what the law was tuned on.
Words axes_outside(const Proposal& p, const Law& law) {
  const double params = params_as_counted(law.frame.convention, p.spec.shape);
  Words outside;
  const auto check = [&](const char* name, const std::optional<Interval>& range, double value,
                         std::string (*text)(double)) {
    if (!range || !(value > 0) || (value >= range->low && value <= range->high)) return;
    outside.push_back(std::string(name) + " " + text(value) + ", tuned on " + text(range->low) +
                      " to " + text(range->high));
  };
  check("parameters", law.tuned_on.params, params, count_text);
  check("tokens", law.tuned_on.tokens, p.tokens.value(), count_text);
  check("tokens per parameter", law.tuned_on.tokens_per_param, p.tokens.value() / params,
        count_text);
  check("batch", law.tuned_on.batch_tokens, static_cast<double>(p.spec.batch_tokens), count_text);
  const bool decays = p.law_weight_decay && p.law_weight_decay->law_id == law.id;
  check("weight decay", law.tuned_on.weight_decay, decays ? p.law_weight_decay->value : 0,
        [](double value) { return rounded_text(value, 3); });
  return outside;
}

void warn_of_budget_range(const Proposal& p, const Law& law, const std::string& what,
                          Words& warnings) {
  const FlopsConvention convention = with_real_matrices(law.frame.convention);
  const Flops compute = flops_per_token(p.spec.shape, convention) * p.tokens;
  const std::string asked = what + ", asked at " + rounded_text(compute.value()) + " FLOPs by " +
                            std::string(to_string(convention)) + ", ";
  const std::optional<Flops> to =
      law.hyper && law.hyper->fitted_to ? law.hyper->fitted_to : law.fitted_to;
  if (!to) {
    warnings.push_back(what + ", which does not say for which budgets it was fitted.");
  } else if (compute > *to) {
    warnings.push_back(asked + rounded_text(compute / *to, 3) +
                       " times beyond its largest budget (" + rounded_text(to->value()) +
                       " FLOPs): run a grid nearer to the budget.");
  } else if (law.fitted_from && compute < *law.fitted_from) {
    warnings.push_back(
        asked + rounded_text(*law.fitted_from / compute, 3) + " times below its smallest budget (" +
        rounded_text(law.fitted_from->value()) + " FLOPs): run a grid at this size.");
  }
}

void warn_of_other_law(const Proposal& p, const HyperSources& sources, const Law& other,
                       const Law& split, Words& warnings) {
  const std::string what = parts_of(sources, other);
  if (!other.note.empty()) warnings.push_back(other.note);
  if (other.tuned_on.empty()) warn_of_budget_range(p, other, what, warnings);
  if (other.frame.dataset != split.frame.dataset) {
    warnings.push_back(what + ", fitted on " + other.frame.dataset + ", the split's on " +
                       split.frame.dataset + ": run a grid on your own data.");
  }
}

void warn_of_tuned_on(const Proposal& p, const HyperSources& sources, const Law& law,
                      Words& warnings) {
  const Words outside = axes_outside(p, law);
  if (outside.empty()) return;
  warnings.push_back(parts_of(sources, law) + ", outside of what it was tuned on (" +
                     join(outside, "; ") + "): run a grid nearer to this run.");
}

}  // namespace

void warn_of_hyper_laws(const Proposal& p, const ProposalRequest& request, const Law& law,
                        Words& warnings) {
  const HyperSources sources = taken_sources(request, law);
  const bool own_grids = (sources.batch_tokens == &law && law.hyper) ||
                         (sources.peak_lr == &law && law.hyper && !sources.rate_at_batch);
  if (own_grids && law.hyper->fitted_to && p.compute_budget > *law.hyper->fitted_to) {
    warnings.push_back("Batch size and learning rate extrapolate " +
                       rounded_text(p.compute_budget / *law.hyper->fitted_to, 3) +
                       " times beyond their own grids, which end at " +
                       rounded_text(law.hyper->fitted_to->value()) +
                       " FLOPs: run a grid nearer to the budget.");
  }
  for (const Law& other : request.hyper_laws) {
    if (sources.uses(other)) {
      warn_of_other_law(p, sources, other, law, warnings);
      warn_of_tuned_on(p, sources, other, warnings);
    } else {
      warnings.push_back("The law " + other.id +
                         " has no effect: what it says is given, or of a law before it.");
    }
  }
  const bool own_recipe =
      sources.weight_decay == &law || (sources.peak_lr == &law && sources.rate_at_batch);
  if (own_recipe) warn_of_tuned_on(p, sources, law, warnings);
}

}  // namespace isoflop
