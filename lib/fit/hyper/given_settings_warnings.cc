// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"
#include "fit/hyper/hyper_warnings.h"

namespace isoflop {
namespace {

// Scatter of ln y above which a table of settings follows no law that is worth a line.
constexpr double kNoLaw = 0.5;

void add_law(const std::optional<HyperFormFit>& law, const std::string& name, Words& laws) {
  if (!law || law->residual_sd > kNoLaw) return;
  laws.push_back(name + " = " + rounded_text(law->form.coefficient, 3) + " N^" +
                 rounded_text(law->form.exponent_params, 3) + " D^" +
                 rounded_text(law->form.exponent_tokens, 3));
}

}  // namespace

void warn_of_given_settings(const GivenSettings& given, Words& warnings) {
  Words laws;
  add_law(given.peak_lr_nd, "peak_lr", laws);
  add_law(given.batch_tokens_nd, "batch_tokens", laws);
  if (laws.empty()) return;
  warnings.push_back("The settings that these " + std::to_string(given.n_runs) +
                     " runs were given follow " + join(laws, " and ") +
                     ": laws of the optima if each was tuned; no law that is stored has them.");
}

}  // namespace isoflop
