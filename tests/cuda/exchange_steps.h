// SPDX-License-Identifier: Apache-2.0
// Steps in which ranks exchange tensors in every way, on any backend and communicator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "base/rng.h"
#include "train/contract/backend.h"
#include "train/contract/communicator.h"
#include "train/device/bf16.h"
#include "train/ranks/thread_communicator.h"

namespace isoflop::test {

using Bytes = std::vector<std::byte>;

/// Values whose sum depends on the order, different ones on each rank.
inline Bytes random_values(DType dtype, std::int64_t n, std::uint64_t seed) {
  Bytes bytes(static_cast<std::size_t>(n * size_of(dtype)));
  const Rng rng(seed);
  for (std::int64_t i = 0; i < n; ++i) {
    const double unit = rng.uniform(static_cast<std::uint64_t>(i)) - 0.5;
    const double value = unit * (i % 3 == 0 ? 1e4 : 1.0);
    std::byte* at = bytes.data() + i * size_of(dtype);
    if (dtype == DType::f64) {
      std::memcpy(at, &value, sizeof value);
    } else if (dtype == DType::f32) {
      const auto f32 = static_cast<float>(value);
      std::memcpy(at, &f32, sizeof f32);
    } else {
      const std::uint16_t rounded = round_to_bf16(static_cast<float>(value));
      std::memcpy(at, &rounded, sizeof rounded);
    }
  }
  return bytes;
}

/// Tensors of a backend in memory of their own.
class BackendMemory {
 public:
  explicit BackendMemory(Backend& backend) : backend_(backend) {}
  Tensor make(DType dtype, std::int64_t rows, std::int64_t cols) {
    buffers_.push_back(backend_.allocate(rows * cols * size_of(dtype)));
    return {buffers_.back()->data(), dtype, rows, cols};
  }
  Tensor random(DType dtype, std::int64_t rows, std::int64_t cols, std::uint64_t seed) {
    const Tensor tensor = make(dtype, rows, cols);
    const Bytes values = random_values(dtype, rows * cols, seed);
    backend_.upload(tensor.data, values.data(), static_cast<std::int64_t>(values.size()));
    return tensor;
  }

 private:
  Backend& backend_;
  std::vector<std::unique_ptr<Buffer>> buffers_;
};

inline Bytes download(Backend& backend, Tensor tensor) {
  Bytes bytes(static_cast<std::size_t>(tensor.size() * size_of(tensor.dtype)));
  backend.download(bytes.data(), tensor.data, static_cast<std::int64_t>(bytes.size()));
  return bytes;
}

inline void append(Bytes& all, const Bytes& more) {
  all.insert(all.end(), more.begin(), more.end());
}

/// What a rank sees of a step: two reductions in flight, of one or two contributions per rank and
/// of uneven ranges, a gather of what they gave, and a sum over every other rank. Inputs are
/// produced just before they are needed and destroyed as soon as that is allowed, without waiting.
class ExchangeStep {
 public:
  ExchangeStep(Communicator& world, Backend& backend, DType dtype, std::int64_t rows)
      : world_(world),
        backend_(backend),
        memory_(backend),
        part_(world.split(world.rank() % 2)),
        n_(1 + world.rank() % 2) {
    const auto seed = static_cast<std::uint64_t>(world.rank() * 100);
    for (int i = 0; i < n_; ++i) {
      sources_.push_back(memory_.random(dtype, rows, kCols, seed + static_cast<std::uint64_t>(i)));
      first_.push_back(memory_.make(dtype, rows, kCols));
      second_.push_back(memory_.make(dtype, rows, kCols));
    }
    for (Tensor* tensor : {&reduced_, &gathered_, &copied_, &partial_}) {
      *tensor = memory_.make(dtype, rows, kCols);
    }
    const std::int64_t half = rows / 2;
    const Range left = share_of(half, world.rank(), world.size(), 4);
    const Range right = share_of(rows - half, world.rank(), world.size());
    two_ = {left, {half + right.begin, half + right.end}};
    one_ = share_of(rows, world.rank(), world.size(), 8);
  }

  void run() {
    fill(first_);
    world_.start_reduce_scatter(backend_, first_, two_);
    fill(second_);
    world_.start_reduce_scatter(backend_, second_, {&one_, 1});
    backend_.zero(gathered_);
    backend_.copy(sources_.front(), partial_);
    all_reduce(*part_, backend_, partial_);
    world_.finish_reduce_scatters(backend_);
    for (const Range range : two_) copy(first_.front(), reduced_, range);
    copy(second_.front(), gathered_, one_);
    for (const auto* tensors : {&first_, &second_}) {
      for (const Tensor& tensor : *tensors) backend_.zero(tensor);
    }
    world_.all_gather(backend_, gathered_, {&one_, 1});
    backend_.copy(gathered_, copied_);
    backend_.zero(gathered_);
    world_.all_gather(backend_, reduced_, two_);
  }
  void new_input(std::uint64_t seed) {
    const Tensor source = sources_.front();
    const Bytes values = random_values(source.dtype, source.size(),
                                       seed + static_cast<std::uint64_t>(world_.rank()));
    backend_.upload(source.data, values.data(), static_cast<std::int64_t>(values.size()));
  }
  Bytes result() {
    Bytes all = download(backend_, reduced_);
    append(all, download(backend_, copied_));
    append(all, download(backend_, partial_));
    return all;
  }

 private:
  static constexpr std::int64_t kCols = 3;

  void fill(const std::vector<Tensor>& tensors) {
    for (std::size_t i = 0; i < tensors.size(); ++i) backend_.copy(sources_[i], tensors[i]);
  }
  void copy(Tensor from, Tensor to, Range rows) {
    backend_.copy(from.slice(rows.begin, rows.size()), to.slice(rows.begin, rows.size()));
  }

  Communicator& world_;
  Backend& backend_;
  BackendMemory memory_;
  std::unique_ptr<Communicator> part_;
  int n_;
  std::vector<Tensor> sources_, first_, second_;
  Tensor reduced_, gathered_, copied_, partial_;
  std::vector<Range> two_;
  Range one_;
};

/// Results of all ranks, one step after the other.
inline std::vector<Bytes> steps(Communicator& world, Backend& backend, DType dtype, bool repeated) {
  std::vector<Bytes> results;
  ExchangeStep even(world, backend, dtype, 48), odd(world, backend, dtype, 61);
  for (std::uint64_t step = 0; step < 4; ++step) {
    for (ExchangeStep* shape : {&even, &odd}) {
      shape->new_input(1000 + step);
      if (repeated) {
        backend.repeat(shape == &even ? 0 : 1, [&] { shape->run(); });
      } else {
        shape->run();
      }
      results.push_back(shape->result());
    }
  }
  return results;
}

using Results = std::vector<std::vector<Bytes>>;

inline Results on_threads(int n, DType dtype) {
  Results results(static_cast<std::size_t>(n));
  run_ranks(n, [&](Communicator& world) {
    const auto backend = make_cpu_backend();
    results[static_cast<std::size_t>(world.rank())] = steps(world, *backend, dtype, false);
  });
  return results;
}

}  // namespace isoflop::test
