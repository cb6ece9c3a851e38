// SPDX-License-Identifier: Apache-2.0
// Warnings of the envelope, the other forms, the next runs, the evaluation and the tuning: each
// where it belongs and nowhere else.
#include <string>

#include "base/text.h"
#include "fit/design/next_warnings.h"
#include "fit/forms/forms_warnings.h"
#include "fit/hyper/hyper_warnings.h"
#include "fit/surface/surface_warnings.h"
#include "fit/trust/trust_warnings.h"
#include "fit/valley/valley_warnings.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

template <class Warn>
std::string warned(const Warn& warn) {
  Words warnings;
  warn(warnings);
  return join(warnings, "\n");
}

Fit with_envelope(double exponent) {
  Fit fit;
  fit.scale_opt.status = FitStatus::ok;
  fit.scale_opt.law.exponent = 0.5;
  fit.envelope.emplace();
  fit.envelope->status = FitStatus::ok;
  fit.envelope->scale_opt.law.exponent = exponent;
  fit.envelope->n_bootstrap = 100;
  return fit;
}

std::string of_envelope(const Fit& fit) {
  return warned([&](Words& words) { warn_of_envelope(*fit.envelope, fit.scale_opt, words); });
}

FormFit good_form() {
  FormFit form;
  form.name = "kaplan";
  form.status = FitStatus::ok;
  return form;
}

std::string of_form(const FormFit& form) {
  return warned([&](Words& words) { warn_of_forms({}, {&form, 1}, words); });
}

/// A choice of next runs of which nothing is to be said.
NextRuns good_next() {
  NextRuns next;
  next.target_compute = 1e20;
  next.tau = next.tau_estimated = 0.1;
  next.flops_to_halve_scale = 1e21;
  next.n_bootstrap = 32;
  return next;
}

std::string of_next(const NextRuns& next, const std::vector<CandidateRun>& candidates = {}) {
  return warned([&](Words& words) { warn_of_next(next, 1e19, candidates, words); });
}

PointSet measured(const std::string& loss_se) {
  PointSet set;
  for (int i = 0; i < 5; ++i) {
    Point point;
    point.loss = 2;
    if (!loss_se.empty()) point.other["loss_se"] = loss_se;
    set.points.push_back(point);
  }
  return set;
}

std::string of_evaluation(const PointSet& points, double noise) {
  return warned([&](Words& words) { warn_of_evaluation(points, noise, words); });
}

Fit tuned(Mistuning::Source source, double bound) {
  Fit fit;
  fit.valleys.emplace_back();
  fit.valleys[0].budget = 1e18;
  fit.valleys[0].status = FitStatus::ok;
  fit.valleys[0].ln_scale_se = 0.05;
  fit.mistuning = {{.budget = 1e18, .source = source, .bound_ln_scale = bound}};
  return fit;
}

std::string of_mistuning(const Fit& fit) {
  return warned([&](Words& words) { warn_of_mistuning(fit.mistuning, fit.valleys, words); });
}

}  // namespace

TEST_CASE("an envelope's exponent far from the valleys' is said") {
  CHECK_THAT(of_envelope(with_envelope(0.44)),
             contains("its exponent of the size is 0.44, that of the valleys 0.5"));
  CHECK_THAT(of_envelope(with_envelope(0.46)), !contains("that of the valleys"));
  Fit without_law = with_envelope(0.44);
  without_law.scale_opt.status = FitStatus::too_few_points;
  CHECK_THAT(of_envelope(without_law), !contains("that of the valleys"));
}

TEST_CASE("resamples without an envelope are said where they are more than a tenth") {
  Fit fit = with_envelope(0.5);
  fit.envelope->n_bootstrap_failed = 10;
  CHECK_THAT(of_envelope(fit), !contains("have no envelope"));
  fit.envelope->n_bootstrap_failed = 11;
  CHECK_THAT(of_envelope(fit), contains("11 of 100 resamples of the runs have no envelope"));
}

TEST_CASE("a form that was not fitted, did not converge or is at a bound is said") {
  FormFit form = good_form();
  CHECK(of_form(form).empty());
  form.at_bound = {"delta"};
  CHECK_THAT(of_form(form), contains("Form kaplan: delta at the bound"));
  form.status = FitStatus::not_converged;
  CHECK_THAT(of_form(form), contains("Form kaplan did not converge"));
  form.not_fitted = "no point says unique_tokens";
  CHECK(of_form(form) == "Form kaplan was not fitted: no point says unique_tokens.");
}

TEST_CASE("next says what its candidates cannot do, and which draws failed") {
  NextRuns next = good_next();
  CHECK(of_next(next).empty());
  next.flops_to_halve_scale.reset();
  CHECK_THAT(of_next(next),
             contains("All candidates together do not halve the interval of the optimal size"));
  next = good_next();
  next.n_bootstrap_failed = 3;
  CHECK_THAT(of_next(next), contains("3 of 32 resamples gave no surface with an optimum"));
}

TEST_CASE("next says how far its target is, how little scatters and which runs share a trunk") {
  NextRuns next = good_next();
  next.target_compute = 1.1e20;
  CHECK_THAT(of_next(next), contains("11 times the largest budget: an extrapolation"));
  next.target_compute = 1.1e21;
  CHECK_THAT(of_next(next), contains("110 times the largest budget: the intervals suppose"));
  next = good_next();
  next.tau_estimated = 0.01;
  CHECK_THAT(of_next(next), contains("0.01, is below the floor of 0.1"));
  next = good_next();
  next.runs = {{.candidate = 0}, {.candidate = 1}};
  std::vector<CandidateRun> candidates(2);
  candidates[0].trunk = "a";
  candidates[1].trunk = "b";
  CHECK(of_next(next, candidates).empty());
  candidates[1].trunk = "a";
  CHECK_THAT(of_next(next, candidates), contains("1 of the 2 runs are branches"));
}

TEST_CASE("a side without runs is said, with whether the chosen runs fill it") {
  const auto side = [](std::size_t n_chosen) {
    return warned([&](Words& words) { warn_of_missing_side(1e18, false, 2, n_chosen, words); });
  };
  CHECK(side(2) ==
        "budget 1e+18: the minimum is not bracketed; it needs 2 more larger sizes, which come "
        "first.");
  CHECK_THAT(side(1), contains("of which candidates and FLOPs allow 1."));
}

TEST_CASE("evaluation coarser than the scatter between runs is said, where its error is stated") {
  CHECK(of_evaluation(measured(""), 0.001).empty());
  CHECK(of_evaluation(measured("0.002"), 0.001).empty());
  CHECK_THAT(of_evaluation(measured("0.01"), 0.001),
             contains("a standard error of 0.5 %, above the scatter between runs of 0.1 %"));
  CHECK(of_evaluation(measured("unknown"), 0.001).empty());
  PointSet bits = measured("0.01");
  bits.frame.metric = Metric::bits_per_byte;
  CHECK(of_evaluation(bits, 0.001).empty());
  for (Point& point : bits.points) {
    point.bits_per_byte = 1;
    point.other["bits_per_byte_se"] = "0.02";
  }
  CHECK_THAT(of_evaluation(bits, 0.001), contains("a standard error of 2 %"));
}

TEST_CASE("tuning that may have moved a minimum beyond its error is said, where it is known") {
  CHECK(of_mistuning(tuned(Mistuning::Source::law, 0.19)).empty());
  CHECK(of_mistuning(tuned(Mistuning::Source::none, 0.7)).empty());
  CHECK_THAT(of_mistuning(tuned(Mistuning::Source::law, 0.7)),
             contains("budget 1e+18: batch sizes and learning rates off their best may have moved "
                      "the optimal size by a factor of up to 2.01 (by its law)"));
  Fit loose = tuned(Mistuning::Source::probes, 0.7);
  loose.valleys[0].ln_scale_se = 0.4;
  CHECK(of_mistuning(loose).empty());
}
