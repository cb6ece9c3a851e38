// SPDX-License-Identifier: Apache-2.0
#include "train/device/host_memory.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include <sys/resource.h>

namespace isoflop {
namespace {

namespace fs = std::filesystem;
using Bytes = std::optional<std::int64_t>;

void lower(Bytes& least, Bytes bytes) {
  if (bytes) least = std::max<std::int64_t>(0, std::min(least.value_or(*bytes), *bytes));
}

/// The number behind `key` in a file of "key number" lines; without a key, the file's first word.
Bytes number_in(const fs::path& file, const std::string& key = "") {
  std::ifstream stream(file);
  std::int64_t number = 0;
  if (key.empty()) return stream >> number ? Bytes(number) : std::nullopt;
  std::string word;
  while (stream >> word) {
    if (word == key) return stream >> number ? Bytes(number) : std::nullopt;
    stream.ignore(1 << 20, '\n');
  }
  return std::nullopt;
}

Bytes kibibytes_in(const fs::path& file, const std::string& key) {
  const Bytes number = number_in(file, key);
  return number ? Bytes(*number * 1024) : std::nullopt;
}

/// Version 1 says "no limit" by a number near 2^63, to which nothing can be added.
constexpr std::int64_t kMostBytes = std::int64_t{1} << 60;

/// What a control group leaves: pages of files in it can be dropped. No limit ("max"): nothing.
Bytes left_in_group(const fs::path& folder, const char* limit_file, const char* usage_file) {
  const Bytes limit = number_in(folder / limit_file), usage = number_in(folder / usage_file);
  if (!limit || !usage) return std::nullopt;
  const fs::path statistics = folder / "memory.stat";
  return std::min(*limit, kMostBytes) - *usage +
         number_in(statistics, "inactive_file").value_or(0) +
         number_in(statistics, "active_file").value_or(0);
}

/// The groups of this process from its own up to the root, which containers see as theirs.
void lower_by_groups(Bytes& least) {
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const bool is_second_version = second == first + 1;
    if (!is_second_version && line.substr(first + 1, second - first - 1) != "memory") continue;
    const fs::path root = is_second_version ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    for (fs::path group = line.substr(second + 1);; group = group.parent_path()) {
      const fs::path folder = root / group.relative_path();
      lower(least, is_second_version
                       ? left_in_group(folder, "memory.max", "memory.current")
                       : left_in_group(folder, "memory.limit_in_bytes", "memory.usage_in_bytes"));
      if (!group.has_relative_path()) break;
    }
  }
}

void lower_by_limits(Bytes& least) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
  const std::int64_t used = kibibytes_in("/proc/self/status", "VmSize:").value_or(0);
  lower(least, static_cast<std::int64_t>(limit.rlim_cur) - used);
}

}  // namespace

Bytes available_host_memory() {
  Bytes least = kibibytes_in("/proc/meminfo", "MemAvailable:");
  lower_by_groups(least);
  lower_by_limits(least);
  return least;
}

}  // namespace isoflop
