// SPDX-License-Identifier: Apache-2.0
#include "fit/json_parts.h"

namespace isoflop {
namespace {

Json cell_json(const HyperCell& cell) {
  return Json::object({{"budget", cell.budget},
                       {"compute", cell.compute},
                       {"params", cell.params},
                       {"tokens", cell.tokens},
                       {"best", cell.best_metric},
                       {"batch_tokens", cell.batch_tokens},
                       {"peak_lr", cell.peak_lr},
                       {"n_runs", cell.n_runs},
                       {"n_near_optimal", cell.n_near_optimal},
                       {"batch_at_edge", cell.batch_at_edge},
                       {"peak_lr_at_edge", cell.peak_lr_at_edge}});
}

}  // namespace

Json hyper_json(const HyperFit& fit) {
  Json json = Json::object({{"band", fit.band},
                            {"batch_tokens", power_law_json(fit.batch_tokens)},
                            {"peak_lr", power_law_json(fit.peak_lr)}});
  if (fit.peak_lr_nd) {
    json.set("peak_lr_nd", Json::object({{"coefficient", fit.peak_lr_nd->coefficient},
                                         {"exponent_params", fit.peak_lr_nd->exponent_params},
                                         {"exponent_tokens", fit.peak_lr_nd->exponent_tokens},
                                         {"residual_sd", fit.peak_lr_nd_residual_sd}}));
  }
  if (fit.batch_tokens_d) {
    json.set("batch_tokens_d",
             Json::object({{"coefficient", fit.batch_tokens_d->coefficient},
                           {"exponent_tokens", fit.batch_tokens_d->exponent_tokens},
                           {"residual_sd", fit.batch_tokens_d_residual_sd}}));
  }
  json.set_if("noise", fit.noise);
  json.set("n_cells", fit.n_cells).set("n_near_optimal", fit.n_near_optimal);
  Json cells = Json::array();
  for (const HyperCell& cell : fit.cells) cells.push_back(cell_json(cell));
  return json.set("cells", cells);
}

}  // namespace isoflop
