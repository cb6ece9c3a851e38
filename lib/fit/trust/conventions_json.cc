// SPDX-License-Identifier: Apache-2.0
#include "fit/estimate/value_json.h"
#include "fit/trust/trust_json.h"

namespace isoflop {

Json conventions_json(const ConventionLadder& ladder) {
  Json rows = Json::array();
  for (const ConventionFit& row : ladder.rows) {
    rows.push_back(Json::object({{"convention", to_string(row.convention)},
                                 {"scale", power_law_json(row.scale_opt)},
                                 {"tokens", power_law_json(row.tokens_opt)},
                                 {"surface_a", row.surface_a},
                                 {"compute_spread", row.compute_spread},
                                 {"tokens_per_param_first", row.first_ratio},
                                 {"tokens_per_param_last", row.last_ratio},
                                 {"drift", row.drift}}));
  }
  Json json = Json::object({{"rows", rows}});
  if (ladder.most_constant) json.set("most_constant", to_string(*ladder.most_constant));
  json.set_if("embedding_transition_params", ladder.embedding_transition);
  return json.set("assumed_columns", Json::array_of(ladder.assumed));
}

}  // namespace isoflop
