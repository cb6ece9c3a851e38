// SPDX-License-Identifier: Apache-2.0
// Devices by name, in a program that libisoflop_cuda.so is not beside.
#include "train/device/device.h"

#include "isoflop/error.h"
#include "support/catch.h"
#include "support/toy_dataset.h"
#include "train/checkpoint/spec_identity.h"

namespace isoflop {
namespace {

ErrorCode code_of(const std::string& device) {
  try {
    (void)find_devices(device);
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode{};
}

TEST_CASE("a program without the CUDA backend has a CPU, and says in one line what it lacks") {
  CHECK(find_devices("cpu") == std::vector<std::string>{"cpu"});
  CHECK(describe_devices() == std::vector<std::string>{"cpu"});
  CHECK(count_devices("cpu") == 1);
  CHECK(count_devices("cuda") == 0);
  for (const char* device : {"cuda", "cuda:0", "cuda:7"}) {
    CHECK(code_of(device) == ErrorCode::unavailable);
    const std::string message = ISOFLOP_ERROR_MESSAGE(find_devices(device));
    CHECK_THAT(message, contains("this build has no CUDA backend (libisoflop_cuda.so was not "));
    CHECK(message.find('\n') == std::string::npos);
    CHECK(ISOFLOP_ERROR_MESSAGE(make_backend(device, 0)) == message);
  }
  CHECK(code_of("abacus") == ErrorCode::invalid_argument);
}

TEST_CASE("which GPU carries a run is no part of what it is") {
  const RunSpec spec = test::toy_spec();
  CHECK(spec_identity(spec, kind_of("cuda:0")) == spec_identity(spec, kind_of("cuda:3")));
  CHECK(spec_identity(spec, kind_of("cuda")) == spec_identity(spec, kind_of("cuda:3")));
  CHECK(spec_identity(spec, kind_of("cuda")) != spec_identity(spec, kind_of("cpu")));
}

}  // namespace
}  // namespace isoflop
