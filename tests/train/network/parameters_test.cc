// SPDX-License-Identifier: Apache-2.0
#include "train/network/parameters.h"

#include <cmath>
#include <set>

#include "isoflop/model_shape.h"
#include "support/catch.h"

namespace isoflop {
namespace {

ModelShape shape_of(bool tied) { return {2, 24, 4, 2, 6, 50, 33, 16, FfnKind::swiglu, tied}; }

RunSpec seeded(std::uint64_t seed) {
  RunSpec spec;
  spec.seed = seed;
  return spec;
}

std::vector<float> all_initial_values(const ParameterLayout& layout, std::uint64_t seed) {
  std::vector<float> values(static_cast<std::size_t>(layout.size()));
  initial_values(layout, seeded(seed), {0, layout.size()}, values);
  return values;
}

}  // namespace

TEST_CASE("the layout holds count_params() parameters, aligned, without overlap") {
  for (const bool tied : {false, true}) {
    const ParameterLayout layout(shape_of(tied));
    std::int64_t n = 0, end = 0;
    std::set<std::string> names;
    for (const Parameter& parameter : layout.parameters()) {
      CHECK(parameter.offset % 16 == 0);
      CHECK(parameter.offset >= end);
      end = parameter.range().end;
      n += parameter.range().size();
      names.insert(parameter.name);
    }
    CHECK(layout.size() >= end);
    CHECK(n == count_params(shape_of(tied)).total());
    CHECK(names.size() == layout.parameters().size());
    CHECK(names.count("lm_head.weight") == (tied ? 0 : 1));
  }
}

TEST_CASE("matrices decay and gains do not") {
  const ParameterLayout layout(shape_of(false));
  for (const Parameter& parameter : layout.parameters()) {
    const bool gain = parameter.name.find("norm") != std::string::npos;
    CHECK((parameter.offset >= layout.matrices().end) == gain);
  }
}

TEST_CASE("initial weights are normal with the given deviation, gains are one") {
  const ParameterLayout layout(shape_of(false));
  const std::vector<float> values = all_initial_values(layout, 1);
  for (const Parameter& parameter : layout.parameters()) {
    double sum = 0, squares = 0;
    const auto n = static_cast<double>(parameter.range().size());
    for (std::int64_t i = parameter.offset; i < parameter.range().end; ++i) {
      const double value = static_cast<double>(values[static_cast<std::size_t>(i)]);
      sum += value;
      squares += value * value;
    }
    INFO(parameter.name);
    if (parameter.offset >= layout.matrices().end) {
      CHECK(sum == n);
      CHECK(squares == n);
    } else {  // five standard errors
      CHECK(std::abs(sum / n) < 5 * 0.006 / std::sqrt(n));
      CHECK(std::sqrt(squares / n) == Approx(0.006).epsilon(5 / std::sqrt(2 * n)));
    }
  }
}

TEST_CASE("an initial value depends on the seed and its place, not on who asks for which range") {
  const ParameterLayout layout(shape_of(true));
  const std::vector<float> whole = all_initial_values(layout, 3);
  CHECK(whole != all_initial_values(layout, 4));
  for (std::int64_t begin = 0; begin < layout.size(); begin += 77) {
    const Range range{begin, std::min(layout.size(), begin + 77)};
    std::vector<float> part(static_cast<std::size_t>(range.size()), -1.0f);
    initial_values(layout, seeded(3), range, part);
    CHECK(std::equal(part.begin(), part.end(), whole.begin() + begin));
  }
}

}  // namespace isoflop
