// SPDX-License-Identifier: Apache-2.0
#include "isoflop/estimate.h"
#include "isoflop/hyper.h"
#include "isoflop/surface.h"
#include "isoflop/trust.h"
#include "isoflop/valley.h"

namespace isoflop {

std::string_view to_string(FitStatus status) {
  switch (status) {
    case FitStatus::ok:
      return "ok";
    case FitStatus::too_few_points:
      return "too_few_points";
    case FitStatus::not_bracketed:
      return "not_bracketed";
    case FitStatus::not_convex:
      return "not_convex";
    case FitStatus::not_converged:
      return "not_converged";
  }
  return "";
}

std::string_view to_string(ObjectiveKind kind) {
  switch (kind) {
    case ObjectiveKind::huber_log:
      return "huber_log";
    case ObjectiveKind::huber:
      return "huber";
    case ObjectiveKind::mse:
      return "mse";
  }
  return "";
}

std::string_view to_string(ValleyMethod method) {
  switch (method) {
    case ValleyMethod::parabola:
      return "parabola";
    case ValleyMethod::cubic:
      return "cubic";
    case ValleyMethod::akima:
      return "akima";
    case ValleyMethod::parametric:
      return "parametric";
  }
  return "";
}

std::string estimator_name(const std::string& method) {
  if (method == "isoflop") return "laws through minima";
  if (method == "parametric") return "surface";
  return method == "posterior" ? "laws with prior" : method;
}

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
