// SPDX-License-Identifier: Apache-2.0
#include "train/device/peak_memory.h"

#include <fstream>
#include <string>

namespace isoflop {

// Not getrusage(): its maximum includes what the parent had before exec.
std::int64_t peak_memory_bytes() {
  std::ifstream status("/proc/self/status");
  std::string key;
  std::int64_t kibibytes = 0;
  while (status >> key) {
    if (key == "VmHWM:" && status >> kibibytes) return kibibytes * 1024;
    status.ignore(1 << 20, '\n');
  }
  return 0;
}

}  // namespace isoflop
