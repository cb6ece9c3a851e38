// SPDX-License-Identifier: Apache-2.0
#include "fit/anneal/annealing_area.h"

#include "isoflop/forms.h"

namespace isoflop {

std::int64_t warmup_of(std::span<const double> lr) {
  std::size_t i = 0;
  while (i + 1 < lr.size() && lr[i + 1] > lr[i]) ++i;
  return static_cast<std::int64_t>(i);
}

AnnealingAreas annealing_areas(std::span<const double> lr, double lambda) {
  const auto peak = static_cast<std::size_t>(warmup_of(lr));
  AnnealingAreas areas;
  areas.s1.reserve(lr.size());
  areas.s2.reserve(lr.size());
  double s1 = 0;
  double s2 = 0;
  double momentum = 0;
  for (std::size_t i = 0; i < lr.size(); ++i) {
    s1 += lr[i];
    if (i > peak) momentum = lambda * momentum + (lr[i - 1] - lr[i]);
    s2 += momentum;
    areas.s1.push_back(s1);
    areas.s2.push_back(s2);
  }
  return areas;
}

}  // namespace isoflop
