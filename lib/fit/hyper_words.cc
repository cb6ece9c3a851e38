// SPDX-License-Identifier: Apache-2.0
#include "isoflop/hyper.h"

namespace isoflop {

std::string_view to_string(HyperEstimator estimator) {
  switch (estimator) {
    case HyperEstimator::band:
      return "band";
    case HyperEstimator::band_cells:
      return "band_cells";
    case HyperEstimator::argmin:
      return "argmin";
    case HyperEstimator::surface:
      return "surface";
  }
  return "";
}

std::string_view to_string(Mistuning::Source source) {
  switch (source) {
    case Mistuning::Source::none:
      return "none";
    case Mistuning::Source::probes:
      return "probes";
    case Mistuning::Source::law:
      return "law";
  }
  return "";
}

}  // namespace isoflop
