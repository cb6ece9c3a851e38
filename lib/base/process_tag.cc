// SPDX-License-Identifier: Apache-2.0
#include "base/process_tag.h"

#include <fstream>
#include <iterator>
#include <vector>

#include <unistd.h>

#include "base/text.h"

namespace isoflop {
namespace {

/// When the process started, in clock ticks since boot (proc(5), field 22 of stat), or "" where it
/// is dead.
std::string start_time(const std::string& process_number) {
  std::ifstream stream("/proc/" + process_number + "/stat");
  const std::string text(std::istreambuf_iterator<char>(stream), {});
  // Field 2 is the program's name in parentheses and may hold anything.
  const std::size_t name_end = text.rfind(") ");
  if (name_end == std::string::npos) return "";
  const std::vector<std::string> fields = split(std::string_view(text).substr(name_end + 2), ' ');
  const bool is_dead = fields.front() == "Z" || fields.front() == "X";
  constexpr std::size_t kStartTime = 22 - 3;  // the first of `fields` is field 3
  return is_dead || fields.size() <= kStartTime ? "" : fields[kStartTime];
}

}  // namespace

std::string process_tag() {
  const std::string process_number = std::to_string(::getpid());
  return process_number + "-" + start_time(process_number);
}

bool is_process_alive(std::string_view tag) {
  const std::vector<std::string> parts = split(tag, '-');
  if (parts.size() != 2 || !parse_integer(parts[0])) return false;
  const std::string time = start_time(parts[0]);
  return !time.empty() && time == parts[1];
}

}  // namespace isoflop
