// SPDX-License-Identifier: Apache-2.0
#include "fit/forms/forms_warnings.h"

#include "base/text.h"
#include "fit/forms/form_fit.h"

namespace isoflop {
void warn_of_forms(const std::optional<LackOfFit>& lack_of_fit, std::span<const FormFit> forms,
                   Words& warnings) {
  if (lack_of_fit && lack_of_fit->p < kLackOfFitLevel) {
    warnings.push_back("Lack of fit: E + A/N^alpha + B/D^beta is not what these points follow (F " +
                       rounded_text(lack_of_fit->f, 3) + ", p " + rounded_text(lack_of_fit->p, 2) +
                       " against a data exponent that varies with N); its extrapolations are "
                       "off by more than its intervals say; compare --forms all.");
  }
  for (const FormFit& form : forms) {
    if (!form.not_fitted.empty()) {
      warnings.push_back("Form " + form.name + " was not fitted: " + form.not_fitted + ".");
    } else if (!form.usable()) {
      warnings.push_back("Form " + form.name + " did not converge; its numbers are no optimum.");
    } else if (!form.at_bound.empty()) {
      warnings.push_back("Form " + form.name + ": " + join(form.at_bound, ", ") +
                         " at the bound; the points do not identify it.");
    }
  }
}

void warn_of_repetition(const Repetition& repetition, Words& warnings) {
  const std::string runs = std::to_string(repetition.n_repeated) + " runs repeat data: ";
  if (!repetition.is_used) {
    warnings.push_back(runs +
                       "the surface counts their tokens as fresh, since discounting them describes "
                       "the points no better.");
    return;
  }
  if (repetition.damage_is_used) {
    const std::vector<double>& values = repetition.damage.values;
    warnings.push_back(runs + "each further pass adds to their loss, " +
                       rounded_text(values[5], 3) + " R^" + rounded_text(values[6], 3) + " (N/U)^" +
                       rounded_text(values[7], 3) +
                       " for R passes beyond the first over U unique tokens; the surface is that "
                       "of losses without it, its optima are for fresh data.");
    return;
  }
  const std::vector<double>& values = repetition.form.values;
  warnings.push_back(runs +
                     "in the surface their tokens, and sizes too large for them, count for what "
                     "they are worth (arXiv:2305.16264, R_D " +
                     rounded_text(values[5], 3) + ", R_N " + rounded_text(values[6], 3) +
                     "); its optima are for fresh data.");
}

}  // namespace isoflop
