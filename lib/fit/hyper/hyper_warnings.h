// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "fit/estimate/words.h"
#include "isoflop/hyper.h"
#include "isoflop/valley.h"

namespace isoflop {

void warn_of_hyper(const HyperFit& hyper, Words& warnings);
void warn_of_rate_at_batch(const RateAtBatchFit& fit, Words& warnings);
void warn_of_weight_decay(const WeightDecayFit& fit, Words& warnings);
void warn_of_given_settings(const GivenSettings& given, Words& warnings);
/// Bounds of what mistuning did to minima, each found among `valleys` by its budget.
void warn_of_mistuning(std::span<const Mistuning> bounds, std::span<const Valley> valleys,
                       Words& warnings);

}  // namespace isoflop
