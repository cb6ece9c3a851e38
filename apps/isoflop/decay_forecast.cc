// SPDX-License-Identifier: Apache-2.0
#include "decay_forecast.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/text.h"
#include "isoflop/error.h"
#include "isoflop/training_curve.h"
#include "model/schedule_json.h"

namespace isoflop::cli {
namespace {

constexpr std::int64_t kMostForecastSteps = 20'000'000;
constexpr const char* kDecayFormula = "L0 + A S1^-alpha - C S2";
constexpr const char* kDecaySource = "arXiv:2408.11029, as quoted";

[[noreturn]] void refuse_decay(const std::string& complaint) {
  throw Error(ErrorCode::invalid_argument, complaint);
}

/// A kind's name, or the object that a spec has.
LrSchedule schedule_from(const std::string& text) {
  const std::string name = "--schedule";
  const Json json = text.starts_with("{") ? parse_json(text, name) : Json(text);
  return read_schedule(JsonReader(json, name));
}

/// Of which the schedule alone matters; the rest passes validate().
RunSpec spec_of(const DecayAnswer& answer, std::int64_t n_steps) {
  RunSpec spec;
  spec.shape = {.n_layers = 1,
                .d_model = 2,
                .n_heads = 1,
                .n_kv_heads = 1,
                .d_head = 2,
                .d_ff = 1,
                .vocab_size = 2,
                .seq_len = 1};
  spec.dataset = "any";
  spec.batch_tokens = 1;
  spec.n_steps = n_steps;
  spec.warmup_steps = answer.warmup_steps;
  spec.peak_lr = 1;
  spec.schedule = answer.schedule;
  return spec;
}

/// The most steps of which no more than `last` are before the decay; `last` itself where the
/// schedule decays from the start or never, or the curve has decayed.
std::int64_t default_steps(const DecayAnswer& answer, const RateCurve& longest) {
  const auto last = static_cast<std::int64_t>(longest.lr.size());
  if (longest.lr.back() < 0.999 * answer.peak_lr) return last;
  std::int64_t low = last;
  std::int64_t high = kMostForecastSteps;
  if (stable_steps(spec_of(answer, high)) <= last) return last;
  while (low + 1 < high) {
    const std::int64_t middle = low + (high - low) / 2;
    (stable_steps(spec_of(answer, middle)) <= last ? low : high) = middle;
  }
  return low;
}

AnnealingTarget target_of(const DecayAnswer& answer, std::int64_t n_steps) {
  AnnealingTarget target;
  target.name =
      std::string(to_string(answer.schedule.kind)) + " of " + std::to_string(n_steps) + " steps";
  const RunSpec spec = spec_of(answer, n_steps);
  for (std::int64_t step = 0; step < n_steps; ++step) {
    target.lr.push_back(answer.peak_lr * lr_fraction_at(spec, step));
  }
  return target;
}

std::vector<std::int64_t> steps_of(const DecayArguments& arguments, const DecayAnswer& answer,
                                   const RateCurve& longest) {
  if (arguments.steps.empty()) return {default_steps(answer, longest)};
  std::vector<std::int64_t> steps;
  for (const double n : arguments.steps) {
    const bool usable = n > static_cast<double>(answer.warmup_steps) && n >= 1 &&
                        n <= static_cast<double>(kMostForecastSteps) && n == std::floor(n);
    if (!usable) {
      refuse_decay("--steps: must be a whole number above the curve's warm-up of " +
                   std::to_string(answer.warmup_steps) + " steps and at most " +
                   std::to_string(kMostForecastSteps) + ", got " + exact_text(n));
    }
    steps.push_back(static_cast<std::int64_t>(n));
  }
  return steps;
}

std::string unit_of(Metric metric) {
  return metric == Metric::bits_per_byte ? "bits/byte" : "nats/token";
}

std::string range_text(const Interval& interval) {
  return "[" + rounded_text(interval.low, 4) + ", " + rounded_text(interval.high, 4) + "]";
}

Json finite_or_nothing(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

}  // namespace

DecayAnswer forecast_decay(const DecayArguments& arguments) {
  DecayAnswer answer;
  answer.schedule = schedule_from(arguments.schedule);
  validate(spec_of(answer, 1));
  const RateCurveSet set = load_rate_curves({arguments.curves.begin(), arguments.curves.end()});
  answer.metric = set.metric;
  answer.lr_is_fraction = set.lr_is_fraction;
  const RateCurve& first = set.curves.front();
  const std::int64_t rising = warmup_of(first.lr);
  answer.warmup_steps = rising > 0 ? rising + 1 : 0;
  answer.peak_lr = *std::max_element(first.lr.begin(), first.lr.end());
  for (const RateCurve& curve : set.curves) answer.runs.push_back(curve.run);
  const RateCurve& longest = *std::max_element(
      set.curves.begin(), set.curves.end(),
      [](const RateCurve& a, const RateCurve& b) { return a.lr.size() < b.lr.size(); });
  AnnealingOptions options;
  options.lambda = arguments.lambda;
  options.from_step = arguments.from_step;
  for (const std::int64_t n : steps_of(arguments, answer, longest)) {
    options.targets.push_back(target_of(answer, n));
  }
  answer.fit = fit_annealing(set.curves, options);
  for (const AnnealingPrediction& prediction : answer.fit.predictions) {
    if (prediction.not_predicted.empty()) continue;
    refuse_decay(prediction.name + ": " + prediction.not_predicted +
                 " (--schedule constant needs none)");
  }
  return answer;
}

Json to_json(const DecayAnswer& answer) {
  const AnnealingFit& fit = answer.fit;
  Json parameters = Json::object();
  for (std::size_t i = 0; i < fit.parameters.size(); ++i) {
    parameters.set(fit.parameters[i],
                   Json::object({{"value", finite_or_nothing(fit.values[i])},
                                 {"standard_error", finite_or_nothing(fit.standard_errors[i])},
                                 {"low", finite_or_nothing(fit.intervals[i].low)},
                                 {"high", finite_or_nothing(fit.intervals[i].high)}}));
  }
  Json json = Json::object({{"schema", "isoflop.decay_forecast/1"},
                            {"formula", kDecayFormula},
                            {"source", kDecaySource},
                            {"metric", to_string(answer.metric)},
                            {"lr", answer.lr_is_fraction ? "fraction" : "absolute"},
                            {"curves", Json::array_of(answer.runs)},
                            {"status", to_string(fit.status)},
                            {"n_losses", fit.n_losses},
                            {"n_bins", fit.n_bins},
                            {"from_step", fit.from_step},
                            {"batch_share", fit.batch_share},
                            {"lambda", fit.lambda},
                            {"lambda_given", fit.lambda_given},
                            {"lambdas_as_good", Json::array_of(fit.lambdas_as_good)},
                            {"parameters", parameters},
                            {"at_bound", Json::array_of(fit.at_bound)},
                            {"residual_sd", finite_or_nothing(fit.residual_sd)},
                            {"autocorrelation", fit.autocorrelation},
                            {"inflation", fit.inflation}});
  json.set_if("misfit", fit.misfit).set_if("misfit_p", fit.misfit_p);
  if (!fit.no_decay.empty()) json.set("no_decay", fit.no_decay);
  json.set("schedule", schedule_json(answer.schedule))
      .set("warmup_steps", answer.warmup_steps)
      .set("peak_lr", answer.peak_lr);
  Json forecasts = Json::array();
  for (const AnnealingPrediction& prediction : fit.predictions) {
    const auto interval = [](double value, const Interval& range) {
      return Json::object({{"value", finite_or_nothing(value)},
                           {"low", finite_or_nothing(range.low)},
                           {"high", finite_or_nothing(range.high)}});
    };
    forecasts.push_back(
        Json::object({{"n_steps", prediction.n_steps},
                      {"s1", prediction.s1},
                      {"s2", prediction.s2},
                      {"reach", prediction.reach},
                      {"loss", interval(prediction.loss, prediction.interval)},
                      {"late_loss", interval(prediction.late_loss, prediction.late_interval)}}));
  }
  return json.set("forecasts", forecasts).set("warnings", Json::array_of(fit.warnings));
}

std::string text_of(const DecayAnswer& answer) {
  const AnnealingFit& fit = answer.fit;
  std::string out = "Annealing law, L = " + std::string(kDecayFormula) + " (" + kDecaySource +
                    "), of " + std::to_string(answer.runs.size()) +
                    (answer.runs.size() == 1 ? " curve, " : " curves, ") +
                    std::to_string(fit.n_losses) + " losses from step " +
                    std::to_string(fit.from_step) + " on; 90 % intervals\n";
  for (std::size_t i = 0; i < fit.parameters.size(); ++i) {
    std::string name = fit.parameters[i];
    name.resize(6, ' ');
    out += "  " + name + rounded_text(fit.values[i], 4) + " " + range_text(fit.intervals[i]) + "\n";
  }
  if (fit.no_decay.empty()) {
    out += "  lambda " + rounded_text(fit.lambda, 6) +
           (fit.lambda_given ? ", as given\n" : ", of those tried the best\n");
  } else {
    out += "  C     open: " + fit.no_decay + "\n";
  }
  if (fit.status != FitStatus::ok) out += "  Did not converge: the numbers are no optimum.\n";
  for (const AnnealingPrediction& prediction : fit.predictions) {
    out += prediction.name + ": " + rounded_text(prediction.loss, 4) + " " +
           range_text(prediction.interval) + " " + unit_of(answer.metric) +
           " at the last step; mean of the last tenth " + rounded_text(prediction.late_loss, 4) +
           " " + range_text(prediction.late_interval) + "\n";
  }
  for (const std::string& warning : fit.warnings) out += "  - " + warning + "\n";
  return out;
}

}  // namespace isoflop::cli
