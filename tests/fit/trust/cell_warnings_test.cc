// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <optional>

#include "fit/trust/trust_warnings.h"
#include "isoflop/fit.h"
#include "support/catch.h"

using namespace isoflop;
using Catch::Matchers::Contains;

namespace {

// The surface of which the best of three rates gives the loss; the others are above it by shares
// that grow against the exponents, as a rate that suits the small models alone does.
double loss(double n, double d) { return 1.7 + 400 / std::pow(n, 0.34) + 2000 / std::pow(d, 0.36); }

PointSet three_rates(double worst_share) {
  PointSet set;
  for (const double n : {1e7, 2e7, 4e7, 8e7, 1.6e8}) {
    for (const double d : {2e8, 6e8, 1.8e9, 5.4e9, 1.62e10}) {
      for (const auto& [rate, share] : {std::pair("0.0003", 0.5), {"0.001", 0.0}, {"0.003", 1.0}}) {
        Point point;
        point.params = n;
        point.tokens = d;
        point.loss = loss(n, d) * (1 + worst_share * share);
        point.label = "row " + std::to_string(set.points.size() + 2);
        point.other = {{"lr", rate}, {"name", point.label}, {"schedule", "cosine"}};
        set.points.push_back(point);
      }
    }
  }
  return set;
}

std::vector<std::string> said_of(const PointSet& points) {
  std::vector<std::string> warnings;
  warn_of_cells(points, warnings);
  return warnings;
}

}  // namespace

TEST_CASE("cells of runs that an unmapped setting drives apart are told, with the column") {
  const std::vector<std::string> warnings = said_of(three_rates(0.24));
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings[0], Contains("25 cells of one size and length hold up to 3 runs each whose "
                                   "losses are up to 24 % apart"));
  CHECK_THAT(warnings[0], Contains("The column lr tells them apart: say what it is (--columns "
                                   "peak_lr=lr), or keep the best run of each."));
  CHECK(said_of(three_rates(0.005)).empty());  // seeds
}

TEST_CASE("the column that tells cells apart may be of any setting, or there may be none") {
  PointSet points = three_rates(0.24);
  for (Point& point : points.points) {
    point.other["weight decay"] = point.other.at("lr");
    point.other.erase("lr");
  }
  CHECK_THAT(said_of(points).at(0),
             Contains("The column weight decay tells them apart: keep the best run of each."));
  for (Point& point : points.points) {
    point.other["Batch Size"] = point.other.at("weight decay");
    point.other.erase("weight decay");
  }
  CHECK_THAT(said_of(points).at(0), Contains("--columns batch_tokens=Batch Size"));
  // A grid of two: neither tells all runs apart alone.
  PointSet grid = points;
  for (Point& point : points.points) {
    point.other["lr"] = "1e-3";
    Point& other = grid.points.emplace_back(point);
    other.other["lr"] = "3e-3";
    *other.loss *= 1.1;
  }
  for (std::size_t i = 0; i < points.points.size(); ++i) grid.points[i].other["lr"] = "1e-3";
  CHECK_THAT(said_of(grid).at(0), Contains("The columns Batch Size, lr tell them apart"));
  for (Point& point : points.points) point.other = {{"name", point.label}};
  CHECK_THAT(said_of(points).at(0), Contains("No column says how they differ"));
}

TEST_CASE("seeds that are stated, and data that was seen again, are no unknown settings") {
  PointSet seeds = three_rates(0.05), repeated = three_rates(0.24);
  for (Point& point : seeds.points) {
    point.seed = point.other.at("lr") == "0.001" ? 1 : point.other.at("lr") == "0.003" ? 2 : 3;
    point.other.erase("lr");
  }
  CHECK(said_of(seeds).empty());
  for (Point& point : repeated.points) point.other["unique_tokens"] = point.other.at("lr");
  CHECK(said_of(repeated).empty());
}

TEST_CASE("where the setting is mapped the best of each cell enters, and how many is known") {
  PointSet points = three_rates(0.24);
  for (Point& point : points.points) point.peak_lr = std::stod(point.other.at("lr"));
  CHECK(said_of(points).empty());
  const Fit result = fit(points, {.scale = LossLaw::Scale::params, .n_bootstrap = 0});
  REQUIRE(result.parametric);
  CHECK(result.n_points == 75);
  CHECK(result.parametric->n_points == 25);
  // 0.36 / (0.34 + 0.36): the losses are exact.
  CHECK(result.parametric->a_exponent == Approx(0.5143).margin(1e-4));
}

TEST_CASE("a size or a length of one value is said") {
  const auto said = [](std::initializer_list<std::pair<double, double>> runs) {
    PointSet points;
    for (const auto& [n, d] : runs) {
      Point& point = points.points.emplace_back();
      point.params = n;
      point.tokens = d;
      point.loss = loss(n, d);
      point.label = "row " + std::to_string(points.points.size() + 1);
    }
    return fit(points, {.scale = LossLaw::Scale::params, .n_bootstrap = 0}).warnings;
  };
  const auto has = [](const std::vector<std::string>& warnings, const std::string& words) {
    return std::any_of(warnings.begin(), warnings.end(),
                       [&](const auto& w) { return w.find(words) != std::string::npos; });
  };
  const auto one_length = said({{1e7, 1e10}, {2e7, 1e10}, {4e7, 1e10}, {8e7, 1e10}, {1.6e8, 1e10}});
  CHECK(has(one_length, "D has one value, 1e+10 tokens"));
  CHECK_FALSE(has(one_length, "N has one value"));
  const auto one_size = said({{1e8, 1e9}, {1e8, 2e9}, {1e8, 4e9}, {1e8, 8e9}, {1e8, 1.6e10}});
  CHECK(has(one_size, "N has one value, 1e+08"));
  CHECK_FALSE(has(one_size, "D has one value"));
}
