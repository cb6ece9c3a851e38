// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nccl.h>

#include "isoflop/error.h"

namespace isoflop {

/// Throws Error(device) for all but success, with the call, its place and NCCL's last words.
inline void check_nccl(ncclResult_t status, const char* call, const char* file, int line) {
  if (status == ncclSuccess) return;
  const char* words = ncclGetLastError(nullptr);
  throw Error(ErrorCode::device,
              std::string(call) + " failed: " + ncclGetErrorString(status) +
                  (words != nullptr && *words != 0 ? std::string(": ") + words : std::string()) +
                  " (" + file + ":" + std::to_string(line) + ")");
}

}  // namespace isoflop

/// Around every call of NCCL.
#define ISOFLOP_NCCL(call) ::isoflop::check_nccl((call), #call, __FILE__, __LINE__)
