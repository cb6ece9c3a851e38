// SPDX-License-Identifier: Apache-2.0
#include "fit/forms/form_fit.h"

#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "fit/surface/loss_law_fit.h"
#include "isoflop/fit.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"

namespace isoflop::test {
namespace {

/// Sizes x tokens with losses of `formula` (size, tokens, unique tokens).
template <class Formula>
std::vector<Sample> planted(Formula formula, double noise = 0, double unique = 0) {
  std::vector<Sample> samples;
  const Rng rng(7);
  std::uint64_t draw = 0;
  for (int i = 0; i < 7; ++i) {
    for (int j = 0; j < 6; ++j) {
      Sample sample;
      sample.scale = 1e7 * std::pow(3.0, i);
      sample.tokens = 1e9 * std::pow(3.0, j);
      sample.compute = 6 * sample.scale * sample.tokens;
      if (unique > 0) sample.unique_tokens = unique;
      sample.metric =
          formula(sample.scale, sample.tokens, unique) * (1 + noise * rng.normal(draw++));
      samples.push_back(sample);
    }
  }
  return samples;
}

FormFit fit_one(const std::vector<Sample>& samples, const std::string& name,
                FormOptions options = {}) {
  const std::vector<std::string> names = {name};
  return fit_forms(samples, names, options).front();
}

void check_values(const FormFit& fit, const std::vector<double>& truth, double tolerance) {
  REQUIRE(fit.usable());
  REQUIRE(fit.values.size() == truth.size());
  for (std::size_t i = 0; i < truth.size(); ++i) {
    INFO(fit.name << " " << fit.parameters[i]);
    CHECK(std::abs(fit.values[i] / truth[i] - 1) < tolerance);
  }
}

double sum_of(double n, double d, double) {
  return 1.8 + 480 * std::pow(n, -0.35) + 2000 * std::pow(d, -0.37);
}

}  // namespace

TEST_CASE("every form finds its own planted truth") {
  check_values(fit_one(planted(sum_of), "chinchilla"), {1.8, 480, 2000, 0.35, 0.37}, 1e-6);
  const auto kaplan = [](double n, double d, double) {
    return std::pow(std::pow(6.4e13 / n, 0.076 / 0.103) + 1.8e13 / d, 0.103);
  };
  check_values(fit_one(planted(kaplan), "kaplan"), {6.4e13, 1.8e13, 0.076, 0.103}, 1e-6);
  const auto overtrained = [](double n, double d, double) {
    const double m = d / n;
    const double c = 6 * n * d;
    return 1.7 + (30 * std::pow(m, 0.17) + 300 * std::pow(m, -0.17)) * std::pow(c, -0.17);
  };
  check_values(fit_one(planted(overtrained), "overtraining"), {1.7, 30, 300, 0.17}, 1e-6);
  const auto interacting = [](double n, double d, double) {
    return 1.6 + 300 * std::pow(n, -0.33) +
           40 * std::pow(n, 0.2) * std::pow(d, -0.2 - 0.01 * std::log(n));
  };
  check_values(fit_one(planted(interacting), "interaction"), {1.6, 300, 40, 0.33, 0.2, 0.2, 0.01},
               1e-4);
}

TEST_CASE("the data-constrained form finds the half-lives of repeated data and excess size") {
  const double a = 521;
  const double b = 1488;
  const double alpha = 0.36;
  const double beta = 0.34;
  const auto constrained = [&](double n, double d, double unique) {
    const double u = std::min(d, unique);
    const double d_eff = u + u * 15.39 * (1 - std::exp(-(d / u - 1) / 15.39));
    const double best = std::pow(alpha * a / (beta * b), 1 / alpha) * std::pow(u, beta / alpha);
    const double un = std::min(n, best);
    const double n_eff = un + un * 5.31 * (1 - std::exp(-(n / un - 1) / 5.31));
    return 1.87 + a * std::pow(n_eff, -alpha) + b * std::pow(d_eff, -beta);
  };
  check_values(fit_one(planted(constrained, 0, 8e9), "data_constrained"),
               {1.87, a, b, alpha, beta, 15.39, 5.31}, 1e-4);
  CHECK_FALSE(fit_one(planted(sum_of), "data_constrained").not_fitted.empty());
}

TEST_CASE("the bounded form is the sum where it is small and never exceeds its bound") {
  const double bound = std::log(256.0);
  const auto bounded = [&](double n, double d, double) {
    const double s = 480 * std::pow(n, -0.3) + 2000 * std::pow(d, -0.3);
    return 1.8 + s / std::sqrt(1 + s * s / ((bound - 1.8) * (bound - 1.8)));
  };
  const std::vector<Sample> samples = planted(bounded);
  const FormFit fit = fit_one(samples, "bounded", {.upper_bound = bound});
  check_values(fit, {1.8, 480, 2000, 0.3, 0.3}, 1e-6);
  CHECK_FALSE(fit_one(samples, "bounded").not_fitted.empty());

  const FormContext context = form_context(samples, 1, bound);
  const auto model = surface_form("bounded").model(context);
  ParameterVector theta(5);
  theta << 1.8, 1e5, 1e5, 0.3, 0.3;
  CHECK(model->value({0, 0, 0, 0}, theta) <= bound);
  theta << 1.8, 1e-5, 2e-5, 0.3, 0.3;
  CHECK(std::abs(model->value({0, 0, 0, 0}, theta) - (1.8 + 3e-5)) < 1e-13);
}

TEST_CASE("the general solver and the surface's own engine find one optimum") {
  const std::vector<Sample> samples = planted(sum_of, 0.01);
  std::vector<LossSample> points;
  for (const Sample& s : samples) {
    points.push_back({.size = s.scale, .tokens = s.tokens, .loss = s.metric});
  }
  for (const ObjectiveKind kind :
       {ObjectiveKind::huber_log, ObjectiveKind::huber, ObjectiveKind::mse}) {
    const ParametricFit engine = fit_loss_law(points, {.objective = kind});
    const FormFit general = fit_one(samples, "chinchilla", {.objective = kind});
    INFO(to_string(kind));
    CHECK(std::abs(general.objective_value / engine.objective_value - 1) < 1e-9);
  }
}

TEST_CASE("lack of fit is told where an interaction is planted, and only there") {
  const auto interacting = [](double n, double d, double) {
    return 1.6 + 300 * std::pow(n, -0.33) +
           4000 * std::pow(d, -0.38 - 0.03 * std::log(n / 3e8)) * std::pow(n / 3e8, 0.7);
  };
  const auto without = lack_of_fit(planted(sum_of, 0.003), {});
  const auto with = lack_of_fit(planted(interacting, 0.003), {});
  REQUIRE(without);
  REQUIRE(with);
  CHECK(without->p > 0.05);
  CHECK(with->p < 1e-4);
  CHECK(with->dof_residual == 42 - 7);
}

TEST_CASE("a fit warns of lack of fit and reports the forms asked for") {
  const auto interacting = [](double n, double d, double) {
    return 1.6 + 300 * std::pow(n, -0.33) +
           4000 * std::pow(d, -0.38 - 0.03 * std::log(n / 3e8)) * std::pow(n / 3e8, 0.7);
  };
  const auto fit_of = [](const std::vector<Sample>& samples) {
    PointSet set;
    for (const Sample& sample : samples) {
      Point point;
      point.params = sample.scale;
      point.tokens = sample.tokens;
      point.loss = sample.metric;
      set.points.push_back(point);
    }
    FitOptions options;
    options.scale = LossLaw::Scale::params;
    options.n_bootstrap = 0;
    options.forms = {"kaplan", "bounded"};
    return fit(set, options);
  };
  const auto warned = [](const Fit& result) {
    return std::any_of(result.warnings.begin(), result.warnings.end(), [](const auto& warning) {
      return warning.find("Lack of fit") != std::string::npos;
    });
  };
  const Fit with = fit_of(planted(interacting, 0.003));
  CHECK(warned(with));
  CHECK_FALSE(warned(fit_of(planted(sum_of, 0.003))));
  REQUIRE(with.forms.size() == 2);
  CHECK(with.forms[0].usable());
  CHECK_FALSE(with.forms[1].not_fitted.empty());
  const std::string json = to_json(with);
  CHECK_THAT(json, Catch::Contains("\"lack_of_fit\""));
  CHECK_THAT(json, Catch::Contains("\"alpha_N\""));
}

TEST_CASE("the target's split is the closed form's where there is one") {
  const FormFit fit = fit_one(planted(sum_of), "chinchilla");
  REQUIRE(fit.target);
  const LossLaw law{.irreducible = 1.8,
                    .a = 480,
                    .alpha = 0.35,
                    .b = 2000,
                    .beta = 0.37,
                    .scale = LossLaw::Scale::params};
  const SweepOracle oracle{.surface = law, .budgets = {}};
  CHECK(std::abs(fit.target->scale_opt / oracle.optimum(fit.target->compute) - 1) < 1e-5);
  CHECK(std::abs(fit.target->scale_exponent - 0.37 / 0.72) < 1e-6);
  REQUIRE(fit.holdout_error);
  CHECK(*fit.holdout_error < 1e-6);
}

TEST_CASE("an unknown form is an error that names the known ones") {
  CHECK_THROWS_WITH(surface_form("kaplna"), Catch::Contains("kaplan"));
}

}  // namespace isoflop::test
