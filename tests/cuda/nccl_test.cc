// SPDX-License-Identifier: Apache-2.0
// Ranks on one device: NCCL for one of them, the memory that they share for several. The bits are
// those of ranks that are threads with CPU backends.
#include <stdexcept>

#include "cuda/exchange_steps.h"
#include "cuda_backend.h"
#include "device_under_test.h"
#include "nccl_communicator.h"
#include "support/catch.h"

namespace isoflop {
namespace {

using test::on_threads;
using test::Results;

TEST_CASE("one rank may have a communicator by NCCL too") {
  test::fresh_device();
  const Results expected = on_threads(1, DType::f32);
  for (const bool repeated : {false, true}) {
    Results results(1);
    run_ranks(1, [&](Communicator& host) {
      CudaBackend backend(0);
      const auto world =
          connect_by_nccl(backend.device(), backend.stream(), backend.graphs(), host);
      if (!world) throw std::logic_error("no NCCL for one rank");
      if (!world->recordable()) throw std::logic_error("NCCL cannot be recorded");
      results[0] = test::steps(*world, backend, DType::f32, repeated);
    });
    CHECK(results == expected);
  }
}

TEST_CASE("ranks that share a device exchange by its memory") {
  for (const int n : {2, 3})
    for (const DType dtype : {DType::f32, DType::bf16, DType::f64}) {
      test::fresh_device();
      Results results(static_cast<std::size_t>(n));
      run_ranks(n, [&](Communicator& host) {
        CudaBackend backend(0);
        if (connect_by_nccl(backend.device(), backend.stream(), backend.graphs(), host))
          throw std::logic_error("NCCL refuses ranks that share a device");
        results[static_cast<std::size_t>(host.rank())] =
            test::steps(host, backend, dtype, /*repeated=*/false);
      });
      INFO(n << " ranks, type " << static_cast<int>(dtype));
      CHECK(results == on_threads(n, dtype));
    }
}

}  // namespace
}  // namespace isoflop
