// SPDX-License-Identifier: Apache-2.0
// The table of operations of tests/support/op_cases.h on the device.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "base/rng.h"
#include "cuda/figure.h"
#include "cuda_backend.h"
#include "device_under_test.h"
#include "support/catch.h"
#include "support/op_cases.h"
#include "support/op_traces.h"

namespace isoflop {
namespace {

using test::OpCase;
using test::OpOutput;

constexpr std::array kStorages{DType::f32, DType::bf16};

// As on the CPU: sums of floats in any order, at the lengths of the table, are off by 1e-6 of their
// terms' size; a single element can be a difference of sums that nearly cancel.
constexpr double kNmse = 1e-12, kWorst = 1e-5;

/// Attention in bf16 rounds probabilities, too: attention_test.cc says by how much.
bool is_of_table(const OpCase& op) { return !op.name.starts_with("attention_"); }

bool equal_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](double x, double y) {
    return std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y);
  });
}

using Results = std::vector<std::vector<OpOutput>>;

Results run_all(DType storage, std::uint64_t seed) {
  test::set_order(seed);
  CudaBackend backend(0);
  Results results;
  for (const OpCase& op : test::op_cases(storage))
    results.push_back(is_of_table(op) ? op.run(backend) : std::vector<OpOutput>{});
  return results;
}

TEST_CASE("every operation on the device agrees with its double-precision reference") {
  test::fresh_device();
  for (const DType storage : kStorages) {
    const std::vector<OpCase>& cases = test::op_cases(storage);
    const Results results = run_all(storage, 1);
    double worst_nmse = 0;
    for (std::size_t i = 0; i < cases.size(); ++i)
      for (const OpOutput& output : results[i]) {
        const auto error = error_of(output);
        INFO(size_of(storage) << " bytes: " << describe(cases[i].name, output));
        CHECK(output.guards_intact);
        CHECK(error.nmse <= (output.is_input ? 0 : kNmse));
        CHECK(error.worst <= (output.is_input ? 0 : kWorst));
        worst_nmse = std::max(worst_nmse, error.nmse);
      }
    CHECK(worst_nmse > 0);  // the comparison saw floats
    test::print_figure(storage == DType::bf16 ? "operations_nmse_bf16" : "operations_nmse_fp32",
                       worst_nmse);
  }
}

TEST_CASE("operations give equal bits in whatever order the device runs threads and blocks") {
  test::fresh_device();
  for (const DType storage : kStorages) {
    const Results first = run_all(storage, 1);
    for (const std::uint64_t seed : {2u, 3u}) {
      const Results other = run_all(storage, seed);
      for (std::size_t i = 0; i < first.size(); ++i)
        for (std::size_t j = 0; j < first[i].size(); ++j) {
          INFO(test::op_cases(storage)[i].name << ": " << first[i][j].name);
          CHECK(equal_bits(first[i][j].got, other[i][j].got));
        }
    }
  }
}

using test::check_shows;
using test::n_not_finite;

TEST_CASE("NaN and infinity in any input of an operation on the device show in what it writes") {
  test::fresh_device();
  constexpr std::size_t kLarge = 3000;  // elements: such inputs take the code of smaller ones
  CudaBackend backend(0);
  for (const DType storage : kStorages)
    for (const OpCase& op : test::op_cases(storage)) {
      if (!is_of_table(op)) continue;
      const std::vector<OpOutput> outputs = op.run(backend);
      const std::int64_t usual = n_not_finite(outputs);  // the largest of no logits is -inf
      if (std::ranges::all_of(outputs,
                              [](const OpOutput& o) { return o.is_input || o.got.empty(); }))
        continue;
      for (const auto& input : op.inputs(backend)) {
        std::uint64_t n_planted = 0;
        for (const double value : {NAN, INFINITY, -INFINITY})
          if (input.size > 0 && input.size <= kLarge)
            check_shows(backend, op, {input.name, Rng(31).below(input.size, n_planted++), value},
                        usual);
      }
    }
}

}  // namespace
}  // namespace isoflop
