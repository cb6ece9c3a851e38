// SPDX-License-Identifier: Apache-2.0
#include "train/network/parametrisation.h"

#include <cmath>

#include "isoflop/error.h"

namespace isoflop {
namespace {

/// y = theta W x as y = V x.
TensorScales absorb(double theta, const TensorScales& scales) {
  return {scales.init_std * theta, scales.learning_rate * theta, scales.epsilon / theta,
          scales.weight_decay / theta};
}

}  // namespace

TensorRole tensor_role(std::string_view name) {
  const auto has = [name](std::string_view part) { return name.find(part) != name.npos; };
  if (has("norm")) return TensorRole::norm;
  if (has("embed_tokens")) return TensorRole::embedding;
  if (has("lm_head")) return TensorRole::head;
  if (has("o_proj") || has("down_proj")) return TensorRole::hidden_out;
  ISOFLOP_CHECK(has("qkv_proj") || has("up_proj"), "a parameter of no known role");
  return TensorRole::hidden_in;
}

TensorScales tensor_scales(const RunSpec& spec, TensorRole role) {
  const auto ratio = [](std::int64_t size, std::int64_t base) {
    return static_cast<double>(size) / static_cast<double>(base);
  };
  const bool standard = spec.parametrisation == Parametrisation::standard;
  const bool with_depth = spec.parametrisation == Parametrisation::complete_p;
  const double m = standard ? 1 : ratio(spec.shape.d_model, spec.base_d_model);
  const double l = with_depth ? ratio(spec.shape.n_layers, spec.base_n_layers) : 1;
  const TensorScales hidden{spec.init_std / std::sqrt(m), 1 / m, 1 / (m * l), m};
  switch (role) {
    case TensorRole::embedding:
      return {spec.init_std, 1, 1 / m, 1};
    case TensorRole::hidden_in:
      return hidden;
    case TensorRole::hidden_out:
      return absorb(1 / l, hidden);
    case TensorRole::head:
      return absorb(1 / m, {spec.init_std, 1, 1 / m, 1});
    case TensorRole::norm:
      break;
  }
  return {0, 1, 1 / (m * l), 0};
}

}  // namespace isoflop
