// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "support/catch.h"
#include "support/cpu_backends.h"
#include "support/op_cases.h"
#include "support/op_traces.h"

namespace isoflop {
namespace {

using test::every_cpu_backend;
using test::kStorages;
using test::Matrix;
using test::name_of;
using test::OpCase;
using test::OpOutput;

using test::check_shows;
using test::n_not_finite;

TEST_CASE("NaN and infinity in any input of any operation show in what it writes") {
  constexpr std::size_t kLarge = 3000;  // elements: such inputs take the code of smaller ones
  for (const DType storage : kStorages)
    for (const auto& backend : every_cpu_backend())
      for (const OpCase& op : test::op_cases(storage)) {
        const std::vector<OpOutput> outputs = op.run(*backend);
        const std::int64_t usual = n_not_finite(outputs);  // the largest of no logits is -inf
        if (std::all_of(outputs.begin(), outputs.end(),
                        [](const OpOutput& o) { return o.is_input || o.got.empty(); }))
          continue;
        for (const auto& input : op.inputs(*backend)) {
          std::uint64_t n_planted = 0;
          for (const double value : {NAN, INFINITY, -INFINITY})
            if (input.size > 0 && input.size <= kLarge)
              check_shows(*backend, op, {input.name, Rng(31).below(input.size, n_planted++), value},
                          usual);
        }
      }
}

TEST_CASE("an infinite key shows even where one query alone sees it") {
  for (const auto& backend : every_cpu_backend())
    for (const OpCase& op : test::op_cases(DType::f32))
      if (op.name == "attention_forward 1 7 2 1 16")
        for (const auto& input : op.inputs(*backend))
          for (std::size_t at = 0; at < input.size; ++at)
            for (const double value : {INFINITY, -INFINITY})
              check_shows(*backend, op, {input.name, at, value}, 0);
}

TEST_CASE("a row whose squares overflow is not normed to zeros") {
  const Matrix x(2, 5, 1e30), gain(1, 5, 1), y(2, 5), inverse_rms(2, 1);
  for (const auto& backend : every_cpu_backend()) {
    test::OpRun run(*backend, DType::f32);
    backend->rmsnorm_forward(run.input("x", x), Tensor{}, run.input("gain", gain), 1e-5f,
                             run.output("y", y), run.output("inverse_rms", inverse_rms));
    CHECK(n_not_finite(run.outputs()) >= x.rows);
  }
}

}  // namespace
}  // namespace isoflop
