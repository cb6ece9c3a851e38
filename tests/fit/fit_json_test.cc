// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "base/json.h"
#include "isoflop/fit.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;

namespace {

Fit noisy_fit() {
  const test::SweepOracle oracle{.surface = test::epoch_surface(),
                                 .budgets = test::geometric_budgets(1e18, std::sqrt(10.0), 5),
                                 .noise = 0.002};
  return fit(oracle.points(), {.scale = LossLaw::Scale::params, .n_bootstrap = 20});
}

}  // namespace

TEST_CASE("the answer has the contract's keys and equal doubles") {
  const Fit result = noisy_fit();
  const Json document = parse_json(to_json(result), "answer");
  const JsonReader json(document, "answer");
  json.require_schema("isoflop.fit/1");
  CHECK(json.at("dataset").string() == "oracle");
  CHECK(json.at("n_points").integer(0, 100) == 45);
  CHECK(json.at("scale").string() == "params");
  CHECK(json.at("metric").string() == "loss");
  const auto valleys = json.at("valleys").elements();
  REQUIRE(valleys.size() == 5);
  for (const char* key : {"compute", "scale_opt", "tokens_opt", "loss_opt", "curvature", "n_points",
                          "predicted_bias"}) {
    CHECK_NOTHROW(valleys[0].at(key).number());
  }
  CHECK(valleys[0].at("bracketed").boolean());
  for (const char* key :
       {"compute_spread", "relative_curvature", "best_cell_distance", "closed_form_bias"}) {
    CHECK_NOTHROW(valleys[0].at(key).number());
  }
  for (const char* method : {"parabola", "cubic", "akima", "parametric"}) {
    const JsonReader estimator = json.at("estimators").at(method);
    CHECK(estimator.at("valleys").elements(5)[0].at("scale_opt").number() > 0);
    CHECK(estimator.at("scale").at("low").number() < estimator.at("scale").at("high").number());
  }
  CHECK(json.at("disagreement").elements(7)[6].at("extrapolation").number() == 100);
  CHECK(json.at("law_checks").at("leave_one_out").elements(2)[0].number() > 0);
  CHECK(valleys[2].at("scale_opt").number() == result.valleys[2].scale_opt);
  const JsonReader allocation = json.at("allocation");
  for (const char* part : {"scale", "tokens"}) {
    for (const char* key : {"coefficient", "exponent", "low", "high"}) {
      CHECK_NOTHROW(allocation.at(part).at(key).number());
    }
  }
  CHECK(allocation.at("scale").at("high").number() == result.scale_opt.exponent.high);
  CHECK(allocation.at("tau").number() == result.scale_opt.tau);
  CHECK(allocation.at("n_valleys").integer(0, 9) == 5);
}

TEST_CASE("the parametric part says objective, intervals and how sure the optimum is") {
  const Fit result = noisy_fit();
  const Json document = parse_json(to_json(result), "answer");
  const JsonReader parametric = JsonReader(document, "answer").at("parametric");
  for (const char* key : {"E", "A", "B", "alpha", "beta", "a", "b"}) {
    CHECK_NOTHROW(parametric.at(key).number());
  }
  CHECK(parametric.at("objective").at("kind").string() == "huber_log");
  CHECK(parametric.at("objective").at("delta").number() == 1e-3);
  CHECK(parametric.at("objective").at("value").number() == result.parametric->objective_value);
  CHECK(parametric.at("at_bound").elements().empty());
  CHECK(parametric.at("n_starts_agreeing").integer(1, 1000) > 0);
  for (const char* key : {"E", "A", "B", "alpha", "beta", "a"}) {
    CHECK_NOTHROW(parametric.at("intervals").at(key).elements(2));
    CHECK_NOTHROW(parametric.at("standard_errors").at(key).positive());
  }
  const auto basins = parametric.at("basins").elements();
  REQUIRE(!basins.empty());
  CHECK(basins[0].at("objective").number() == result.parametric->objective_value);
  CHECK(basins[0].at("n_starts").integer(1, 1000) == result.parametric->n_starts_agreeing);
  CHECK(parametric.at("gradient_norm").number() < 1e-3);
  CHECK(parametric.at("condition_number").number() > 1);
  CHECK(parametric.at("correlation").elements(5)[4].elements(5)[4].number() == Approx(1));
  const SurfaceDiagnostics& diagnostics = *result.parametric->diagnostics;
  for (const char* key : {"E", "a"}) {
    CHECK_NOTHROW(parametric.at("profile").at(key).elements(2));
    CHECK_NOTHROW(parametric.at("identified").at(key).boolean());
  }
  CHECK(parametric.at("profile").at("a").elements(2)[1].number() ==
        diagnostics.profile_a.interval.high);
  const auto deltas = parametric.at("objective_sensitivity").elements(4);
  CHECK(deltas[0].at("delta").number() == 1e-4);
  CHECK(deltas[3].at("alpha").number() == diagnostics.objective_sensitivity[3].law.alpha);
  CHECK(parametric.at("n_bootstrap").integer(0, 100) == 20);
  CHECK(parametric.at("n_bootstrap_failed").integer(0, 100) == 0);
}

TEST_CASE("hold-out rows name method, ratio and both errors") {
  const Json document = parse_json(to_json(noisy_fit()), "answer");
  const auto rows = JsonReader(document, "answer").at("holdout").elements();
  REQUIRE(rows.size() == 9);
  CHECK(rows[0].at("method").string() == "isoflop");
  CHECK(rows[1].at("method").string() == "parametric");
  CHECK(rows[2].at("method").string() == "posterior");
  CHECK(rows[0].at("dropped").integer(1, 1) == 1);
  CHECK(rows[0].at("ratio").number() == Approx(std::sqrt(10.0)));
  CHECK(rows[3].at("dropped").integer(2, 2) == 2);
  CHECK(rows[3].at("ratio").number() == Approx(10));
  for (const JsonReader& row : rows) {
    CHECK_NOTHROW(row.at("compute").positive());
    CHECK_NOTHROW(row.at("scale_error").number());
    CHECK_NOTHROW(row.at("tokens_error").number());
    CHECK_NOTHROW(row.at("loss_error").number());
  }
}

TEST_CASE("the summary of hold-outs gives worst and median errors by method") {
  const Fit result = noisy_fit();
  const Json document = parse_json(to_json(result), "answer");
  const JsonReader summary = JsonReader(document, "answer").at("holdout_summary");
  for (const char* method : {"isoflop", "parametric", "posterior"}) {
    for (const char* part : {"worst", "median_per_decade"}) {
      for (const char* key : {"scale_error", "tokens_error", "loss_error"}) {
        CHECK_NOTHROW(summary.at(method).at(part).at(key).number());
      }
    }
    CHECK(summary.at(method).at("n_scores").integer(3, 3) == 3);
    CHECK(summary.at(method).at("largest_ratio").number() == Approx(10));
  }
  CHECK(summary.at("isoflop").at("worst").at("scale_error").number() ==
        result.holdout_summary[0].worst.scale);
}

TEST_CASE("targets give each quantity by each estimator, the light and what a miss costs") {
  FitOptions options{.scale = LossLaw::Scale::params, .n_bootstrap = 20};
  options.targets = {2e21};
  options.compute_rate = ComputeRate{.gpu_peak_flops = 989e12, .mfu = 0.4, .price_per_gpu_hour = 2};
  const test::SweepOracle oracle{.surface = test::epoch_surface(),
                                 .budgets = test::geometric_budgets(1e18, std::sqrt(10.0), 5),
                                 .noise = 0.002};
  const Fit result = fit(oracle.points(), options);
  const Json document = parse_json(to_json(result), "answer");
  const auto targets = JsonReader(document, "answer").at("targets").elements(1);
  const JsonReader& target = targets[0];
  CHECK(target.at("compute").number() == 2e21);
  CHECK(target.at("ratio").number() == Approx(20));
  CHECK(target.at("light").string() == to_string(result.targets[0].light));
  for (const char* quantity : {"scale", "tokens", "loss"}) {
    for (const char* method : {"isoflop", "parametric"}) {
      INFO(quantity << " " << method);
      const JsonReader value = target.at(quantity).at(method);
      CHECK(value.at("low").number() <= value.at("value").number());
      CHECK(value.at("high").number() >= value.at("value").number());
    }
  }
  CHECK(target.at("scale").at("value").number() == result.targets[0].scale.value);
  CHECK_NOTHROW(target.at("disagreement").number());
  for (const char* penalty : {"overestimate_penalty", "underestimate_penalty"}) {
    for (const char* key :
         {"size_ratio", "excess_loss", "wasted_share", "wasted_compute", "gpu_hours", "price"}) {
      CHECK_NOTHROW(target.at(penalty).at(key).positive());
    }
  }
  const auto flat = target.at("flat").elements(2);
  CHECK(flat[0].at("excess").number() == 0.001);
  CHECK(flat[0].at("low").number() < flat[0].at("high").number());
}

TEST_CASE("the allocation has a bootstrap interval, and every interval its worth in runs") {
  const Json document = parse_json(to_json(noisy_fit()), "answer");
  const JsonReader json(document, "answer");
  const JsonReader bootstrap = json.at("allocation").at("bootstrap");
  for (const char* part : {"scale", "tokens"}) {
    CHECK(bootstrap.at(part).at("low").number() < bootstrap.at(part).at("high").number());
  }
  CHECK(bootstrap.at("n_resamples").integer(20, 20) == 20);
  CHECK_NOTHROW(bootstrap.at("n_failed").integer(0, 20));
  CHECK_FALSE(bootstrap.at("by_trunk").boolean());
  const JsonReader size = json.at("sample_size");
  CHECK(size.at("n_runs").integer(45, 45) == 45);
  CHECK(size.at("n_independent").integer(45, 45) == 45);
  CHECK(size.at("effective").number() == Approx(45));
  CHECK_NOTHROW(size.at("detectable_difference").positive());
  const auto intervals = size.at("intervals").elements(5);
  for (const JsonReader& interval : intervals) {
    CHECK_NOTHROW(interval.at("of").string());
    CHECK_NOTHROW(interval.at("interval").elements(2));
    CHECK_NOTHROW(interval.at("noise_width").positive());
    CHECK_NOTHROW(interval.at("runs_needed").positive());
    CHECK(interval.at("runs_to_halve").number() == 135);
  }
}

TEST_CASE("parts that were not fitted are absent") {
  PointSet points;
  points.frame.dataset = "two points";
  for (const double size : {1e6, 2e6}) {
    Point point;
    point.flops_per_token = size;
    point.tokens = 1e7;
    point.loss = 3;
    points.points.push_back(point);
  }
  const Json document = parse_json(to_json(fit(points)), "answer");
  const JsonReader json(document, "answer");
  CHECK_FALSE(json.find("parametric"));
  CHECK_FALSE(json.find("hyper"));
  CHECK_FALSE(json.find("frontier"));
  CHECK_FALSE(json.at("allocation").find("scale"));
  CHECK(json.at("allocation").at("n_valleys").integer(0, 9) == 0);
  CHECK(json.at("holdout").elements().empty());
}

TEST_CASE("hyper-parameter laws have the contract's keys") {
  Fit result;
  result.hyper.emplace();
  result.hyper->peak_lr_nd = HyperLawNd::Form{1.79, -0.713, 0.307};
  result.hyper->batch_tokens_d = HyperLawNd::Form{0.58, 0, 0.571};
  result.hyper->batch_tokens.law = {0.2920, 0.3271};
  result.hyper->batch_tokens.status = FitStatus::ok;
  const Json document = parse_json(to_json(result), "answer");
  const JsonReader hyper = JsonReader(document, "answer").at("hyper");
  CHECK(hyper.at("band").number() == 0.0025);
  for (const char* key : {"coefficient", "exponent", "low", "high", "residual_sd"}) {
    CHECK_NOTHROW(hyper.at("batch_tokens").at(key).number());
  }
  CHECK(hyper.at("peak_lr_nd").at("exponent_params").number() == -0.713);
  CHECK(hyper.at("peak_lr_nd").at("exponent_tokens").number() == 0.307);
  CHECK(hyper.at("batch_tokens_d").at("exponent_tokens").number() == 0.571);
  CHECK_NOTHROW(hyper.at("batch_tokens_d").at("residual_sd").number());
}
