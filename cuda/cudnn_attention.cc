// SPDX-License-Identifier: Apache-2.0
#include "cudnn_attention.h"

#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "cudnn_attention_graph.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

/// The deterministic backward pass keeps the gradient of all scores, bf16 [n_seqs, H, T, T]: beyond
/// this the own kernels, which keep none of it, take over.
constexpr std::int64_t kMaxWorkspace = std::int64_t{256} << 20;
constexpr std::int64_t round_up(std::int64_t n) { return (n + 255) / 256 * 256; }

template <class Graph>
struct Planned {
  Graph graph;
  CudnnPlan plan;
};

/// Which memory each tensor of a graph is.
class Bindings {
 public:
  void add(CudnnGraph::Node node, const void* data) {
    nodes_.push_back(node);
    data_.push_back(const_cast<void*>(data));
  }
  void execute(cudnnHandle_t handle, const CudnnPlan& plan, void* workspace) const {
    const CudnnApi& api = plan.plan.api();
    CudnnDescriptor pack(api, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    pack.set<std::int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, nodes_);
    pack.set<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, data_);
    pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, workspace);
    pack.finalize();
    api.check(api.execute(handle, plan.plan.get(), pack.get()), "attention");
  }

 private:
  std::vector<std::int64_t> nodes_;
  std::vector<void*> data_;
};

/// Columns of the keys and values of a row of the fused projection.
struct Columns {
  Columns(Tensor qkv, const AttentionDims& d)
      : queries(static_cast<std::byte*>(qkv.data)),
        keys(queries + d.n_heads * d.d_head * size_of(qkv.dtype)),
        values(keys + d.n_kv_heads * d.d_head * size_of(qkv.dtype)) {}
  std::byte *queries, *keys, *values;
};

struct Scalars {
  explicit Scalars(const AttentionDims& d)
      : scale(static_cast<float>(1 / std::sqrt(static_cast<double>(d.d_head)))) {}
  float scale, masked = -std::numeric_limits<float>::infinity(), one = 1;
};

struct DestroyHandle {
  const CudnnApi* api;
  void operator()(cudnnHandle_t handle) const { (void)api->destroy(handle); }
};
using Handle = std::unique_ptr<cudnnContext, DestroyHandle>;

Handle make_handle(const CudnnApi& api) {
  cudnnHandle_t handle = nullptr;
  api.check(api.create(&handle), "cudnnCreate");
  return {handle, DestroyHandle{&api}};
}

class PlannedAttention final : public CudnnAttention {
 public:
  explicit PlannedAttention(const CudnnApi& api)
      : api_(api), handle_(make_handle(api)), device_(api, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR) {
    device_.set(CUDNN_ATTR_DEVICEPROP_HANDLE, CUDNN_TYPE_HANDLE, handle_.get());
    device_.finalize();
  }

  bool has_forward(const AttentionDims& dims, DType dtype) override {
    return find(forward_, dims, dtype) != nullptr;
  }
  bool has_backward(const AttentionDims& dims, DType dtype) override {
    return find(backward_, dims, dtype) != nullptr;
  }

  std::int64_t workspace_bytes(const AttentionDims& dims, DType dtype) const override {
    std::int64_t bytes = 0;
    if (const auto* p = find(forward_, dims, dtype)) bytes = p->plan.workspace_bytes;
    if (const auto* p = find(backward_, dims, dtype))
      bytes = std::max(bytes, delta_bytes(dims) + p->plan.workspace_bytes);
    return bytes;
  }

  void forward(Tensor qkv, const AttentionDims& dims, Tensor out, Tensor log_sum_exp,
               void* workspace, cudaStream_t stream) override {
    const auto* const planned = find(forward_, dims, qkv.dtype);
    ISOFLOP_CHECK(planned != nullptr, "a forward pass that cuDNN has no plan for");
    const CudnnForwardGraph& g = planned->graph;
    const Columns columns(qkv, dims);
    const Scalars scalars(dims);
    Bindings bindings;
    bindings.add(g.q, columns.queries);
    bindings.add(g.k, columns.keys);
    bindings.add(g.v, columns.values);
    bindings.add(g.out, out.data);
    bindings.add(g.log_sum_exp, log_sum_exp.data);
    bindings.add(g.scale, &scalars.scale);
    bindings.add(g.masked, &scalars.masked);
    api_.check(api_.set_stream(handle_.get(), stream), "cudnnSetStream");
    bindings.execute(handle_.get(), planned->plan, workspace);
  }

  void backward(Tensor qkv, const AttentionDims& dims, Tensor out, Tensor log_sum_exp, Tensor dout,
                Tensor dqkv, void* workspace, cudaStream_t stream) override {
    const auto* const planned = find(backward_, dims, qkv.dtype);
    ISOFLOP_CHECK(planned != nullptr, "a backward pass that cuDNN has no plan for");
    const CudnnBackwardGraph& g = planned->graph;
    const Columns columns(qkv, dims), gradients(dqkv, dims);
    const Scalars scalars(dims);
    Bindings bindings;
    bindings.add(g.q, columns.queries);
    bindings.add(g.k, columns.keys);
    bindings.add(g.v, columns.values);
    bindings.add(g.out, out.data);
    bindings.add(g.log_sum_exp, log_sum_exp.data);
    bindings.add(g.dout, dout.data);
    bindings.add(g.dq, gradients.queries);
    bindings.add(g.dk, gradients.keys);
    bindings.add(g.dv, gradients.values);
    bindings.add(g.delta, workspace);
    bindings.add(g.scale, &scalars.scale);
    bindings.add(g.masked, &scalars.masked);
    bindings.add(g.one, &scalars.one);
    api_.check(api_.set_stream(handle_.get(), stream), "cudnnSetStream");
    bindings.execute(handle_.get(), planned->plan,
                     static_cast<std::byte*>(workspace) + delta_bytes(dims));
  }

 private:
  using Key = std::array<std::int64_t, 5>;
  template <class Graph>
  using Plans = std::map<Key, std::optional<Planned<Graph>>>;

  static std::int64_t delta_bytes(const AttentionDims& dims) {
    return round_up(dims.rows() * dims.n_heads * 4);
  }

  /// The plan for a problem, built when it is first asked for; null where there is none.
  template <class Graph>
  const Planned<Graph>* find(Plans<Graph>& plans, const AttentionDims& d, DType dtype) const {
    if (dtype != DType::bf16 || d.rows() == 0 || d.d_head % 8 != 0) return nullptr;
    const auto [at, is_new] =
        plans.try_emplace({d.n_seqs, d.seq_len, d.n_heads, d.n_kv_heads, d.d_head});
    if (is_new) at->second = build<Graph>(d);
    return at->second ? &*at->second : nullptr;
  }

  /// What cuDNN refuses, for whatever reason, it has no plan for.
  template <class Graph>
  std::optional<Planned<Graph>> build(const AttentionDims& dims) const {
    try {
      Graph graph(api_, dims);
      std::optional<CudnnPlan> plan = graph.graph.plan(device_);
      if (!plan || plan->workspace_bytes > kMaxWorkspace) return {};
      return Planned<Graph>{std::move(graph), std::move(*plan)};
    } catch (const Error&) {
      return {};
    }
  }

  const CudnnApi& api_;
  Handle handle_;
  CudnnDescriptor device_;
  mutable Plans<CudnnForwardGraph> forward_;
  mutable Plans<CudnnBackwardGraph> backward_;
};

}  // namespace

std::unique_ptr<CudnnAttention> make_cudnn_attention() {
  const CudnnApi* const api = cudnn_api();
  if (api == nullptr) return nullptr;
  try {
    return std::make_unique<PlannedAttention>(*api);
  } catch (const Error&) {  // such as a driver that is too old for it
    return nullptr;
  }
}

}  // namespace isoflop
