// SPDX-License-Identifier: Apache-2.0
#include "fit/interval/linearised_surface.h"

#include <cmath>

namespace isoflop {

Linearised linearise(const LossLaw& law, std::span<const Sample> samples) {
  const auto n = static_cast<Eigen::Index>(samples.size());
  Linearised result{Eigen::MatrixXd(n, 5), Eigen::VectorXd(n), Eigen::VectorXd(n)};
  for (const Sample& sample : samples) {
    result.mean_log_size += std::log(sample.scale) / static_cast<double>(n);
    result.mean_log_tokens += std::log(sample.tokens) / static_cast<double>(n);
  }
  for (Eigen::Index i = 0; i < n; ++i) {
    const Sample& sample = samples[static_cast<std::size_t>(i)];
    const double loss = law(sample.scale, sample.tokens);
    const double of_size = law.a * std::pow(sample.scale, -law.alpha) / loss;
    const double of_tokens = law.b * std::pow(sample.tokens, -law.beta) / loss;
    result.jacobian.row(i) << 1 / loss, of_size, of_tokens,
        -of_size * (std::log(sample.scale) - result.mean_log_size),
        -of_tokens * (std::log(sample.tokens) - result.mean_log_tokens);
    result.slide[i] = law.alpha * of_size - law.beta * of_tokens;
    result.residual[i] = std::log(sample.metric / loss);
  }
  return result;
}

}  // namespace isoflop
