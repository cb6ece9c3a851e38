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

namespace isoflop {
namespace {

using test::every_cpu_backend;
using test::kStorages;
using test::Matrix;
using test::name_of;
using test::OpCase;
using test::OpOutput;
using test::Plant;

std::int64_t n_not_finite(const std::vector<OpOutput>& outputs) {
  std::int64_t n = 0;
  for (const OpOutput& output : outputs)
    if (!output.is_input)
      n += std::count_if(output.got.begin(), output.got.end(),
                         [](double x) { return !std::isfinite(x); });
  return n;
}

/// Plants `value` at `n_places` of every input of `op`, or at all; each must leave a trace in what
/// the operation writes.
void check_shows(Backend& backend, const OpCase& op, float value, std::size_t n_places) {
  const std::vector<OpOutput> outputs = op.run(backend);
  const std::int64_t usual = n_not_finite(outputs);  // the largest of no logits is -inf
  if (std::all_of(outputs.begin(), outputs.end(),
                  [](const OpOutput& o) { return o.is_input || o.got.empty(); }))
    return;
  for (const auto& input : op.inputs(backend))
    for (std::size_t i = 0; i < std::min(n_places, input.size); ++i) {
      const std::size_t at = n_places < input.size ? Rng(31).below(input.size, i) : i;
      if (!op.matters(input.name, static_cast<std::int64_t>(at))) continue;
      if (n_not_finite(op.run(backend, Plant{input.name, at, value})) <= usual)
        FAIL_CHECK(backend.name() << ", " << name_of(op.storage) << ", " << op.name << ": "
                                  << input.name << "[" << at << "] = " << value << " is lost");
    }
}

TEST_CASE("NaN and infinity in any input of any operation show in what it writes") {
  for (const DType storage : kStorages)
    for (const auto& backend : every_cpu_backend())
      for (const OpCase& op : test::op_cases(storage))
        for (const float value : {NAN, INFINITY, -INFINITY}) check_shows(*backend, op, value, 3);
}

TEST_CASE("an infinite key shows even where one query alone sees it") {
  for (const auto& backend : every_cpu_backend())
    for (const OpCase& op : test::op_cases(DType::f32))
      if (op.name == "attention_forward 1 7 2 1 16" || op.name == "attention_backward 1 7 2 1 16")
        for (const float value : {INFINITY, -INFINITY}) check_shows(*backend, op, value, 1000);
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
