// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "isoflop/report.h"

namespace isoflop::test {

struct DemoOptions {
  std::string dataset = "gcide";
  double n_budgets = 5;
  bool last_bracketed = true;
};

/// A chapter as a sweep would give it: runs on a known surface L(M, D) with a little noise, 9 sizes
/// at each budget from 1e11 FLOPs on by half decades, three grids, two diverged runs; the fit is
/// the surface's own, filled in by hand.
[[nodiscard]] ReportChapter demo_chapter(const DemoOptions& options = {});

}  // namespace isoflop::test
