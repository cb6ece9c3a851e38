// SPDX-License-Identifier: Apache-2.0
#include "fit/forms/form_choice.h"

#include "base/text.h"
#include "fit/forms/form_fit.h"

namespace isoflop {
namespace {

// Of the error: a hold-out is a few runs of one or two budgets.
constexpr double kClearlyLower = 0.9;

std::string percent_of(double share) { return rounded_text(100 * share, 3) + " %"; }

/// Why the plain sum has no voice in the forecast.
std::string doubt_of(const PlainSum& plain) {
  return plain.lack_of_fit && plain.lack_of_fit->p < kLackOfFitLevel
             ? "its lack-of-fit test rejects it (p " + rounded_text(plain.lack_of_fit->p, 2) + ")"
             : "its parameters are at a bound or did not converge";
}

std::string reason_for(const FormChoice& choice, const PlainSum& plain) {
  const std::string runs = std::to_string(choice.n_holdout) + " largest runs";
  if (choice.name == "chinchilla") {
    const std::string best = "Fitted without the " + runs +
                             ", no form predicts them clearly better " +
                             "than E + A/N^alpha + B/D^beta (" + percent_of(choice.error) + " rms)";
    return plain.believed
               ? best + ", which is the surface of the forecast."
               : best + "; yet the forecast does without the surface: " + doubt_of(plain) + ".";
  }
  const std::string best = "Fitted without the " + runs + ", " + choice.name +
                           " predicts them best (" + percent_of(choice.error) + " rms, " +
                           percent_of(choice.chinchilla_error) + " by E + A/N^alpha + B/D^beta)";
  const std::string beside =
      "; the forecast does not use it, since only the laws through the minima and the plain sum "
      "have intervals that are calibrated beyond the data";
  return plain.believed
             ? best + beside + ", and the sum passes its lack-of-fit test."
             : best + beside + ", nor the sum: " + doubt_of(plain) + ". Compare its own target.";
}

}  // namespace

std::optional<FormChoice> choose_form(std::span<const FormFit> forms, const FormFit& chinchilla,
                                      const PlainSum& plain) {
  if (!chinchilla.holdout_error) return std::nullopt;
  FormChoice choice;
  choice.name = chinchilla.name;
  choice.error = choice.chinchilla_error = *chinchilla.holdout_error;
  choice.n_holdout = chinchilla.n_holdout;
  bool is_compared = false;
  for (const FormFit& form : forms) {
    const bool same_runs =
        form.n_points == chinchilla.n_points && form.n_holdout == chinchilla.n_holdout;
    if (!form.usable() || !form.holdout_error || !same_runs || form.name == chinchilla.name)
      continue;
    is_compared = true;
    const bool clearly = *form.holdout_error < kClearlyLower * choice.chinchilla_error;
    if (!clearly || *form.holdout_error >= choice.error) continue;
    choice.name = form.name;
    choice.error = *form.holdout_error;
  }
  if (!is_compared) return std::nullopt;
  choice.is_used = choice.name == chinchilla.name && plain.believed;
  choice.reason = reason_for(choice, plain);
  return choice;
}

}  // namespace isoflop
