// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "stats/curve_model.h"
#include "support/catch.h"

namespace isoflop::test {

/// One problem of trust_problems.txt, its answers to 20 digits.
struct Problem {
  std::string name, level;
  ParameterVector near, far, certified, errors;
  double rss = 0;
  std::vector<Observation> observations;
};

inline ParameterVector read_vector(std::istream& in, const std::string& word, int n) {
  std::string found;
  in >> found;
  REQUIRE(found == word);
  ParameterVector values(n);
  for (double& value : values) in >> value;
  return values;
}

inline std::vector<Problem> read_problems() {
  std::ifstream file(std::string(ISOFLOP_SOURCE_DIR) + "/tests/fit/surface/trust_problems.txt");
  REQUIRE(file);
  std::vector<Problem> problems;
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind("problem ", 0) != 0) continue;
    Problem problem;
    std::string word;
    int n_params = 0;
    std::size_t n_points = 0;
    std::size_t n_inputs = 0;
    std::istringstream(line) >> word >> problem.name >> problem.level >> n_params >> n_points >>
        n_inputs;
    problem.near = read_vector(file, "near", n_params);
    problem.far = read_vector(file, "far", n_params);
    problem.certified = read_vector(file, "certified", n_params);
    problem.errors = read_vector(file, "errors", n_params);
    problem.rss = read_vector(file, "rss", 1)[0];
    problem.observations.resize(n_points);
    for (Observation& point : problem.observations) {
      for (std::size_t i = 0; i < n_inputs; ++i) file >> point.x[i];
      file >> point.y;
    }
    REQUIRE(file);
    problems.push_back(problem);
  }
  return problems;
}

/// Correct digits, at most the 11 that NIST certifies.
inline double digits(double found, double certified) {
  const double error = std::abs(found - certified) / std::abs(certified);
  if (!(error < 1)) return 0;
  return std::min(11.0, -std::log10(std::max(error, 1e-300)));
}

inline double least_digits(const ParameterVector& found, const ParameterVector& certified) {
  double least = 11;
  for (Eigen::Index i = 0; i < found.size(); ++i) {
    least = std::min(least, digits(found[i], certified[i]));
  }
  return least;
}

}  // namespace isoflop::test
