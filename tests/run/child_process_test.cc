// SPDX-License-Identifier: Apache-2.0
#include "run/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "run/run_files.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

TEST_CASE("a child's output goes to its log, appended, and its end is described") {
  const test::TempDir dir;
  const std::filesystem::path log = dir.path() / "log";
  ChildProcess first({{"sh", "-c", "echo out; echo err >&2; exit 3"}, {}, log});
  CHECK(describe_wait_status(first.wait()) == "exit status 3");
  ChildProcess second(
      {{"sh", "-c", "echo $ISOFLOP_TEST; kill -9 $$"}, {{"ISOFLOP_TEST", "a b"}}, log});
  CHECK(describe_wait_status(second.wait()) == "killed by signal 9 (Killed)");
  CHECK(test::read_file(log) == "out\nerr\na b\n");
  CHECK(last_line(log) == "a b");
}

TEST_CASE("arguments reach a child untouched: there is no shell") {
  const test::TempDir dir;
  const std::string nasty = "$(touch x); `ls` \"'\n*";
  ChildProcess child({{"printf", "%s", nasty}, {}, dir.path() / "log"});
  CHECK(child.wait() == 0);
  CHECK(test::read_file(dir.path() / "log") == nasty);
}

TEST_CASE("a program that is not there ends with 127 and a line in the log") {
  const test::TempDir dir;
  ChildProcess child({{"/nowhere/trainer"}, {}, dir.path() / "log"});
  CHECK(describe_wait_status(child.wait()) == "exit status 127");
  CHECK(last_line(dir.path() / "log") == "cannot execute /nowhere/trainer");
}

TEST_CASE("a child ends with its object") {
  const test::TempDir dir;
  pid_t pid = 0;
  {
    ChildProcess child({{"sleep", "100"}, {}, dir.path() / "log"});
    pid = child.pid();
    CHECK_FALSE(child.poll());
    CHECK(::kill(pid, 0) == 0);
  }
  CHECK(::kill(pid, 0) != 0);
}

TEST_CASE("what is sent to a child reaches its own children, also those that outlive it") {
  const test::TempDir dir;
  const auto heir_of = [&](ChildProcess& child) {
    std::string line;
    while ((line = last_line(dir.path() / "log")).empty()) CHECK_FALSE(child.poll());
    return static_cast<pid_t>(std::stol(line));
  };
  // Nobody waits for an orphan but its new parent: it is dead, or a zombie for a while.
  const auto is_dead = [](pid_t pid) {
    const std::string stat = test::read_file("/proc/" + std::to_string(pid) + "/stat");
    return stat.empty() || stat.find(") Z ") != std::string::npos;
  };
  ChildProcess child({{"sh", "-c", "sleep 100 & echo $!; wait"}, {}, dir.path() / "log"});
  const pid_t heir = heir_of(child);
  CHECK_FALSE(child.has_heirs());  // the child is there itself
  ::kill(child.pid(), SIGKILL);
  child.wait();
  CHECK(child.has_heirs());
  CHECK_FALSE(is_dead(heir));
  child.send(SIGTERM);
  for (int i = 0; i < 10'000 && child.has_heirs(); ++i) ::usleep(1000);
  CHECK(is_dead(heir));
  CHECK_FALSE(child.has_heirs());
}

TEST_CASE("only the descriptors that are named are inherited") {
  const test::TempDir dir;
  const auto open_descriptors = [&](const std::vector<int>& inherited) {
    const std::filesystem::path log = dir.path() / ("log" + std::to_string(inherited.size()));
    ChildProcess child({{"sh", "-c", "ls /proc/self/fd | wc -l"}, {}, log, inherited});
    child.wait();
    return last_line(log);
  };
  const int ours = ::open((dir.path() / "file").c_str(), O_RDWR | O_CREAT, 0644);
  const int also_ours = ::dup(ours);
  CHECK(open_descriptors({}) == "4");  // 0, 1, 2 and the folder that ls reads
  CHECK(open_descriptors({ours}) == "5");
  CHECK(open_descriptors({ours, also_ours}) == "6");
  ::close(ours);
  ::close(also_ours);
}

}  // namespace
}  // namespace isoflop
