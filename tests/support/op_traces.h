// SPDX-License-Identifier: Apache-2.0
// Whether what is not finite shows.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "support/catch.h"
#include "support/op_cases.h"

namespace isoflop::test {

inline std::int64_t n_not_finite(const std::vector<OpOutput>& outputs) {
  std::int64_t n = 0;
  for (const OpOutput& output : outputs)
    if (!output.is_input)
      n += std::count_if(output.got.begin(), output.got.end(),
                         [](double x) { return !std::isfinite(x); });
  return n;
}

/// A value planted in an input that matters must leave a trace in what the operation writes.
inline void check_shows(Backend& backend, const OpCase& op, const Plant& plant,
                        std::int64_t usual) {
  if (!op.matters(plant.input, static_cast<std::int64_t>(plant.at))) return;
  if (n_not_finite(op.run(backend, &plant)) <= usual)
    FAIL_CHECK(backend.name() << ", " << (op.storage == DType::bf16 ? "bf16" : "f32") << ", "
                              << op.name << ": " << plant.input << "[" << plant.at
                              << "] = " << plant.value << " is lost");
}

}  // namespace isoflop::test
