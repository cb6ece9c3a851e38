// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "isoflop/forms.h"

namespace isoflop {

/// What is known of the plain sum, which the forecast's surface is.
struct PlainSum {
  bool believed = false;  // it has a voice in the forecast
  std::optional<LackOfFit> lack_of_fit;
};

/// Of `forms` and the plain sum, the one that predicted the largest budgets best. Forms fitted to
/// other runs than the sum are not compared, and one whose error is less than 10 % lower than that
/// of the sum is not preferred to it. Nothing where no form but the sum was held against it.
[[nodiscard]] std::optional<FormChoice> choose_form(std::span<const FormFit> forms,
                                                    const FormFit& chinchilla,
                                                    const PlainSum& plain);

}  // namespace isoflop
