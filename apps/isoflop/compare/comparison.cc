// SPDX-License-Identifier: Apache-2.0
#include "compare/comparison.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/text.h"
#include "isoflop/deadweight.h"
#include "isoflop/proposal.h"

namespace isoflop::cli {
namespace {

constexpr double kDoubtfulEquality =
    0.1;  // p of equal exponents below which a factor is no constant

const PowerLawFit* fit_of(const Side& side, PowerLawFit Fit::*part) {
  return side.fit && ((*side.fit).*part).usable() ? &((*side.fit).*part) : nullptr;
}

const PowerLawFit* hyper_of(const Side& side, PowerLawFit HyperFit::*part) {
  if (!side.fit || !side.fit->hyper || !((*side.fit->hyper).*part).usable()) return nullptr;
  return &((*side.fit->hyper).*part);
}

bool is_assumed(const Side& side, PowerLawFit HyperFit::*part) {
  return side.fit && side.fit->hyper && ((*side.fit->hyper).*part).exponent_assumed;
}

template <class Part, class Get>
std::optional<double> part_of(const std::optional<Part>& part, const Get& get) {
  if (!part) return std::nullopt;
  return get(*part);
}

ComparedNumber exponent_row(const char* name, const char* key, std::optional<double> a,
                            std::optional<double> b, const PowerLawFit* fit_a,
                            const PowerLawFit* fit_b) {
  ComparedNumber row;
  row.name = name;
  row.key = key;
  row.a = a;
  row.b = b;
  if (fit_a != nullptr) row.a_interval = fit_a->exponent;
  if (fit_b != nullptr) row.b_interval = fit_b->exponent;
  if (fit_a != nullptr && fit_b != nullptr) row.difference = exponent_difference(*fit_a, *fit_b);
  return row;
}

/// The law's own, else that of its surface's optimum.
std::optional<AllocationLaw> split_of(const Law& law) {
  if (law.allocation || !law.loss || !has_optimum(*law.loss)) return law.allocation;
  return optimal_allocation(*law.loss);
}

std::vector<ComparedNumber> numbers_of(const Side& a, const Side& b) {
  const auto allocation = [&](const char* name, const char* key, PowerLaw AllocationLaw::*part,
                              PowerLawFit Fit::*fit) {
    const auto get = [&](const AllocationLaw& law) { return (law.*part).exponent; };
    return exponent_row(name, key, part_of(split_of(a.law), get), part_of(split_of(b.law), get),
                        fit_of(a, fit), fit_of(b, fit));
  };
  const auto hyper = [&](const char* name, const char* key, PowerLaw HyperLaw::*part,
                         PowerLawFit HyperFit::*fit) {
    const auto get = [&](const HyperLaw& law) { return (law.*part).exponent; };
    ComparedNumber row =
        exponent_row(name, key, part_of(a.law.hyper, get), part_of(b.law.hyper, get),
                     hyper_of(a, fit), hyper_of(b, fit));
    row.a_assumed = is_assumed(a, fit);
    row.b_assumed = is_assumed(b, fit);
    return row;
  };
  const auto frontier = [&](const char* name, const char* key, double FrontierLaw::*part) {
    const auto get = [&](const FrontierLaw& law) { return law.*part; };
    return exponent_row(name, key, part_of(a.law.frontier, get), part_of(b.law.frontier, get),
                        nullptr, nullptr);
  };
  return {
      allocation("model exponent, M_opt ~ C^a", "scale_exponent", &AllocationLaw::flops_per_token,
                 &Fit::scale_opt),
      allocation("data exponent, D_opt ~ C^b", "tokens_exponent", &AllocationLaw::tokens,
                 &Fit::tokens_opt),
      hyper("batch exponent", "batch_exponent", &HyperLaw::batch_tokens, &HyperFit::batch_tokens),
      hyper("learning-rate exponent", "peak_lr_exponent", &HyperLaw::peak_lr, &HyperFit::peak_lr),
      frontier("irreducible part of L*(C)", "irreducible", &FrontierLaw::irreducible),
      frontier("exponent of L*(C)", "frontier_exponent", &FrontierLaw::exponent)};
}

/// Why the two losses must not be set against each other; empty if they may.
std::string mismatch(const Side& a, const Side& b, bool shared_validation) {
  const Frame& f = a.law.frame;
  const Frame& g = b.law.frame;
  const auto differ = [](const char* what, std::string_view x, std::string_view y) {
    const auto said = [](std::string_view text) {
      return text.empty() ? std::string("not stated") : std::string(text);
    };
    return std::string(what) + ": " + said(x) + " against " + said(y);
  };
  if (f.metric != g.metric) return differ("metric", to_string(f.metric), to_string(g.metric));
  if (f.convention != g.convention) {
    return differ("FLOPs convention", to_string(f.convention), to_string(g.convention));
  }
  if (f.tokenizer != g.tokenizer && f.metric == Metric::loss_nats) {
    return differ("tokenizer", f.tokenizer, g.tokenizer);
  }
  if (f.dataset != g.dataset && !shared_validation) {
    return differ("data set", f.dataset, g.dataset) +
           " (--shared-validation if both were evaluated on one text)";
  }
  return "";
}

double smallest_loss(const Side& a, const Side& b) {
  double least = a.losses.front().loss;
  for (const Side* side : {&a, &b}) {
    for (const BoughtLoss& point : side->losses) least = std::min(least, point.loss);
  }
  return least;
}

void set_speedup(Comparison& result, const Side& a, const Side& b,
                 const ComparisonOptions& options) {
  if (a.losses.empty() || b.losses.empty()) return;
  const double least = smallest_loss(a, b);
  const double floor = a.law.frontier ? a.law.frontier->irreducible : 0;
  result.asymptote_is_fitted = !options.asymptote;
  const double pinned = options.asymptote.value_or(floor < least ? floor : 0);
  result.speedup = effective_speedup(a.losses, b.losses, pinned);
  if (!result.speedup->usable()) {
    result.warnings.emplace_back("the points do not determine a speedup: " +
                                 std::string(to_string(result.speedup->status)) + ".");
    return;
  }
  for (const double other : {0.0, 0.5 * pinned, pinned + 0.5 * (least - pinned)}) {
    if (other == pinned) continue;
    const Speedup speedup = effective_speedup(a.losses, b.losses, other);
    if (speedup.usable()) result.sensitivity.push_back(speedup);
  }
  if (result.asymptote_is_fitted) {
    result.warnings.push_back("nobody pinned the asymptote: " + rounded_text(pinned, 5) +
                              " is what " + a.name + "'s own frontier says; give --asymptote.");
  }
  if (result.speedup->equal_exponents_p.value_or(1) < kDoubtfulEquality) {
    result.warnings.push_back(
        "the exponents gamma of (loss - asymptote) ~ C^-gamma differ between " + a.name + " and " +
        b.name + " (p = " + rounded_text(*result.speedup->equal_exponents_p, 2) +
        "): the speedup changes with the budget and holds inside the measured range only.");
  }
}

/// The frontier, at the median of the fit's forecast where the law keeps one.
double forecast_loss(const Law& law, double compute) {
  const double loss = (*law.frontier)(compute);
  if (!law.evidence) return loss;
  return loss * intervals_at(*law.evidence, extrapolation(law, Flops(compute))).loss_median;
}

void set_losses(Comparison& result, const Side& a, const Side& b,
                const ComparisonOptions& options) {
  if (!a.law.frontier || !b.law.frontier) return;
  result.target = options.target;
  if (!result.target && a.law.fitted_to && b.law.fitted_to) {
    result.target = std::max(a.law.fitted_to->value(), b.law.fitted_to->value());
  }
  if (!result.target) return;
  result.loss_a = forecast_loss(a.law, *result.target);
  result.loss_b = forecast_loss(b.law, *result.target);
}

/// Which rows a side has no number for, where the other has one.
void explain_gaps(Comparison& result, const Side& a, const Side& b) {
  const auto explain = [&](const Side& side, std::optional<double> ComparedNumber::*of,
                           std::optional<double> ComparedNumber::*other) {
    std::vector<std::string> missing;
    for (const ComparedNumber& row : result.numbers) {
      if (!(row.*of) && row.*other) missing.push_back(row.name);
    }
    if (missing.empty()) return;
    result.warnings.push_back("-: " + side.name +
                              (side.fit ? "'s points support no " : " states no ") +
                              join(missing, ", no ") + ".");
  };
  for (const Side* side : {&a, &b}) {
    if (side->law.allocation || !split_of(side->law)) continue;
    result.warnings.push_back(side->name +
                              " has no allocation law: its exponents of size and tokens are those "
                              "of its surface's optimum.");
  }
  explain(a, &ComparedNumber::a, &ComparedNumber::b);
  explain(b, &ComparedNumber::b, &ComparedNumber::a);
}

Json interval_json(const Interval& interval) {
  return Json(Json::Array{Json(interval.low), Json(interval.high)});
}

Json speedup_json(const Speedup& speedup) {
  Json json =
      Json::object({{"asymptote", speedup.asymptote}, {"status", to_string(speedup.status)}});
  if (!speedup.usable()) return json;
  json.set("factor", speedup.factor)
      .set("low", speedup.interval.low)
      .set("high", speedup.interval.high)
      .set("exponent", speedup.exponent)
      .set("exponent_interval", interval_json(speedup.exponent_interval))
      .set("residual_sd", speedup.residual_sd)
      .set("dof", speedup.dof);
  return json.set_if("equal_exponents_p", speedup.equal_exponents_p);
}

std::string with_interval(std::optional<double> value, const std::optional<Interval>& interval) {
  if (!value) return "-";
  std::string text = rounded_text(*value, 4);
  if (interval) {
    text += " [" + rounded_text(interval->low, 3) + ", " + rounded_text(interval->high, 3) + "]";
  }
  return text;
}

std::string row_text(const std::string& name, const std::string& a, const std::string& b,
                     const std::string& difference) {
  std::array<char, 160> line{};
  std::snprintf(line.data(), line.size(), "  %-28s %24s %24s  %s", name.c_str(), a.c_str(),
                b.c_str(), difference.c_str());
  std::string text = line.data();
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

std::string speedup_text(const Comparison& comparison) {
  const Speedup& speedup = *comparison.speedup;
  if (!speedup.usable()) return "";
  std::string text = "  One FLOP of " + comparison.b + " buys what " +
                     rounded_text(speedup.factor, 4) + " of " + comparison.a + " do, 90 % [" +
                     rounded_text(speedup.interval.low, 4) + ", " +
                     rounded_text(speedup.interval.high, 4) + "]\n  (asymptote pinned at " +
                     rounded_text(speedup.asymptote, 5) + ", exponent " +
                     rounded_text(speedup.exponent, 3) + ", lack of fit by Student's t with " +
                     std::to_string(speedup.dof) + " degrees of freedom).\n";
  for (const Speedup& other : comparison.sensitivity) {
    text += "    with the asymptote at " + rounded_text(other.asymptote, 4) + ": " +
            rounded_text(other.factor, 4) + " [" + rounded_text(other.interval.low, 4) + ", " +
            rounded_text(other.interval.high, 4) + "]\n";
  }
  return text;
}

}  // namespace

Comparison compare(const Side& a, const Side& b, const ComparisonOptions& options) {
  Comparison result;
  result.a = a.name;
  result.b = b.name;
  result.numbers = numbers_of(a, b);
  explain_gaps(result, a, b);
  const std::string different = mismatch(a, b, options.shared_validation);
  if (!different.empty()) {
    result.warnings.push_back("measured differently, so that only exponents compare: " + different +
                              ".");
    return result;
  }
  set_speedup(result, a, b, options);
  set_losses(result, a, b, options);
  return result;
}

Json to_json(const Comparison& comparison) {
  Json json =
      Json::object({{"schema", "isoflop.comparison/1"}, {"a", comparison.a}, {"b", comparison.b}});
  Json numbers = Json::object();
  for (const ComparedNumber& number : comparison.numbers) {
    Json entry = Json::object();
    entry.set_if("a", number.a).set_if("b", number.b);
    if (number.a_assumed) entry.set("a_assumed", true);
    if (number.b_assumed) entry.set("b_assumed", true);
    if (number.a_interval) entry.set("a_interval", interval_json(*number.a_interval));
    if (number.b_interval) entry.set("b_interval", interval_json(*number.b_interval));
    if (number.difference) {
      entry.set("difference", number.difference->value);
      entry.set("difference_interval", interval_json(number.difference->interval));
    }
    numbers.set(number.key, entry);
  }
  json.set("numbers", numbers);
  if (comparison.speedup) {
    Json speedup = speedup_json(*comparison.speedup);
    speedup.set("baseline", comparison.a).set("variant", comparison.b);
    speedup.set("asymptote_pinned_by", comparison.asymptote_is_fitted ? "baseline fit" : "caller");
    Json others = Json::array();
    for (const Speedup& other : comparison.sensitivity) others.push_back(speedup_json(other));
    json.set("speedup", speedup.set("sensitivity", others));
  }
  if (comparison.loss_a && comparison.loss_b) {
    json.set("at", Json::object({{"compute", *comparison.target},
                                 {"a", *comparison.loss_a},
                                 {"b", *comparison.loss_b}}));
  }
  return json.set("warnings", Json::array_of(comparison.warnings));
}

std::string text_of(const Comparison& comparison) {
  std::string text = row_text("", comparison.a, comparison.b, "difference");
  for (const ComparedNumber& n : comparison.numbers) {
    if (!n.a && !n.b) continue;
    std::optional<Interval> difference;
    if (n.difference && n.difference->interval.high > n.difference->interval.low) {
      difference = n.difference->interval;
    }
    text += row_text(n.name, with_interval(n.a, n.a_interval) + (n.a_assumed ? " (assumed)" : ""),
                     with_interval(n.b, n.b_interval) + (n.b_assumed ? " (assumed)" : ""),
                     n.difference ? with_interval(n.difference->value, difference) : "");
  }
  if (comparison.loss_a && comparison.loss_b) {
    text += row_text("best loss at " + rounded_text(*comparison.target, 3) + " FLOPs",
                     rounded_text(*comparison.loss_a, 5), rounded_text(*comparison.loss_b, 5), "");
  }
  if (comparison.speedup) text += speedup_text(comparison);
  for (const std::string& warning : comparison.warnings) text += "  note: " + warning + "\n";
  return text;
}

}  // namespace isoflop::cli
