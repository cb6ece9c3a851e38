// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

namespace isoflop {

/// Who is at fault. The values are part of the C ABI: append only.
enum class ErrorCode : int {
  invalid_argument = 1,  // the caller passed a value outside its domain
  parse = 2,             // a file is malformed, or holds a value outside its domain
  io = 3,                // the machine refused to read or write
  unavailable = 4,       // this build or machine does not have what was asked for
  frame_mismatch = 5,    // numbers measured differently were about to be mixed
  device = 6,            // an accelerator failed
  internal = 99,         // a bug of isoflop
};

/// Thrown when the caller, a file or the machine is at fault. The message says where, what was
/// found and what is allowed. A run that diverges or a fit that does not converge is a *result*:
/// see RunOutcome and FitStatus.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

/// Throws Error(internal). What a failed ISOFLOP_CHECK calls.
[[noreturn]] void throw_check_failure(const char* condition, const char* file, int line,
                                      const std::string& message);

}  // namespace isoflop

/// An invariant of isoflop itself; a failure is a bug, never the user's fault.
#define ISOFLOP_CHECK(condition, message)                                                        \
  do {                                                                                           \
    if (!(condition)) ::isoflop::throw_check_failure(#condition, __FILE__, __LINE__, (message)); \
  } while (false)
