// SPDX-License-Identifier: Apache-2.0
#include "nccl_communicator.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <map>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include <cuda_bf16.h>
#include <nccl.h>

#include "cuda_error.h"
#include "isoflop/error.h"
#include "kernels/sum.h"
#include "nccl_error.h"
#include "nccl_watch.h"
#include "stream.h"
#include "train/tcp_socket.h"

namespace isoflop {
namespace {

using Numbers = std::vector<std::int64_t>;

/// What every rank gives, below 2^53 so that doubles carry it.
std::vector<Numbers> gather_numbers(Communicator& host, const Numbers& mine) {
  const auto n = static_cast<std::size_t>(host.size()),
             rank = static_cast<std::size_t>(host.rank());
  std::vector<double> counts(n);
  counts[rank] = static_cast<double>(mine.size());
  const auto at = static_cast<std::int64_t>(rank);
  const Range my_count{at, at + 1};
  host.all_gather(counts, {&my_count, 1});
  std::vector<std::int64_t> ends{0};
  for (const double count : counts) ends.push_back(ends.back() + static_cast<std::int64_t>(count));
  std::vector<double> values(static_cast<std::size_t>(ends.back()));
  std::copy(mine.begin(), mine.end(), values.begin() + ends[rank]);
  const Range my_values{ends[rank], ends[rank + 1]};
  host.all_gather(values, {&my_values, 1});
  std::vector<Numbers> all;
  for (std::size_t i = 0; i < n; ++i) {
    all.emplace_back(values.begin() + ends[i], values.begin() + ends[i + 1]);
  }
  return all;
}

/// Any object as numbers of four bytes each, and back.
template <class T>
Numbers to_numbers(const T& value) {
  static_assert(sizeof value % sizeof(std::uint32_t) == 0);
  std::array<std::uint32_t, sizeof value / sizeof(std::uint32_t)> words;
  std::memcpy(words.data(), &value, sizeof value);
  return {words.begin(), words.end()};
}
template <class T>
T from_numbers(const Numbers& numbers) {
  T value{};
  std::array<std::uint32_t, sizeof value / sizeof(std::uint32_t)> words{};
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = static_cast<std::uint32_t>(numbers[i]);
  std::memcpy(&value, words.data(), sizeof value);
  return value;
}

/// Whether all ranks use devices of their own.
bool are_devices_distinct(Communicator& host, int device) {
  cudaDeviceProp properties;
  ISOFLOP_CUDA(cudaGetDeviceProperties(&properties, device));
  Numbers mine = to_numbers(properties.uuid);
  for (const char letter : host_name()) mine.push_back(letter);
  const std::vector<Numbers> all = gather_numbers(host, mine);
  return std::set<Numbers>(all.begin(), all.end()).size() == all.size();
}

/// A stream and the events by which it and the backend's wait for each other.
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
  [[nodiscard]] cudaStream_t compute() const { return compute_; }
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

/// What all ranks have said about one kind of operation.
struct Plan {
  std::vector<std::vector<Range>> ranges;     // of rows, of each rank
  std::vector<std::int64_t> n_contributions;  // of each rank
  std::vector<Range> even;                    // blocks of rows dealt out in equal shares
};

/// Takes the ranges that make up even blocks, one of each rank, out of `ranges`.
std::vector<Range> take_even_blocks(std::vector<std::vector<Range>>& ranges) {
  std::vector<Range> even;
  const std::size_t n = ranges.front().size();
  for (const auto& of_rank : ranges) {
    if (of_rank.size() != n) return even;
  }
  std::vector<std::vector<Range>> rest(ranges.size());
  for (std::size_t i = 0; i < n; ++i) {
    const std::int64_t share = ranges.front()[i].size();
    bool is_even = share > 0;
    for (std::size_t rank = 1; rank < ranges.size(); ++rank) {
      const Range range = ranges[rank][i];
      is_even = is_even && range.size() == share && range.begin == ranges[rank - 1][i].end;
    }
    if (is_even) even.push_back({ranges.front()[i].begin, ranges.back()[i].end});
    for (std::size_t rank = 0; rank < ranges.size() && !is_even; ++rank) {
      rest[rank].push_back(ranges[rank][i]);
    }
  }
  ranges = std::move(rest);
  return even;
}

void add_up(std::span<const Tensor> terms, Tensor sum, cudaStream_t stream) {
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
  using MakeHandle = std::function<ncclResult_t(ncclComm_t*)>;

  /// `owned`, where not null, is `host`.
  NcclCommunicator(std::shared_ptr<NcclWatch> watch, cudaStream_t compute, Communicator& host,
                   std::unique_ptr<Communicator> owned, const MakeHandle& make)
      : watch_(std::move(watch)),
        owned_(std::move(owned)),
        host_(host),
        stream_(compute),
        handle_(watch_->make(make)) {}

  // While an exception takes this rank away, the others do not come to say goodbye.
  ~NcclCommunicator() override {
    const bool unwinds = std::uncaught_exceptions() > n_exceptions_;
    if (!unwinds) (void)cudaStreamSynchronize(stream_.get());
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
    ISOFLOP_CUDA(cudaStreamSynchronize(stream_.get()));
    std::unique_ptr<Communicator> part = host_.split(color);
    const bool alone = part->size() == 1;
    const auto make = [parent = handle_, rank = rank(),
                       color = alone ? NCCL_SPLIT_NOCOLOR : color](ncclComm_t* handle) {
      return ncclCommSplit(parent, color, rank, handle, nullptr);
    };
    if (alone) {
      (void)watch_->make(make);  // all ranks call it
      return part;
    }
    Communicator& host = *part;
    return std::make_unique<NcclCommunicator>(watch_, stream_.compute(), host, std::move(part),
                                              make);
  }

  void all_gather(Backend&, Tensor values, std::span<const Range> mine) override {
    const Plan& plan = plan_for(Kind::gather, values.rows, 1, mine);
    stream_.follow_compute();
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
    stream_.let_compute_follow();
  }

  void start_reduce_scatter(Backend& backend, std::span<const Tensor> contributions,
                            std::span<const Range> mine) override {
    const Tensor target = contributions.front();
    const Plan& plan =
        plan_for(Kind::reduce, target.rows, static_cast<std::int64_t>(contributions.size()), mine);
    const std::vector<std::vector<Tensor>> terms = place_terms(backend, plan, contributions, mine);
    stream_.follow_compute();
    watch_->issue([&] {
      for_each_peer([&](int peer, std::size_t i) {
        for (const Tensor& tensor : contributions) {
          for (const Range range : plan.ranges[i]) {
            send(tensor.slice(range.begin, range.size()), peer);
          }
        }
        for (std::int64_t term = 0; term < plan.n_contributions[i]; ++term) {
          for (std::size_t k = 0; k < mine.size(); ++k) {
            receive(terms[k][first_term(plan, peer) + static_cast<std::size_t>(term)], peer);
          }
        }
      });
    });
    for (std::size_t k = 0; k < mine.size(); ++k) {
      if (mine[k].size() == 0 || terms[k].size() == 1) continue;
      add_up(terms[k], target.slice(mine[k].begin, mine[k].size()), stream_.get());
    }
  }

  void finish_reduce_scatters(Backend&) override {
    watch_->check();
    stream_.let_compute_follow();
  }

 private:
  enum class Kind { gather, reduce };

  const Plan& plan_for(Kind kind, std::int64_t rows, std::int64_t n_contributions,
                       std::span<const Range> mine) {
    Numbers key{static_cast<std::int64_t>(kind), rows, n_contributions};
    for (const Range range : mine) key.insert(key.end(), {range.begin, range.end});
    const auto known = plans_.find(key);
    if (known != plans_.end()) return known->second;
    ISOFLOP_CHECK(!stream_.is_captured(), "what ranks exchange has been exchanged once");
    watch_->check();
    Plan plan;
    for (const Numbers& numbers : gather_numbers(host_, key)) {
      ISOFLOP_CHECK(numbers[0] == key[0] && numbers[1] == rows, "ranks exchange equal shapes");
      plan.n_contributions.push_back(numbers[2]);
      std::vector<Range>& ranges = plan.ranges.emplace_back();
      for (std::size_t i = 3; i < numbers.size(); i += 2) {
        ranges.push_back({numbers[i], numbers[i + 1]});
      }
    }
    if (kind == Kind::gather) plan.even = take_even_blocks(plan.ranges);
    return plans_.emplace(std::move(key), std::move(plan)).first->second;
  }

  /// The number of the first of `rank`'s terms among those of all ranks.
  static std::size_t first_term(const Plan& plan, int rank) {
    std::int64_t n = 0;
    for (int i = 0; i < rank; ++i) n += plan.n_contributions[static_cast<std::size_t>(i)];
    return static_cast<std::size_t>(n);
  }

  /// The terms of the sum over each range of `mine`, in order: this rank's where they are, the
  /// others' where they are received.
  std::vector<std::vector<Tensor>> place_terms(Backend& backend, const Plan& plan,
                                               std::span<const Tensor> contributions,
                                               std::span<const Range> mine) {
    const Tensor like = contributions.front();
    const auto n_others =
        static_cast<std::int64_t>(first_term(plan, size()) - contributions.size());
    std::int64_t n_bytes = 0;
    for (const Range range : mine) n_bytes += n_others * slot_bytes(like, range);
    std::byte* next = receiving_memory(backend, n_bytes);
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

  // Recorded operations go on using what was there before.
  std::byte* receiving_memory(Backend& backend, std::int64_t n_bytes) {
    if (n_bytes > received_bytes_) {
      ISOFLOP_CHECK(!stream_.is_captured(), "what is recorded has run once");
      received_.push_back(backend.allocate(n_bytes));
      received_bytes_ = n_bytes;
    }
    return received_.empty() ? nullptr : static_cast<std::byte*>(received_.back()->data());
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
    ISOFLOP_NCCL(ncclSend(tensor.data, bytes_of(tensor), ncclInt8, peer, handle_, stream_.get()));
  }
  void receive(Tensor tensor, int peer) const {
    if (tensor.size() == 0) return;
    ISOFLOP_NCCL(ncclRecv(tensor.data, bytes_of(tensor), ncclInt8, peer, handle_, stream_.get()));
  }
  /// In place.
  void gather_even(Tensor block) const {
    const Range mine = share_of(block.rows, rank(), size());
    const Tensor share = block.slice(mine.begin, mine.size());
    if (share.size() == 0) return;
    ISOFLOP_NCCL(
        ncclAllGather(share.data, block.data, bytes_of(share), ncclInt8, handle_, stream_.get()));
  }

  std::shared_ptr<NcclWatch> watch_;
  std::unique_ptr<Communicator> owned_;
  Communicator& host_;
  CommunicationStream stream_;
  ncclComm_t handle_;
  const int n_exceptions_ = std::uncaught_exceptions();
  std::map<Numbers, Plan> plans_;
  std::vector<std::unique_ptr<Buffer>> received_;  // the last one is used
  std::int64_t received_bytes_ = 0;
};

}  // namespace

std::unique_ptr<Communicator> connect_by_nccl(int device, cudaStream_t compute,
                                              Communicator& host) {
  if (!are_devices_distinct(host, device)) return nullptr;
  Numbers word;
  if (host.rank() == 0) {
    ncclUniqueId made;
    ISOFLOP_NCCL(ncclGetUniqueId(&made));
    word = to_numbers(made);
  }
  const auto id = from_numbers<ncclUniqueId>(gather_numbers(host, word).front());
  const auto make = [id, n = host.size(), rank = host.rank()](ncclComm_t* handle) {
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 1;
    return ncclCommInitRankConfig(handle, n, id, rank, &config);
  };
  return std::make_unique<NcclCommunicator>(std::make_shared<NcclWatch>(host, device), compute,
                                            host, nullptr, make);
}

}  // namespace isoflop
