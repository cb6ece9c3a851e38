// SPDX-License-Identifier: Apache-2.0
#include "step_graph.h"

#include "cuda_error.h"

namespace isoflop {
namespace {

/// A stream capture. Ends it in any case: a stream that is left in one is of no use.
class StreamCapture {
 public:
  explicit StreamCapture(cudaStream_t stream) : stream_(stream) {
    ISOFLOP_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  }
  ~StreamCapture() {
    if (stream_ == nullptr) return;
    cudaGraph_t graph = nullptr;
    (void)cudaStreamEndCapture(stream_, &graph);
    (void)cudaGetLastError();  // of a capture that is invalid
    if (graph != nullptr) (void)cudaGraphDestroy(graph);
  }
  StreamCapture(const StreamCapture&) = delete;
  StreamCapture& operator=(const StreamCapture&) = delete;

  [[nodiscard]] Graph end() {
    cudaGraph_t graph = nullptr;
    const cudaStream_t stream = stream_;
    stream_ = nullptr;
    ISOFLOP_CUDA(cudaStreamEndCapture(stream, &graph));
    return Graph(graph);
  }

 private:
  cudaStream_t stream_;
};

GraphExecutable capture_graph(cudaStream_t stream, const std::function<void()>& work) {
  StreamCapture capture(stream);
  work();
  const Graph graph = capture.end();
  cudaGraphExec_t executable = nullptr;
  ISOFLOP_CUDA(cudaGraphInstantiate(&executable, graph.get(), 0));
  return GraphExecutable(executable);
}

}  // namespace

void StepGraphs::run(int number, cudaStream_t stream, std::int64_t& counted_flops,
                     const std::function<void()>& work) {
  Step& step = steps_[number];
  if (!step.has_run) {
    work();
    step.has_run = true;
    return;
  }
  if (!step.graph) {
    const std::int64_t before = counted_flops;
    try {
      step.graph = capture_graph(stream, work);
    } catch (...) {
      counted_flops = before;  // nothing was done
      throw;
    }
    step.flops = counted_flops - before;
    counted_flops = before;
  }
  ISOFLOP_CUDA(cudaGraphLaunch(step.graph.get(), stream));
  counted_flops += step.flops;
}

}  // namespace isoflop
