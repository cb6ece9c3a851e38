// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "base/text.h"
#include "fit/valley/valley_warnings.h"

namespace isoflop {
namespace {

// Chinchilla's three approaches agree within 0.05 in the exponent.
constexpr double kNotableDifference = 0.05;

}  // namespace

void warn_of_envelope(const EnvelopeFit& envelope, const PowerLawFit& scale_opt, Words& warnings) {
  if (!envelope.usable()) {
    warnings.push_back(
        "Envelope: 3 models must each be the best somewhere between a smaller and a "
        "larger one; of " +
        std::to_string(envelope.n_scales) + " models " + std::to_string(envelope.n_winning_scales) +
        " are.");
    return;
  }
  warnings.emplace_back(
      "Envelope: losses in the middle of a run are not what a run of that length with a decayed "
      "learning rate reaches; where the curves are undecayed, so are the optima.");
  if (envelope.n_bootstrap_failed > envelope.n_bootstrap / 10) {
    warnings.push_back("Envelope: " + std::to_string(envelope.n_bootstrap_failed) + " of " +
                       std::to_string(envelope.n_bootstrap) +
                       " resamples of the runs have no envelope; more models are needed.");
  }
  const double difference = envelope.scale_opt.law.exponent - scale_opt.law.exponent;
  if (scale_opt.usable() && std::abs(difference) > kNotableDifference) {
    warnings.push_back("Envelope: its exponent of the size is " +
                       rounded_text(envelope.scale_opt.law.exponent, 3) + ", that of the valleys " +
                       rounded_text(scale_opt.law.exponent, 3) + ".");
  }
}

}  // namespace isoflop
