// SPDX-License-Identifier: Apache-2.0
#include "stats/resampling.h"

#include <algorithm>
#include <map>

namespace isoflop {

std::vector<RunUnit> trunk_units(std::span<const std::string> trunks) {
  std::vector<RunUnit> units;
  std::map<std::string, std::size_t> unit_of_trunk;
  for (std::size_t i = 0; i < trunks.size(); ++i) {
    const auto [entry, is_new] = unit_of_trunk.try_emplace(trunks[i], units.size());
    if (is_new || trunks[i].empty()) {
      units.push_back({i});
    } else {
      units[entry->second].push_back(i);
    }
  }
  return units;
}

Strata strata_of(std::span<const std::string> trunks, std::span<const std::int64_t> stratum) {
  const auto is_named = [](const std::string& trunk) { return !trunk.empty(); };
  if (std::any_of(trunks.begin(), trunks.end(), is_named)) return {trunk_units(trunks)};
  std::map<std::int64_t, std::vector<RunUnit>> strata;
  for (std::size_t i = 0; i < stratum.size(); ++i) strata[stratum[i]].push_back({i});
  Strata result;
  for (auto& [id, units] : strata) result.push_back(std::move(units));
  return result;
}

}  // namespace isoflop
