// SPDX-License-Identifier: Apache-2.0
// libcudart: capture of streams into graphs, and launches of graphs.
#include <memory>
#include <utility>
#include <vector>

#include "machine.h"

using isoflop::emulation::api;
using isoflop::emulation::Capture;
using isoflop::emulation::current_device;
using isoflop::emulation::GraphNode;
using isoflop::emulation::Machine;
using isoflop::emulation::Progress;
using isoflop::emulation::thread_number;
using isoflop::emulation::TicketPtr;

namespace {

/// Every forked stream must have come back: the origin's next node would be behind all of theirs.
bool is_joined(const Capture& capture) {
  std::vector<bool> is_behind(capture.nodes.size(), false);
  std::vector<std::size_t> open = capture.origin->frontier;
  while (!open.empty()) {
    const std::size_t at = open.back();
    open.pop_back();
    if (is_behind[at]) continue;
    is_behind[at] = true;
    open.insert(open.end(), capture.nodes[at].dependencies.begin(),
                capture.nodes[at].dependencies.end());
  }
  for (const CUstream_st* stream : capture.streams)
    for (const std::size_t node : stream->frontier)
      if (!is_behind[node]) return false;
  return true;
}

void end_capture(Machine& m, const std::shared_ptr<Capture>& capture) {
  capture->is_over = true;
  for (CUstream_st* stream : capture->streams) {
    stream->capture.reset();
    stream->frontier.clear();
  }
  m.captures.erase(capture);
}

/// All nodes behind what the stream does and behind the graph's last launch, what follows on the
/// stream behind all nodes.
void submit_graph(Machine& m, CUstream_st& stream, CUgraphExec_st& graph) {
  std::vector<TicketPtr> tickets;
  const auto& default_tail =
      m.devices[static_cast<std::size_t>(stream.device)].default_stream->tail;
  for (const GraphNode& node : graph.nodes) {
    std::vector<TicketPtr> before{stream.tail, graph.last};
    if (stream.waits_for_default) before.push_back(default_tail);
    for (const std::size_t i : node.dependencies) before.push_back(tickets[i]);
    tickets.push_back(m.submit(node.work, before, stream.device));
  }
  tickets.push_back(stream.tail);
  stream.tail = graph.last = m.submit([] { return Progress::done; }, tickets, stream.device);
}

}  // namespace

extern "C" {

cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode mode) {
  return api([&](Machine& m, Machine::Lock&) {
    if (handle == nullptr || handle == cudaStreamLegacy) return cudaErrorStreamCaptureUnsupported;
    CUstream_st* stream = m.stream_of(handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    if (stream->capture) return cudaErrorIllegalState;
    auto capture = std::make_shared<Capture>();
    capture->origin = stream;
    capture->mode = mode;
    capture->thread = thread_number();
    capture->streams.insert(stream);
    stream->capture = capture;
    stream->frontier.clear();
    m.captures.insert(capture);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t* graph) {
  return api([&](Machine& m, Machine::Lock&) {
    *graph = nullptr;
    CUstream_st* stream = m.stream_of(handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    const std::shared_ptr<Capture> capture = stream->capture;
    if (!capture) return cudaErrorIllegalState;
    if (capture->origin != stream) {
      capture->is_valid = false;
      return cudaErrorStreamCaptureUnmatched;
    }
    if (capture->mode != cudaStreamCaptureModeRelaxed && capture->thread != thread_number())
      return cudaErrorStreamCaptureWrongThread;
    const bool joined = is_joined(*capture);
    end_capture(m, capture);
    if (!capture->is_valid) return cudaErrorStreamCaptureInvalidated;
    if (!joined) return cudaErrorStreamCaptureUnjoined;
    *graph = new CUgraph_st{std::move(capture->nodes)};
    return cudaSuccess;
  });
}

cudaError_t cudaStreamIsCapturing(cudaStream_t handle, cudaStreamCaptureStatus* status) {
  return api([&](Machine& m, Machine::Lock&) {
    CUstream_st* stream = m.stream_of(handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    *status = !stream->capture            ? cudaStreamCaptureStatusNone
              : stream->capture->is_valid ? cudaStreamCaptureStatusActive
                                          : cudaStreamCaptureStatusInvalidated;
    return m.status(stream->device);
  });
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long) {
  return api([&](Machine&, Machine::Lock&) {
    *executable = nullptr;
    if (graph == nullptr) return cudaErrorInvalidValue;
    *executable = new CUgraphExec_st{graph->nodes, nullptr};
    return cudaSuccess;
  });
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return api([&](Machine&, Machine::Lock&) {
    if (graph == nullptr) return cudaErrorInvalidValue;
    delete graph;
    return cudaSuccess;
  });
}
/// Launches under way go on.
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  return api([&](Machine&, Machine::Lock&) {
    if (executable == nullptr) return cudaErrorInvalidValue;
    delete executable;
    return cudaSuccess;
  });
}
cudaError_t cudaGraphUpload(cudaGraphExec_t executable, cudaStream_t) {
  return isoflop::emulation::remember(executable == nullptr ? cudaErrorInvalidValue : cudaSuccess);
}
/// Only the number of nodes: `nodes` must be null.
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, std::size_t* n_nodes) {
  return api([&](Machine&, Machine::Lock&) {
    if (graph == nullptr || n_nodes == nullptr) return cudaErrorInvalidValue;
    if (nodes != nullptr) return cudaErrorNotSupported;
    *n_nodes = graph->nodes.size();
    return cudaSuccess;
  });
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t handle) {
  return api([&](Machine& m, Machine::Lock&) {
    CUstream_st* stream = m.stream_of(handle);
    if (stream == nullptr || executable == nullptr) return cudaErrorInvalidResourceHandle;
    if (stream->device != current_device()) return cudaErrorInvalidResourceHandle;
    if (stream->capture) return cudaErrorNotSupported;  // by the emulation
    if (const cudaError_t failed = m.status(stream->device); failed != cudaSuccess) return failed;
    if (const cudaError_t fault = m.launch_fault.next(); fault != cudaSuccess) return fault;
    ++m.counters.graph_launches;
    submit_graph(m, *stream, *executable);
    return cudaSuccess;
  });
}

}  // extern "C"
