// SPDX-License-Identifier: Apache-2.0
#include "nccl_communicator.h"

#include <exception>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include <cuda_bf16.h>
#include <nccl.h>

#include "cuda_error.h"
#include "exchange_plan.h"
#include "isoflop/error.h"
#include "kernels/sum.h"
#include "nccl_error.h"
#include "nccl_watch.h"
#include "stream.h"

namespace isoflop {
namespace {

/// Whether all ranks use devices of their own.
bool are_devices_distinct(Communicator& host, int device) {
  cudaDeviceProp properties;
  ISOFLOP_CUDA(cudaGetDeviceProperties(&properties, device));
  const std::vector<Numbers> all = all_gather_numbers(host, to_numbers(properties.uuid));
  return std::set<Numbers>(all.begin(), all.end()).size() == all.size();
}

/// A stream and the events by which it and the backend's wait for each other. One for all
/// communicators of a rank: operations of two that run at a time, in any order, may wait for each
/// other's resources for ever (NCCL user guide, "Using multiple NCCL communicators concurrently").
class CommunicationStream {
 public:
  explicit CommunicationStream(cudaStream_t compute) : compute_(compute) {
    int least = 0, greatest = 0;
    ISOFLOP_CUDA(cudaDeviceGetStreamPriorityRange(&least, &greatest));
    cudaStream_t stream = nullptr;
    ISOFLOP_CUDA(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, greatest));
    stream_.reset(stream);
  }
  [[nodiscard]] cudaStream_t get() const { return stream_.get(); }
  void follow_compute() const {
    ISOFLOP_CUDA(cudaEventRecord(ready_.get(), compute_));
    ISOFLOP_CUDA(cudaStreamWaitEvent(get(), ready_.get(), cudaEventWaitDefault));
  }
  void let_compute_follow() const {
    ISOFLOP_CUDA(cudaEventRecord(done_.get(), get()));
    ISOFLOP_CUDA(cudaStreamWaitEvent(compute_, done_.get(), cudaEventWaitDefault));
  }
  [[nodiscard]] bool is_captured() const { return is_capturing(compute_); }

 private:
  cudaStream_t compute_;
  Stream stream_;
  Event ready_ = make_event(), done_ = make_event();
};

void reduce_in_rank_order(std::span<const Tensor> terms, Tensor sum, cudaStream_t stream) {
  switch (sum.dtype) {
    case DType::f32:
      return launch_sum<float>(terms, sum, stream);
    case DType::bf16:
      return launch_sum<__nv_bfloat16>(terms, sum, stream);
    case DType::f64:
      return launch_sum<double>(terms, sum, stream);
    case DType::i32:
      break;
  }
  ISOFLOP_CHECK(false, "only real numbers are added up");
}

std::size_t bytes_of(Tensor tensor) {
  return static_cast<std::size_t>(tensor.size() * size_of(tensor.dtype));
}

class NcclCommunicator final : public Communicator {
 public:
  /// `owned`, where not null, is `host`.
  NcclCommunicator(std::shared_ptr<NcclWatch> watch,
                   std::shared_ptr<const CommunicationStream> stream, StepGraphs& graphs,
                   Communicator& host, std::unique_ptr<Communicator> owned,
                   const NcclWatch::Make& make)
      : watch_(std::move(watch)),
        graphs_(graphs),
        owned_(std::move(owned)),
        host_(host),
        stream_(std::move(stream)),
        handle_(watch_->make(make)) {}

  // While an exception takes this rank away, the others do not come to say goodbye.
  ~NcclCommunicator() override {
    const bool unwinds = std::uncaught_exceptions() > n_exceptions_;
    if (!unwinds) (void)cudaStreamSynchronize(stream_->get());
    // ncclCommDestroy() and ncclCommAbort() return when no graph refers to the communicator (NCCL
    // 2.26 and later, commDestroySync() in its init.cc).
    graphs_.forget();
    watch_->close(handle_, /*abort=*/unwinds);
  }

  [[nodiscard]] int rank() const override { return host_.rank(); }
  [[nodiscard]] int size() const override { return host_.size(); }
  void barrier() override {
    watch_->check();
    host_.barrier();
  }
  [[nodiscard]] double sum(double value) override {
    watch_->check();
    return host_.sum(value);
  }
  void all_gather(std::span<double> values, std::span<const Range> mine) override {
    watch_->check();
    host_.all_gather(values, mine);
  }
  void check() override { watch_->check(); }
  void fail(const Error& error) override { host_.fail(error); }
  [[nodiscard]] bool recordable() const override { return true; }

  [[nodiscard]] std::unique_ptr<Communicator> split(int color) override {
    ISOFLOP_CHECK(color >= 0, "colors are not negative");
    watch_->check();
    ISOFLOP_CUDA(cudaStreamSynchronize(stream_->get()));
    std::unique_ptr<Communicator> part = host_.split(color);
    const bool alone = part->size() == 1;
    const int part_color = alone ? NCCL_SPLIT_NOCOLOR : color;
    const auto make = [parent = handle_, part_color, key = rank()] {
      ncclComm_t handle = nullptr;
      ISOFLOP_NCCL(ncclCommSplit(parent, part_color, key, &handle, nullptr));
      return handle;
    };
    if (alone) {
      (void)watch_->make(make);  // all ranks call it
      return part;
    }
    Communicator& host = *part;
    return std::make_unique<NcclCommunicator>(watch_, stream_, graphs_, host, std::move(part),
                                              make);
  }

  void all_gather(Backend&, Tensor values, std::span<const Range> mine) override {
    const ExchangePlan& plan = plan_for(Kind::gather, values.rows, 1, mine);
    stream_->follow_compute();
    watch_->issue([&] {
      for (const Range block : plan.even) gather_even(values.slice(block.begin, block.size()));
      for_each_peer([&](int peer, std::size_t i) {
        for (const Range range : plan.ranges[static_cast<std::size_t>(rank())]) {
          send(values.slice(range.begin, range.size()), peer);
        }
        for (const Range range : plan.ranges[i]) {
          receive(values.slice(range.begin, range.size()), peer);
        }
      });
    });
    stream_->let_compute_follow();
  }

  void start_reduce_scatter(Backend& backend, std::span<const Tensor> contributions,
                            std::span<const Range> mine) override {
    const Tensor target = contributions.front();
    const ExchangePlan& plan = plan_for(Kind::reduce, target.rows, contributions.size(), mine);
    const std::vector<std::vector<Tensor>> terms = place_terms(backend, plan, contributions, mine);
    stream_->follow_compute();
    watch_->issue([&] {
      for_each_peer([&](int peer, std::size_t i) {
        for (const Tensor& tensor : contributions) {
          for (const Range range : plan.ranges[i]) {
            send(tensor.slice(range.begin, range.size()), peer);
          }
        }
        for (std::int64_t term = 0; term < plan.n_contributions[i]; ++term) {
          for (std::size_t k = 0; k < mine.size(); ++k) {
            receive(terms[k][static_cast<std::size_t>(plan.first_contribution(peer) + term)], peer);
          }
        }
      });
    });
    for (std::size_t k = 0; k < mine.size(); ++k) {
      if (mine[k].size() == 0 || terms[k].size() == 1) continue;
      reduce_in_rank_order(terms[k], target.slice(mine[k].begin, mine[k].size()), stream_->get());
    }
  }

  void finish_reduce_scatters(Backend&) override {
    watch_->check();
    stream_->let_compute_follow();
  }

 private:
  using Kind = ExchangePlans::Kind;

  const ExchangePlan& plan_for(Kind kind, std::int64_t rows, std::size_t n_contributions,
                               std::span<const Range> mine) {
    const auto n = static_cast<std::int64_t>(n_contributions);
    if (const ExchangePlan* plan = plans_.find(kind, rows, n, mine)) return *plan;
    ISOFLOP_CHECK(!stream_->is_captured(), "what ranks exchange has been exchanged once");
    watch_->check();
    return plans_.exchange(host_, kind, rows, n, mine);
  }

  /// The terms of the sum over each range of `mine`, in order: this rank's where they are, the
  /// others' where they are received.
  std::vector<std::vector<Tensor>> place_terms(Backend& backend, const ExchangePlan& plan,
                                               std::span<const Tensor> contributions,
                                               std::span<const Range> mine) {
    const Tensor like = contributions.front();
    const auto n_others =
        plan.first_contribution(size()) - static_cast<std::int64_t>(contributions.size());
    std::int64_t n_bytes = 0;
    for (const Range range : mine) n_bytes += n_others * slot_bytes(like, range);
    std::byte* next = receive_buffer(backend, n_bytes);
    std::vector<std::vector<Tensor>> terms(mine.size());
    for (std::size_t k = 0; k < mine.size(); ++k) {
      for (int i = 0; i < size(); ++i) {
        for (std::int64_t c = 0; c < plan.n_contributions[static_cast<std::size_t>(i)]; ++c) {
          const bool is_own = i == rank();
          const Tensor source = is_own ? contributions[static_cast<std::size_t>(c)] : like;
          Tensor& term = terms[k].emplace_back(source.slice(mine[k].begin, mine[k].size()));
          if (is_own) continue;
          term.data = next;
          next += slot_bytes(like, mine[k]);
        }
      }
    }
    return terms;
  }

  static std::int64_t slot_bytes(Tensor like, Range rows) {
    constexpr std::int64_t kAlignment = 256;  // as of any allocation
    const std::int64_t n = rows.size() * like.cols * size_of(like.dtype);
    return (n + kAlignment - 1) / kAlignment * kAlignment;
  }

  // Captured graphs go on using what was there before.
  std::byte* receive_buffer(Backend& backend, std::int64_t n_bytes) {
    if (n_bytes > receive_bytes_) {
      ISOFLOP_CHECK(!stream_->is_captured(), "what is captured has run once");
      receive_buffers_.push_back(backend.allocate(n_bytes));
      receive_bytes_ = n_bytes;
    }
    return receive_buffers_.empty() ? nullptr
                                    : static_cast<std::byte*>(receive_buffers_.back()->data());
  }

  template <class Visit>
  void for_each_peer(Visit visit) const {
    for (int peer = 0; peer < size(); ++peer) {
      if (peer != rank()) visit(peer, static_cast<std::size_t>(peer));
    }
  }

  // Bytes: NCCL only moves them.
  void send(Tensor tensor, int peer) const {
    if (tensor.size() == 0) return;
    ISOFLOP_NCCL(ncclSend(tensor.data, bytes_of(tensor), ncclInt8, peer, handle_, stream_->get()));
  }
  void receive(Tensor tensor, int peer) const {
    if (tensor.size() == 0) return;
    ISOFLOP_NCCL(ncclRecv(tensor.data, bytes_of(tensor), ncclInt8, peer, handle_, stream_->get()));
  }
  /// In place.
  void gather_even(Tensor block) const {
    const Range mine = share_of(block.rows, rank(), size());
    const Tensor share = block.slice(mine.begin, mine.size());
    if (share.size() == 0) return;
    ISOFLOP_NCCL(
        ncclAllGather(share.data, block.data, bytes_of(share), ncclInt8, handle_, stream_->get()));
  }

  std::shared_ptr<NcclWatch> watch_;
  StepGraphs& graphs_;
  std::unique_ptr<Communicator> owned_;
  Communicator& host_;
  std::shared_ptr<const CommunicationStream> stream_;
  ncclComm_t handle_;
  const int n_exceptions_ = std::uncaught_exceptions();
  ExchangePlans plans_;
  std::vector<std::unique_ptr<Buffer>> receive_buffers_;  // the last one is used
  std::int64_t receive_bytes_ = 0;
};

}  // namespace

std::unique_ptr<Communicator> connect_by_nccl(int device, cudaStream_t compute, StepGraphs& graphs,
                                              Communicator& host) {
  if (!are_devices_distinct(host, device)) return nullptr;
  Numbers id_numbers;
  if (host.rank() == 0) {
    ncclUniqueId made;
    ISOFLOP_NCCL(ncclGetUniqueId(&made));
    id_numbers = to_numbers(made);
  }
  const auto id = from_numbers<ncclUniqueId>(all_gather_numbers(host, id_numbers).front());
  const auto make = [id, n = host.size(), rank = host.rank()] {
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 1;
    ncclComm_t handle = nullptr;
    ISOFLOP_NCCL(ncclCommInitRankConfig(&handle, n, id, rank, &config));
    return handle;
  };
  return std::make_unique<NcclCommunicator>(std::make_shared<NcclWatch>(host, device),
                                            std::make_shared<const CommunicationStream>(compute),
                                            graphs, host, nullptr, make);
}

}  // namespace isoflop
