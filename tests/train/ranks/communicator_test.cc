// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <stdexcept>
#include <vector>

#include "support/catch.h"
#include "train/contract/range.h"
#include "train/ranks/thread_communicator.h"

namespace isoflop {

TEST_CASE("shares cover everything once, in order, and end at whole units") {
  for (const std::int64_t n : {0, 1, 7, 64, 65, 1000}) {
    for (const int n_ranks : {1, 2, 3, 5}) {
      std::int64_t next = 0;
      for (int rank = 0; rank < n_ranks; ++rank) {
        const Range share = share_of(n, rank, n_ranks, 8);
        CHECK(share.begin == next);
        CHECK((share.end % 8 == 0 || share.end == n));
        next = share.end;
      }
      CHECK(next == n);
    }
  }
}

TEST_CASE("gradients are summed in rank order, whoever carries them") {
  // (1e8 + 1) - 1e8 is 0 in fp32, any other order gives 1.
  const std::vector<float> contributions = {1e8f, 1.0f, -1e8f, 0.5f};
  for (const int n_threads : {1, 2, 4}) {
    std::vector<float> sums(3, -1.0f);
    run_ranks(n_threads, [&](Communicator& communicator) {
      const auto backend = make_cpu_backend();
      const Range carried = share_of(4, communicator.rank(), n_threads);
      std::vector<std::vector<float>> memory;
      std::vector<Tensor> tensors;
      for (std::int64_t i = carried.begin; i < carried.end; ++i) {
        memory.emplace_back(3, contributions[static_cast<std::size_t>(i)]);
      }
      for (auto& values : memory) tensors.push_back({values.data(), DType::f32, 3, 1});
      const Range mine = share_of(3, communicator.rank(), n_threads);
      communicator.start_reduce_scatter(*backend, tensors, {&mine, 1});
      communicator.finish_reduce_scatters(*backend);
      for (std::int64_t i = mine.begin; i < mine.end; ++i) {
        sums[static_cast<std::size_t>(i)] = tensors.front().f32()[i];
      }
      communicator.barrier();
    });
    CHECK(sums == std::vector<float>(3, 0.5f));
  }
}

TEST_CASE("all ranks hold what each has filled in, many times over") {
  run_ranks(3, [](Communicator& communicator) {
    std::vector<double> values(7);
    for (int round = 0; round < 200; ++round) {
      const Range mine = share_of(7, communicator.rank(), 3);
      for (std::int64_t i = mine.begin; i < mine.end; ++i) {
        values[static_cast<std::size_t>(i)] = static_cast<double>(round * 10 + i);
      }
      communicator.all_gather(values, {&mine, 1});
      for (std::size_t i = 0; i < 7; ++i) {
        if (values[i] != static_cast<double>(round * 10) + static_cast<double>(i)) {
          throw std::logic_error("stale value");
        }
      }
    }
  });
}

TEST_CASE("a rank that fails releases the others, and its error is the one that is thrown") {
  for (const int failing : {0, 1, 2}) {
    std::atomic<int> n_past_the_barrier{0};
    CHECK_THROWS_WITH(run_ranks(3,
                                [&](Communicator& communicator) {
                                  if (communicator.rank() == failing) {
                                    throw std::runtime_error("disk on fire");
                                  }
                                  communicator.barrier();
                                  ++n_past_the_barrier;
                                }),
                      "disk on fire");
    CHECK(n_past_the_barrier == 0);
  }
}

}  // namespace isoflop
