// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint/checkpoint_tensors.h"

#include <string_view>
#include <utility>

#include "isoflop/error.h"
#include "train/network/parameters.h"

namespace isoflop {
namespace {

struct Part {
  std::string_view name;
  std::int64_t rows;
};

/// The parts of the parameters whose names have `fused` in them.
struct FusedKind {
  std::string_view fused;
  std::vector<Part> parts;
};

std::vector<FusedKind> fused_kinds(const ModelShape& shape) {
  const std::int64_t q_rows = shape.n_heads * shape.d_head;
  const std::int64_t kv_rows = shape.n_kv_heads * shape.d_head;
  return {{"qkv_proj", {{"q_proj", q_rows}, {"k_proj", kv_rows}, {"v_proj", kv_rows}}},
          {"gate_up_proj", {{"gate_proj", shape.d_ff}, {"up_proj", shape.d_ff}}}};
}

void add_parts(const Parameter& parameter, const FusedKind& kind, std::size_t position,
               std::vector<LogicalTensor>& tensors) {
  std::int64_t row = 0;
  for (const Part& part : kind.parts) {
    std::string name = parameter.name;
    name.replace(position, kind.fused.size(), part.name);
    tensors.push_back({std::move(name), part.rows, parameter.cols,
                       parameter.offset + row * parameter.cols, /*is_vector=*/false});
    row += part.rows;
  }
  ISOFLOP_CHECK(row == parameter.rows, parameter.name + " has other parts");
}

}  // namespace

std::vector<std::int64_t> LogicalTensor::dimensions() const {
  return is_vector ? std::vector{cols} : std::vector{rows, cols};
}

std::vector<LogicalTensor> logical_tensors(const ModelShape& shape) {
  const ParameterLayout layout(shape);
  const std::vector<FusedKind> kinds = fused_kinds(shape);
  std::vector<LogicalTensor> tensors;
  for (const Parameter& parameter : layout.parameters()) {
    const std::size_t n_before = tensors.size();
    for (const FusedKind& kind : kinds) {
      const std::size_t position = parameter.name.find(kind.fused);
      if (position != std::string::npos) add_parts(parameter, kind, position, tensors);
    }
    if (tensors.size() > n_before) continue;
    const bool is_vector = parameter.offset >= layout.matrices().end;
    tensors.push_back(
        {parameter.name, parameter.rows, parameter.cols, parameter.offset, is_vector});
  }
  return tensors;
}

}  // namespace isoflop
