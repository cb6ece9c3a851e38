// SPDX-License-Identifier: Apache-2.0
#include "plan/beyond_chance.h"

#include <cmath>

#include "base/text.h"

namespace isoflop {

std::optional<std::string> beyond_chance(const Law& law, const ModelShape& shape,
                                         double predicted) {
  const bool in_nats = law.frame.metric == Metric::loss_nats;
  const double chance = in_nats ? std::log(static_cast<double>(shape.vocab_size)) : 8;
  if (predicted <= chance) return std::nullopt;
  const char* unit = in_nats ? " nats/token" : " bits/byte";
  return "law " + law.id + " predicts " + rounded_text(predicted) + unit +
         ", more than what a model that has learned nothing costs, " + rounded_text(chance) + unit +
         (in_nats ? " with a vocabulary of " + std::to_string(shape.vocab_size) : "") +
         ": it is of other data, or far outside its range";
}

}  // namespace isoflop
