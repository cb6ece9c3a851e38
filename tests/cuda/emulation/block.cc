// SPDX-License-Identifier: Apache-2.0
#include "block.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <numeric>
#include <utility>
#include <vector>

#include "device/device.cuh"
#include "fiber.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace isoflop::emulation {
namespace {

// Off every power of two, so that the caches keep the tops of many stacks.
constexpr std::size_t kStackBytes = (256 + 4) * 1024;
constexpr std::size_t stack_bytes_of(unsigned thread) {
  return kStackBytes - 192 * (thread % kWarpSize);
}

std::string text_of(const uint3& i) {
  return "(" + std::to_string(i.x) + ", " + std::to_string(i.y) + ", " + std::to_string(i.z) + ")";
}

class FastRandom {
 public:
  explicit FastRandom(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 0x1234567u) {
    for (int i = 0; i < 4; ++i) (void)next();
  }
  std::uint32_t next() {  // xorshift64*
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return static_cast<std::uint32_t>((state_ * 0x2545f4914f6cdd1du) >> 32);
  }
  std::uint32_t below(std::uint32_t n) {
    return static_cast<std::uint32_t>((std::uint64_t{next()} * n) >> 32);
  }

 private:
  std::uint64_t state_;
};

struct Copy {
  void* to;
  const void* from;
  bool valid;
};

struct Thread {
  Fiber fiber;
  uint3 index{};
  unsigned number = 0;
  const char* waits_at = nullptr;
  bool has_exited = false;
  std::vector<Copy> open_group;
  std::vector<std::vector<Copy>> groups;
};

struct Warp {
  unsigned n_arrived = 0;
  const char* instruction = nullptr;
  // Two sets in turn: a lane that is ahead writes the one that no lane reads any more.
  unsigned turn = 0;
  alignas(16) std::array<std::array<std::byte, kWarpSize * kSlotBytes>, 2> slots;
};

/// Threads that can go on, taken from the front.
class ReadyThreads {
 public:
  void clear() { first_ = n_ = 0; }
  void push_back(Thread* thread) { ring_[(first_ + n_++) % kMaxThreads] = thread; }
  void push_front(Thread* thread) {
    first_ = (first_ + kMaxThreads - 1) % kMaxThreads;
    ring_[first_] = thread;
    ++n_;
  }
  Thread* pop() {
    if (n_ == 0) return nullptr;
    Thread* thread = ring_[first_];
    first_ = (first_ + 1) % kMaxThreads;
    --n_;
    return thread;
  }

 private:
  std::array<Thread*, kMaxThreads> ring_{};
  unsigned first_ = 0, n_ = 0;
};

class Block {
 public:
  Block() : threads_(kMaxThreads), warps_(kMaxThreads / kWarpSize) {
    std::byte* stacks = allocate_stacks(kMaxThreads, kStackBytes);
    for (unsigned i = 0; i < kMaxThreads; ++i) {
      threads_[i].number = i;
      threads_[i].fiber.stack = stacks + i * kStackBytes;
      threads_[i].fiber.stack_bytes = stack_bytes_of(i);
    }
  }

  void start_kernel(dim3 block, std::size_t shared_bytes, std::uint64_t seed,
                    const std::function<void()>& kernel) {
    n_threads_ = block.x * block.y * block.z;
    random_ = FastRandom(seed);
    kernel_ = &kernel;
    shared_bytes_ = shared_bytes;
    // Exactly as large, so that the address sanitizer sees what lies outside.
    shared_.reset(static_cast<std::byte*>(::operator new(shared_bytes, kSharedAlignment)));
    for (unsigned i = 0; i < n_threads_; ++i)
      threads_[i].index = {i % block.x, i / block.x % block.y, i / (block.x * block.y)};
  }

  void run_block();

  void wait_for_block() {
    current_->waits_at = "__syncthreads";
    if (++n_at_barrier_ == n_threads_) {
      n_at_barrier_ = 0;
      make_all_ready();
    }
    yield();
  }

  void wait_for_warp(const char* instruction) {
    const unsigned first = current_->number / kWarpSize * kWarpSize;
    Warp& warp = warps_[first / kWarpSize];
    if (first + kWarpSize > n_threads_)
      kernel_error(std::string(instruction) + " of a whole warp in one of " +
                   std::to_string(n_threads_ - first) + " threads");
    if (warp.n_arrived == 0) warp.instruction = instruction;
    if (warp.instruction != instruction && std::strcmp(warp.instruction, instruction) != 0)
      kernel_error("divergent warp: " + std::string(instruction) + ", while others wait at " +
                   warp.instruction);
    current_->waits_at = instruction;
    if (++warp.n_arrived == kWarpSize) {
      warp.n_arrived = 0;
      make_warp_ready(first);
    }
    yield();
  }

  const std::byte* exchange(const char* instruction, const void* value, std::size_t n_bytes) {
    Warp& warp = warps_[current_->number / kWarpSize];
    if (warp.n_arrived == 0) warp.turn ^= 1;
    auto& slots = warp.slots[warp.turn];
    std::memcpy(&slots[current_->number % kWarpSize * kSlotBytes], value, n_bytes);
    wait_for_warp(instruction);
    return slots.data();
  }

  [[nodiscard]] Thread& current() { return *current_; }
  [[nodiscard]] void* shared() { return shared_.get(); }

 private:
  static constexpr std::align_val_t kSharedAlignment{128};
  struct FreeShared {
    void operator()(std::byte* p) const { ::operator delete(p, kSharedAlignment); }
  };

  static void run_thread();

  void go_on_as(Thread* thread) {
    current_ = thread;
    threadIdx = thread->index;
  }

  /// Lets others run until the current thread is ready again.
  void yield() {
    Thread* self = current_;
    Thread* next = ready_.pop();
    if (next == nullptr) {
      switch_fiber(self->fiber, starter_);  // and never back
    } else if (next != self) {
      go_on_as(next);
      switch_fiber(self->fiber, next->fiber);
    }
    self->waits_at = nullptr;
  }

  void make_all_ready() {
    std::array<std::uint16_t, kMaxThreads> order;
    for (unsigned i = 0; i < n_threads_; ++i) {
      const unsigned j = random_.below(i + 1);
      order[i] = order[j];
      order[j] = static_cast<std::uint16_t>(i);
    }
    for (unsigned i = 0; i < n_threads_; ++i) ready_.push_back(&threads_[order[i]]);
  }

  /// Its lanes in some order, before or behind the threads that are ready already.
  void make_warp_ready(unsigned first) {
    const std::uint32_t r = random_.next();
    const unsigned factor = (r & 31) | 1, flip = r >> 5 & 31;
    const bool in_front = (r >> 10 & 1) != 0;
    for (unsigned i = 0; i < kWarpSize; ++i) {
      Thread* thread = &threads_[first + (((i * factor) & 31) ^ flip)];
      in_front ? ready_.push_front(thread) : ready_.push_back(thread);
    }
  }

  void forget_block();
  [[nodiscard]] std::string who_waits() const;

  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  ReadyThreads ready_;
  Fiber starter_;
  Thread* current_ = nullptr;
  unsigned n_threads_ = 0, n_at_barrier_ = 0, n_exited_ = 0;
  FastRandom random_{0};
  const std::function<void()>* kernel_ = nullptr;
  std::unique_ptr<std::byte, FreeShared> shared_;
  std::size_t shared_bytes_ = 0;
  std::string failure_;
};

// One for all kernels, which run one at a time; its stacks are kept.
Block& block() {
  static Block only;
  return only;
}

void Block::run_thread() {
  Block& self = block();
  try {
    (*self.kernel_)();
  } catch (const std::exception& e) {
    self.failure_ = "thread " + text_of(threadIdx) + ": " + e.what();
  }
  self.current_->has_exited = true;
  ++self.n_exited_;
  Fiber& ended = self.current_->fiber;
  Thread* next = self.failure_.empty() ? self.ready_.pop() : nullptr;
  if (next == nullptr) leave_for(ended, self.starter_);
  self.go_on_as(next);
  leave_for(ended, next->fiber);
}

void Block::run_block() {
  forget_block();
  std::memset(shared_.get(), 0xff, shared_bytes_);  // NaN as float and as bf16
  for (unsigned i = 0; i < n_threads_; ++i) prepare_fiber(threads_[i].fiber, run_thread);
  make_all_ready();
  starter_ = Fiber{};
  go_on_as(ready_.pop());
  switch_fiber(starter_, current_->fiber);
  if (failure_.empty() && n_exited_ < n_threads_) failure_ = "never goes on: " + who_waits();
  if (failure_.empty()) return;
  for (unsigned i = 0; i < n_threads_; ++i) abandon_fiber(threads_[i].fiber);
  throw KernelError("block " + text_of(blockIdx) + ", " + std::exchange(failure_, {}));
}

void Block::forget_block() {
  ready_.clear();
  n_at_barrier_ = n_exited_ = 0;
  for (unsigned i = 0; i < n_threads_; ++i) {
    threads_[i].has_exited = false;
    threads_[i].waits_at = nullptr;
    threads_[i].open_group.clear();
    threads_[i].groups.clear();
  }
  for (unsigned i = 0; i * kWarpSize < n_threads_; ++i) warps_[i].n_arrived = 0;
}

std::string Block::who_waits() const {
  std::vector<std::pair<std::string, std::vector<unsigned>>> places;
  for (unsigned i = 0; i < n_threads_; ++i) {
    const std::string place =
        threads_[i].has_exited ? "have returned" : std::string("wait at ") + threads_[i].waits_at;
    auto at = std::ranges::find(places, place, [](const auto& p) { return p.first; });
    if (at == places.end()) at = places.insert(places.end(), {place, {}});
    at->second.push_back(i);
  }
  std::string text;
  for (const auto& [place, numbers] : places) {
    if (!text.empty()) text += ", ";
    text += std::to_string(numbers.size()) + " threads (the first is " +
            std::to_string(numbers.front()) + ") " + place;
  }
  return text;
}

void finish(const std::vector<Copy>& group) {
  for (const Copy& copy : group) {
    if (copy.valid) {
      std::memcpy(copy.to, copy.from, 16);
    } else {
      std::memset(copy.to, 0, 16);
    }
  }
}

}  // namespace

void run_grid(dim3 grid, dim3 shape, std::size_t shared_bytes, std::uint64_t seed,
              const std::function<void()>& kernel) {
  FastRandom random(seed);
  gridDim = grid;
  blockDim = shape;
  block().start_kernel(shape, shared_bytes, seed ^ 0x5851f42d4c957f2du, kernel);
  const std::uint64_t n = std::uint64_t{grid.x} * grid.y * grid.z;
  // Every block once: the step has no divisor in common with n.
  std::uint64_t step = 1 + random.next() % n, at = random.next() % n;
  while (std::gcd(step, n) != 1) ++step;
  for (std::uint64_t i = 0; i < n; ++i, at = (at + step) % n) {
    blockIdx = {static_cast<unsigned>(at % grid.x), static_cast<unsigned>(at / grid.x % grid.y),
                static_cast<unsigned>(at / grid.x / grid.y)};
    block().run_block();
  }
}

void kernel_error(const std::string& what) { throw KernelError(what); }
void* shared_memory() { return block().shared(); }
unsigned lane() { return block().current().number % kWarpSize; }
void wait_for_block() { block().wait_for_block(); }
void wait_for_warp(const char* instruction) { block().wait_for_warp(instruction); }

const std::byte* exchange_bytes(const char* instruction, const void* value, std::size_t n_bytes) {
  return block().exchange(instruction, value, n_bytes);
}

void start_copy(void* shared, const void* global, bool valid) {
  check_alignment(shared, 16, "copy_async to shared memory");
  check_alignment(global, 16, "copy_async from global memory");
  std::memset(shared, 0xff, 16);  // whoever does not wait sees NaN
  block().current().open_group.push_back({shared, global, valid});
}

void end_copy_group() {
  Thread& thread = block().current();
  thread.groups.push_back(std::exchange(thread.open_group, {}));
}

void wait_for_copy_groups(std::size_t n_pending) {
  auto& groups = block().current().groups;
  if (groups.size() <= n_pending) return;
  const auto end = groups.end() - static_cast<std::ptrdiff_t>(n_pending);
  std::for_each(groups.begin(), end, finish);
  groups.erase(groups.begin(), end);
}

void check_alignment(const void* address, std::size_t alignment, const char* access) {
  if (reinterpret_cast<std::uintptr_t>(address) % alignment != 0)
    kernel_error(std::string(access) + ": not aligned to " + std::to_string(alignment) + " bytes");
}

}  // namespace isoflop::emulation
