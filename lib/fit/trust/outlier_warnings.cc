// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "fit/trust/trust_warnings.h"

namespace isoflop {
namespace {

constexpr std::size_t kNamed = 5;

std::string named(const Outliers& outliers) {
  std::vector<std::string> names;
  for (const Outlier& run : outliers.runs) {
    if (names.size() == kNamed) break;
    const std::string times =
        outliers.scatter > 0 ? ", " + rounded_text(std::abs(run.residual) / outliers.scatter, 2) +
                                   " times the scatter of the others"
                             : "";
    names.push_back(run.label + " (" + percent_text(std::expm1(run.residual)) +
                    (names.empty() ? times : "") + ")");
  }
  return join(names, ", ") + (outliers.runs.size() > kNamed ? ", ..." : "");
}

}  // namespace

void warn_of_outliers(const Outliers& outliers, Words& warnings) {
  const std::size_t n = outliers.runs.size();
  std::string text =
      std::to_string(n) + (n == 1 ? " run lies" : " runs lie") +
      " farther from the surface than the number of runs explains: " + named(outliers) + ".";
  if (outliers.a_without) {
    text += " Without " + std::string(n == 1 ? "it" : "them") + " the surface's exponent a is " +
            rounded_text(*outliers.a_without, 3) + " instead of " + rounded_text(outliers.a, 3) +
            ".";
  }
  warnings.push_back(text +
                     " Look at how they were typed and trained; --skip-outliers leaves out the "
                     "rows with 1 in a column outlier.");
}

}  // namespace isoflop
