// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <map>
#include <utility>

#include "fit/surface/loss_law_fit.h"
#include "fit/surface/trust_formulas.h"
#include "fit/surface/trust_problems.h"
#include "stats/nonlinear_fit.h"
#include "support/catch.h"

namespace isoflop::test {
namespace {

NonlinearFit solve(const CurveModel& model, const Problem& problem,
                   std::vector<ParameterVector> starts) {
  NonlinearOptions options;
  options.low = ParameterVector::Constant(model.n_params(), -1e12);
  options.high = ParameterVector::Constant(model.n_params(), 1e12);
  options.starts = std::move(starts);
  return fit_nonlinear(model, problem.observations, options);
}

struct Score {
  double parameters, rss, errors;
  [[nodiscard]] double least() const { return std::min({parameters, rss, errors}); }
  [[nodiscard]] double sum() const { return parameters + rss + errors; }
};

Score score_of(const NonlinearFit& fit, const Problem& problem) {
  return {least_digits(fit.theta, problem.certified), digits(fit.value, problem.rss),
          least_digits(fit.standard_errors, problem.errors)};
}

}  // namespace

TEST_CASE("nonlinear least squares agrees with certified answers to 9.4 digits on average") {
  const auto models = trust_models();
  std::vector<Problem> problems = read_problems();
  std::erase_if(problems, [](const Problem& problem) { return problem.level == "form"; });
  REQUIRE(problems.size() == models.size());
  double sum = 0;
  double count = 0;
  int n_elsewhere = 0;
  std::printf("%-18s %-8s %-5s %10s %6s %6s\n", "problem", "level", "start", "parameters", "rss",
              "errors");
  for (const Problem& problem : problems) {
    const CurveModel& model = *models.at(problem.name);
    const std::map<std::string, std::vector<ParameterVector>> starts = {
        {"near", {problem.near}}, {"far", {problem.far}}, {"both", {problem.near, problem.far}}};
    for (const auto& [name, from] : starts) {
      const NonlinearFit fit = solve(model, problem, from);
      const Score score = score_of(fit, problem);
      INFO(problem.name << " " << name);
      CHECK(fit.converged);
      if (name == "both") {
        CHECK(score.least() > 8);
        continue;
      }
      std::printf("%-18s %-8s %-5s %10.1f %6.1f %6.1f\n", problem.name.c_str(),
                  problem.level.c_str(), name.c_str(), score.parameters, score.rss, score.errors);
      if (score.least() < 8) ++n_elsewhere;
      sum += score.sum();
      count += 3;
    }
  }
  std::printf("average correct digits %.2f\n", sum / count);
  // Counted with 0 digits: the near start of rational_3_3 has a pole among its points, and from the
  // far one of kaplan_surface the objective falls towards infinity. Every method of SciPy's
  // least_squares ends elsewhere from the first, two of three from the second.
  CHECK(n_elsewhere <= 2);
  CHECK(sum / count >= 9.4);
}

TEST_CASE("the surface's own engine agrees with the certified least squares") {
  for (const Problem& problem : read_problems()) {
    if (problem.name != "loss_surface") continue;
    std::vector<LossSample> samples;
    for (const Observation& point : problem.observations) {
      samples.push_back({.size = point.x[0], .tokens = point.x[1], .loss = point.y});
    }
    const ParametricFit fit = fit_loss_law(samples, {.objective = ObjectiveKind::mse});
    ParameterVector found(5);
    found << fit.law.irreducible, fit.law.a, fit.law.b, fit.law.alpha, fit.law.beta;
    const double theta = least_digits(found, problem.certified);
    const double rss = digits(fit.objective_value, problem.rss);
    std::printf("%-18s %-8s %-5s %10.1f %6.1f\n", "loss_surface", "engine", "none", theta, rss);
    CHECK(theta > 5);
    CHECK(rss > 9.4);
  }
}

}  // namespace isoflop::test
