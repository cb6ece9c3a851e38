// SPDX-License-Identifier: Apache-2.0
// libcudart: streams and events.
#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "machine.h"

using isoflop::emulation::api;
using isoflop::emulation::current_device;
using isoflop::emulation::Machine;
using isoflop::emulation::Progress;
using isoflop::emulation::TicketPtr;

namespace {

/// Waiting for, or asking about, a stream that is captured is illegal, and ends the capture.
cudaError_t refuse_captured(const CUstream_st& stream) {
  if (!stream.capture) return cudaSuccess;
  stream.capture->is_valid = false;
  return cudaErrorStreamCaptureUnsupported;
}

bool is_captured(const CUevent_st& event) { return event.capture != nullptr; }
cudaError_t refuse_captured(const CUevent_st& event) {
  event.capture->is_valid = false;
  return cudaErrorCapturedEvent;
}

void add_to_frontier(CUstream_st& stream, const std::vector<std::size_t>& nodes) {
  stream.frontier.insert(stream.frontier.end(), nodes.begin(), nodes.end());
  std::ranges::sort(stream.frontier);
  const auto repeated = std::ranges::unique(stream.frontier);
  stream.frontier.erase(repeated.begin(), repeated.end());
}

/// The stream joins the capture in which the event was recorded.
cudaError_t wait_captured(CUstream_st& stream, const CUevent_st& event) {
  if (event.capture->is_over) return cudaErrorCapturedEvent;
  if (!event.capture->is_valid) return cudaErrorStreamCaptureInvalidated;
  if (stream.capture && stream.capture != event.capture) {
    stream.capture->is_valid = event.capture->is_valid = false;
    return cudaErrorStreamCaptureMerge;
  }
  if (!stream.capture) {
    stream.capture = event.capture;
    stream.capture->streams.insert(&stream);
    stream.frontier.clear();
  }
  add_to_frontier(stream, event.frontier);
  return cudaSuccess;
}

}  // namespace

extern "C" {

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int priority) {
  return api([&](Machine& m, Machine::Lock&) {
    *stream = nullptr;
    if (const cudaError_t failed = m.status(current_device()); failed != cudaSuccess) return failed;
    auto made = std::make_unique<CUstream_st>();
    made->device = current_device();
    made->waits_for_default = (flags & cudaStreamNonBlocking) == 0;
    made->priority = priority;
    *stream = made.release();
    m.streams.insert(*stream);
    return cudaSuccess;
  });
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return cudaStreamCreateWithPriority(stream, flags, 0);
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithPriority(stream, cudaStreamDefault, 0);
}
/// What is enqueued goes on.
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return api([&](Machine& m, Machine::Lock&) {
    if (m.streams.erase(stream) == 0) return cudaErrorInvalidResourceHandle;
    if (stream->capture) {
      stream->capture->is_valid = false;
      stream->capture->streams.erase(stream);
    }
    delete stream;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  return api([&](Machine& m, Machine::Lock& lock) {
    CUstream_st* stream = m.stream_of(handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    if (const cudaError_t captured = refuse_captured(*stream); captured != cudaSuccess)
      return captured;
    return m.wait_for(lock, stream->device, stream->tail);
  });
}
cudaError_t cudaStreamQuery(cudaStream_t handle) {
  return api([&](Machine& m, Machine::Lock&) {
    CUstream_st* stream = m.stream_of(handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    if (const cudaError_t captured = refuse_captured(*stream); captured != cudaSuccess)
      return captured;
    m.maybe_run_one();
    if (const cudaError_t failed = m.status(stream->device); failed != cudaSuccess) return failed;
    return !stream->tail || stream->tail->is_done ? cudaSuccess : cudaErrorNotReady;
  });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event, unsigned flags) {
  return api([&](Machine& m, Machine::Lock&) {
    CUstream_st* stream = m.stream_of(handle);
    if (stream == nullptr || event == nullptr) return cudaErrorInvalidResourceHandle;
    if (flags != cudaEventWaitDefault) return cudaErrorNotSupported;
    if (is_captured(*event)) return wait_captured(*stream, *event);
    if (stream->capture) {  // on work outside of the graph
      if (!event->ticket) return cudaSuccess;
      stream->capture->is_valid = false;
      return cudaErrorStreamCaptureIsolation;
    }
    if (!event->ticket) return cudaSuccess;  // never recorded
    stream->tail =
        m.submit([] { return Progress::done; }, {stream->tail, event->ticket}, stream->device);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamGetDevice(cudaStream_t handle, int* device) {
  return api([&](Machine& m, Machine::Lock&) {
    CUstream_st* stream = m.stream_of(handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    *device = stream->device;
    return cudaSuccess;
  });
}
cudaError_t cudaStreamGetPriority(cudaStream_t handle, int* priority) {
  return api([&](Machine& m, Machine::Lock&) {
    CUstream_st* stream = m.stream_of(handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    *priority = stream->priority;
    return cudaSuccess;
  });
}

cudaError_t cudaLaunchHostFunc(cudaStream_t handle, cudaHostFn_t function, void* argument) {
  return isoflop::emulation::enqueue(handle, [=] {
    function(argument);
    return Progress::done;
  });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  return api([&](Machine& m, Machine::Lock&) {
    *event = nullptr;
    if (const cudaError_t failed = m.status(current_device()); failed != cudaSuccess) return failed;
    *event = new CUevent_st{};
    (*event)->device = current_device();
    (*event)->has_time = (flags & cudaEventDisableTiming) == 0;
    return cudaSuccess;
  });
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return api([&](Machine&, Machine::Lock&) {
    if (event == nullptr) return cudaErrorInvalidResourceHandle;
    delete event;
    return cudaSuccess;
  });
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t handle) {
  return api([&](Machine& m, Machine::Lock&) {
    CUstream_st* stream = m.stream_of(handle);
    if (stream == nullptr || event == nullptr || stream->device != event->device)
      return cudaErrorInvalidResourceHandle;
    if (stream->capture) {
      if (!stream->capture->is_valid) return cudaErrorStreamCaptureInvalidated;
      event->capture = stream->capture;
      event->frontier = stream->frontier;
      return cudaSuccess;
    }
    event->capture.reset();
    return m.append(
        *stream, [] { return Progress::done; }, &event->ticket);
  });
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return api([&](Machine& m, Machine::Lock& lock) {
    if (event == nullptr) return cudaErrorInvalidResourceHandle;
    if (is_captured(*event)) return refuse_captured(*event);
    const TicketPtr ticket = event->ticket;
    return m.wait_for(lock, event->device, ticket);
  });
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  return api([&](Machine& m, Machine::Lock&) {
    if (event == nullptr) return cudaErrorInvalidResourceHandle;
    if (is_captured(*event)) return refuse_captured(*event);
    if (const cudaError_t unsafe = m.check_unsafe_call(); unsafe != cudaSuccess) return unsafe;
    m.maybe_run_one();
    if (const cudaError_t failed = m.status(event->device); failed != cudaSuccess) return failed;
    return !event->ticket || event->ticket->is_done ? cudaSuccess : cudaErrorNotReady;
  });
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  return api([&](Machine&, Machine::Lock&) {
    if (start == nullptr || end == nullptr || !start->has_time || !end->has_time)
      return cudaErrorInvalidResourceHandle;
    if (is_captured(*start) || is_captured(*end)) return cudaErrorCapturedEvent;
    if (!start->ticket || !end->ticket) return cudaErrorInvalidResourceHandle;
    if (!start->ticket->is_done || !end->ticket->is_done) return cudaErrorNotReady;
    *milliseconds =
        std::chrono::duration<float, std::milli>(end->ticket->when - start->ticket->when).count();
    return cudaSuccess;
  });
}

}  // extern "C"
