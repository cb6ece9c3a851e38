// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace isoflop {

struct ChildCommand {
  std::vector<std::string> argv;                                 // executed as it is, no shell
  std::vector<std::pair<std::string, std::string>> environment;  // on top of ours
  std::filesystem::path log;                                     // stdout and stderr are appended
  std::vector<int> inherited_descriptors = {};  // kept open in the child, besides 0, 1 and 2
};

/// A child process that cannot outlive the thread that started it: the kernel kills it then, also
/// after kill -9 of this process. It has a process group of its own, so that Ctrl-C reaches us
/// alone, and so that its own children are reached with it.
class ChildProcess {
 public:
  /// Throws Error(io) if the machine refuses. A program that cannot be executed ends with status
  /// 127 and a line in the log.
  explicit ChildProcess(const ChildCommand& command);
  /// Kills a child that is still there, and its children.
  ~ChildProcess();
  ChildProcess(ChildProcess&&) noexcept;
  ChildProcess& operator=(ChildProcess&&) noexcept;

  /// How it ended, as waitpid() says, once it has.
  [[nodiscard]] std::optional<int> poll();
  /// Blocks until it has ended.
  int wait();
  /// To the child and its children, also those that have outlived it.
  void send(int signal);
  /// Whether children of the child have outlived it.
  [[nodiscard]] bool has_heirs() const;
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;    // -1 once it was waited for
  pid_t group_ = -1;  // -1 once nobody is left in it
};

/// "exit status 3", "killed by signal 9 (Killed)".
[[nodiscard]] std::string describe_wait_status(int status);

}  // namespace isoflop
