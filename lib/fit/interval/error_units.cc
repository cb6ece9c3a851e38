// SPDX-License-Identifier: Apache-2.0
// Sizes: of least-squares residuals, the squares between sizes over G - 3 (E, A and alpha are read
// off them) and those within over n - G - 2 (B and beta), by F. Sweeps whose budgets have sizes of
// their own leave nothing within to test by.
#include "fit/interval/error_units.h"

#include <cmath>
#include <map>
#include <string>

#include "stats/distributions.h"
#include "stats/linear_algebra.h"

namespace isoflop {
namespace {

constexpr double kAgreement = 0.01;  // of p
constexpr double kFewestWithin = 5;  // degrees of freedom

std::vector<RunUnit> units_by_size(std::span<const Sample> samples) {
  std::map<double, RunUnit> by_size;
  for (std::size_t i = 0; i < samples.size(); ++i) by_size[samples[i].scale].push_back(i);
  std::vector<RunUnit> units;
  for (auto& [size, unit] : by_size) {
    const bool is_new =
        units.empty() || !same_scale(samples[units.back().front()], samples[unit.front()]);
    if (is_new) {
      units.push_back(std::move(unit));
    } else {
      units.back().insert(units.back().end(), unit.begin(), unit.end());
    }
  }
  return units;
}

double p_of_agreement(const Linearised& line, const std::vector<RunUnit>& sizes) {
  const auto n = static_cast<double>(line.residual.size());
  const auto between = static_cast<double>(sizes.size()) - 3;
  const double within = n - static_cast<double>(sizes.size()) - 2;
  if (between < 1 || within < kFewestWithin) return 1;
  const Eigen::MatrixXd basis = column_space(line.jacobian);
  const Eigen::VectorXd left = line.residual - basis * (basis.transpose() * line.residual);
  double squares_between = 0;
  for (const RunUnit& size : sizes) {
    double sum = 0;
    for (const std::size_t i : size) sum += left[static_cast<Eigen::Index>(i)];
    squares_between += sum * sum / static_cast<double>(size.size());
  }
  const double squares_within = left.squaredNorm() - squares_between;
  if (!(squares_within > 0)) return squares_between > 0 ? 0 : 1;
  return f_upper_tail(squares_between / between / (squares_within / within), between, within);
}

}  // namespace

ErrorUnits error_units(const Linearised& line, std::span<const Sample> samples) {
  std::vector<std::string> trunks;
  for (const Sample& sample : samples) trunks.push_back(sample.trunk);
  ErrorUnits result{.units = trunk_units(trunks)};
  if (result.units.size() < samples.size()) {
    result.dependence = Dependence::trunk;
    return result;
  }
  std::vector<RunUnit> sizes = units_by_size(samples);
  result.p_of_sizes = p_of_agreement(line, sizes);
  if (result.p_of_sizes < kAgreement) {
    result.units = std::move(sizes);
    result.dependence = Dependence::size;
  }
  return result;
}

}  // namespace isoflop
