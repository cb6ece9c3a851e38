// SPDX-License-Identifier: Apache-2.0
// A program that knows isoflop only as an installed package.
#include <cstdio>

#include "isoflop/law.h"
#include "isoflop/proposal.h"

int main(int, char** argv) {
  for (const isoflop::Law& law : isoflop::load_law_book(argv[1])) {
    if (law.id != "deepseek-llm-2024") continue;
    const isoflop::Proposal proposal =
        isoflop::propose({.compute_budget = isoflop::Flops(8.456e22)}, law);
    std::printf("peak_lr %.6f\n", *proposal.law_peak_lr);
  }
  return 0;
}
