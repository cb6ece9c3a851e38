// SPDX-License-Identifier: Apache-2.0
#include "cudnn_operations.h"

#include <algorithm>
#include <span>

#include "isoflop/error.h"

namespace isoflop {
namespace {

std::vector<cudnnBackendDescriptor_t> pointers(const std::vector<CudnnDescriptor>& descriptors) {
  std::vector<cudnnBackendDescriptor_t> all;
  all.reserve(descriptors.size());
  for (const CudnnDescriptor& descriptor : descriptors) all.push_back(descriptor.get());
  return all;
}

/// Engines with their settings, best first.
std::vector<CudnnDescriptor> engine_configs(const CudnnDescriptor& graph,
                                            const CudnnDescriptor& device) {
  CudnnDescriptor heuristics(graph.api(), CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, CUDNN_HEUR_MODE_A);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, device);
  heuristics.finalize();
  const std::int64_t n =
      heuristics.get(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, nullptr);
  std::vector<CudnnDescriptor> configs;
  for (std::int64_t i = 0; i < n; ++i)
    configs.emplace_back(graph.api(), CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  auto handles = pointers(configs);
  const std::int64_t found = heuristics.get(CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                            CUDNN_TYPE_BACKEND_DESCRIPTOR, n, handles.data());
  while (static_cast<std::int64_t>(configs.size()) > found) configs.pop_back();
  return configs;
}

bool is_deterministic(const CudnnDescriptor& config) {
  const CudnnDescriptor engine(config.api(), CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t handle = engine.get();
  config.get(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &handle);
  std::array<cudnnBackendNumericalNote_t, CUDNN_NUMERICAL_NOTE_TYPE_COUNT> notes{};
  const std::int64_t n = engine.get(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                                    CUDNN_NUMERICAL_NOTE_TYPE_COUNT, notes.data());
  const auto known = std::span(notes).first(static_cast<std::size_t>(n));
  return std::ranges::find(known, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC) == known.end();
}

}  // namespace

CudnnGraph::Node CudnnGraph::tensor(const CudnnShape& shape, cudnnDataType_t dtype, bool is_virtual,
                                    bool by_value) {
  constexpr std::int64_t kAlignment = 16;
  const auto id = static_cast<Node>(tensors_.size());
  CudnnDescriptor& t = tensors_.emplace_back(*api_, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  t.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, dtype);
  t.set<std::int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, std::span(shape.sizes));
  t.set<std::int64_t>(CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, std::span(shape.strides));
  t.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, id);
  t.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, kAlignment);
  if (is_virtual) t.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, true);
  if (by_value) t.set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, true);
  t.finalize();
  return id;
}
CudnnGraph::Node CudnnGraph::memory(const CudnnShape& shape, cudnnDataType_t dtype) {
  return tensor(shape, dtype, false, false);
}
CudnnGraph::Node CudnnGraph::scalar() {
  return tensor(CudnnShape::packed(1, 1, 1, 1), CUDNN_DATA_FLOAT, false, true);
}
CudnnGraph::Node CudnnGraph::intermediate(const CudnnShape& shape, cudnnDataType_t dtype) {
  return tensor(shape, dtype, true, false);
}

CudnnDescriptor& CudnnGraph::operation(cudnnBackendDescriptorType_t type) {
  return operations_.emplace_back(*api_, type);
}

void CudnnGraph::finish_pointwise(const CudnnDescriptor& how, const std::vector<Node>& inputs,
                                  Node y) {
  constexpr std::array kInputs{CUDNN_ATTR_OPERATION_POINTWISE_XDESC,
                               CUDNN_ATTR_OPERATION_POINTWISE_BDESC,
                               CUDNN_ATTR_OPERATION_POINTWISE_TDESC};
  CudnnDescriptor& op = operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  op.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, how);
  for (std::size_t i = 0; i < inputs.size(); ++i) connect(op, kInputs.at(i), inputs[i]);
  connect(op, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
  op.finalize();
}

void CudnnGraph::pointwise(cudnnPointwiseMode_t mode, const std::vector<Node>& inputs, Node y,
                           cudnnDataType_t compute) {
  CudnnDescriptor& how = details_.emplace_back(*api_, CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  how.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, mode);
  how.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, compute);
  how.finalize();
  finish_pointwise(how, inputs, y);
}

void CudnnGraph::index(Node x, std::int64_t axis, Node y) {
  CudnnDescriptor& how = details_.emplace_back(*api_, CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  how.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, CUDNN_POINTWISE_GEN_INDEX);
  how.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
  how.set(CUDNN_ATTR_POINTWISE_AXIS, CUDNN_TYPE_INT64, axis);
  how.finalize();
  finish_pointwise(how, {x}, y);
}

void CudnnGraph::matmul(Node a, Node b, Node y) {
  CudnnDescriptor& how = details_.emplace_back(*api_, CUDNN_BACKEND_MATMUL_DESCRIPTOR);
  how.set(CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
  how.finalize();
  CudnnDescriptor& op = operation(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR);
  connect(op, CUDNN_ATTR_OPERATION_MATMUL_ADESC, a);
  connect(op, CUDNN_ATTR_OPERATION_MATMUL_BDESC, b);
  connect(op, CUDNN_ATTR_OPERATION_MATMUL_CDESC, y);
  op.set(CUDNN_ATTR_OPERATION_MATMUL_DESC, how);
  op.finalize();
}

void CudnnGraph::reduce(cudnnReduceTensorOp_t reduction, Node x, Node y) {
  CudnnDescriptor& how = details_.emplace_back(*api_, CUDNN_BACKEND_REDUCTION_DESCRIPTOR);
  how.set(CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, reduction);
  how.set(CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
  how.finalize();
  CudnnDescriptor& op = operation(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR);
  connect(op, CUDNN_ATTR_OPERATION_REDUCTION_XDESC, x);
  connect(op, CUDNN_ATTR_OPERATION_REDUCTION_YDESC, y);
  op.set(CUDNN_ATTR_OPERATION_REDUCTION_DESC, how);
  op.finalize();
}

void CudnnGraph::reshape(Node x, Node y) {
  CudnnDescriptor& op = operation(CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR);
  connect(op, CUDNN_ATTR_OPERATION_RESHAPE_XDESC, x);
  connect(op, CUDNN_ATTR_OPERATION_RESHAPE_YDESC, y);
  op.finalize();
}

std::optional<CudnnPlan> CudnnGraph::plan(const CudnnDescriptor& device) const {
  CudnnDescriptor graph(*api_, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  const auto operations = pointers(operations_);
  graph.set<cudnnBackendDescriptor_t>(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                      operations);
  graph.finalize();
  for (const CudnnDescriptor& config : engine_configs(graph, device)) {
    if (!is_deterministic(config)) continue;
    CudnnDescriptor plan(*api_, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
    plan.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, device);
    if (api_->finalize(plan.get()) != CUDNN_STATUS_SUCCESS)
      continue;  // the heuristics may be wrong
    std::int64_t bytes = 0;
    plan.get(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &bytes);
    return CudnnPlan{std::move(plan), bytes};
  }
  return {};
}

}  // namespace isoflop
