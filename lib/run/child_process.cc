// SPDX-License-Identifier: Apache-2.0
#include "run/child_process.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isoflop/error.h"

namespace isoflop {
namespace {

constexpr int kCannotExecute = 127;  // as shells have it

[[noreturn]] void throw_io(const std::string& what, const char* action) {
  throw Error(ErrorCode::io, what + ": cannot " + action + ": " + std::strerror(errno));
}

class Descriptor {
 public:
  Descriptor(const std::filesystem::path& file, int flags)
      : value_(::open(file.c_str(), flags | O_CLOEXEC, 0644)) {
    if (value_ < 0) throw_io(file.string(), "open");
  }
  ~Descriptor() { ::close(value_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return value_; }

 private:
  int value_;
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

std::vector<std::string> environment_with(
    const std::vector<std::pair<std::string, std::string>>& ours) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    bool replaced = false;
    for (const auto& [name, value] : ours) replaced |= text.starts_with(name + "=");
    if (!replaced) result.push_back(text);
  }
  for (const auto& [name, value] : ours) result.push_back(name + "=" + value);
  return result;
}

// Between fork and exec: only what is safe after fork in a process that may have threads.
[[noreturn]] void become(char* const* argv, char* const* environment, int in, int log,
                         const std::vector<int>& inherited, pid_t parent) {
  // Asked for first, checked second: a parent that died in between is noticed by the check.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(kCannotExecute);
  ::setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int signal : {SIGINT, SIGTERM, SIGPIPE, SIGHUP}) ::signal(signal, SIG_DFL);
  ::dup2(in, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  // What the process that embeds us has open is no business of a trainer's.
  ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  for (const int descriptor : inherited) ::fcntl(descriptor, F_SETFD, 0);
  ::execvpe(argv[0], argv, environment);
  for (const char* part : {"cannot execute ", static_cast<const char*>(argv[0]), "\n"}) {
    if (::write(STDERR_FILENO, part, std::strlen(part)) < 0) break;
  }
  ::_exit(kCannotExecute);
}

}  // namespace

ChildProcess::ChildProcess(const ChildCommand& command) {
  std::vector<std::string> arguments = command.argv;
  std::vector<std::string> environment = environment_with(command.environment);
  const std::vector<char*> argv = pointers(arguments), envp = pointers(environment);
  const Descriptor in("/dev/null", O_RDONLY);
  const Descriptor log(command.log, O_WRONLY | O_CREAT | O_APPEND);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw_io(command.argv.front(), "start");
  if (pid_ == 0) {
    become(argv.data(), envp.data(), in.get(), log.get(), command.inherited_descriptors, parent);
  }
  // As the child does: whoever comes first, the group is there when we go on.
  ::setpgid(pid_, pid_);
  group_ = pid_;
}

ChildProcess::~ChildProcess() {
  send(SIGKILL);
  if (pid_ >= 0) wait();
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), group_(std::exchange(other.group_, -1)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(group_, other.group_);
  return *this;
}

std::optional<int> ChildProcess::poll() {
  int status = 0;
  if (pid_ < 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  pid_ = -1;
  return status;
}

int ChildProcess::wait() {
  int status = 0;
  while (pid_ >= 0 && ::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return status;
}

void ChildProcess::send(int signal) {
  // Once we have waited for its first process, the group's number is free as soon as it is empty.
  if (group_ >= 0 && ::kill(-group_, signal) != 0 && pid_ < 0) group_ = -1;
}

bool ChildProcess::has_heirs() const { return pid_ < 0 && group_ >= 0 && ::kill(-group_, 0) == 0; }

std::string describe_wait_status(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    return "killed by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")";
  }
  return "exit status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace isoflop
