// SPDX-License-Identifier: Apache-2.0
// Ranks of several processes on 127.0.0.1: processes are forked, and some of them die.
#include "train/ranks/socket_communicator.h"

#include <atomic>
#include <chrono>
#include <cmath>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/catch.h"
#include "support/temp_dir.h"
#include "train/ranks/rendezvous.h"

namespace isoflop {
namespace {

using Clock = std::chrono::steady_clock;
using Body = std::function<void(Communicator&)>;

// Short enough for a test; long enough for a machine that is busy with other tests.
const RankTiming kQuick{std::chrono::milliseconds(50), std::chrono::milliseconds(1000),
                        std::chrono::milliseconds(20000)};

/// Processes that meet by a file in a folder of their own.
class Job {
 public:
  Job(int n_processes, int n_local_ranks) : n_processes_(n_processes), n_local_(n_local_ranks) {}

  [[nodiscard]] LaunchEnvironment environment(int process) const {
    return {process, n_processes_, process, n_processes_, "file:" + file().string(), "test"};
  }
  [[nodiscard]] std::filesystem::path file() const { return folder_.path() / "meet"; }
  [[nodiscard]] std::filesystem::path result(int process) const {
    return folder_.path() / std::to_string(process);
  }
  void run(int process, const Body& body, const RankTiming& timing = kQuick) const {
    run_process_ranks(environment(process), n_local_, body, timing);
  }
  /// A child that leaves what it got to hear, or "fine", in result(process).
  pid_t start(int process, const Body& body, const RankTiming& timing = kQuick) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    std::string heard = "fine";
    try {
      run(process, body, timing);
    } catch (const std::exception& error) {
      heard = error.what();
    }
    std::ofstream(result(process)) << heard;
    ::_exit(0);
  }
  std::string wait(pid_t child, int process) const {
    ::waitpid(child, nullptr, 0);
    return test::read_file(result(process));
  }

 private:
  int n_processes_, n_local_;
  test::TempDir folder_;
};

void require(bool condition, const char* what) {
  if (!condition) throw std::logic_error(what);
}

/// Calls of every kind, with values that name their rank; throws where one is wrong.
void talk(Communicator& world) {
  const int n = world.size(), rank = world.rank();
  for (int round = 0; round < 20; ++round) {
    require(world.sum(rank + 1.0) == n * (n + 1) / 2.0, "wrong sum");
    std::vector<double> values(7, -1.0);
    const Range mine = share_of(7, rank, n);
    for (std::int64_t i = mine.begin; i < mine.end; ++i) {
      values[static_cast<std::size_t>(i)] = round * 100.0 + static_cast<double>(i);
    }
    world.all_gather(values, {&mine, 1});
    for (std::size_t i = 0; i < 7; ++i) {
      require(values[i] == round * 100.0 + static_cast<double>(i), "wrong value");
    }
  }
  // In rank order: any other gives 1.
  const std::vector<double> terms = {1e16, 1.0, -1e16};
  const double term = rank < 3 ? terms[static_cast<std::size_t>(rank)] : 0.0;
  if (n >= 3) require(world.sum(term) == 0.0, "not in rank order");
  const auto half = world.split(rank % 2);
  require(half->size() == (n + 1 - rank % 2) / 2 && half->rank() == rank / 2, "wrong half");
  const auto again = half->split(0);
  double sum = 0;
  for (int other = rank % 2; other < n; other += 2) sum += other;
  require(again->sum(rank) == sum, "wrong sum of a half");
  world.barrier();
}

/// Reductions and gathers of tensors; throws where the outcome is wrong.
void exchange_tensors(Communicator& world) {
  // ((1e8 + 1) - 1e8) + 0.5 is 0.5 in fp32, but not in other orders. Two terms of each process.
  const std::vector<float> terms = {1e8f, 1.0f, -1e8f, 0.5f};
  const auto backend = make_cpu_backend();
  const Range carried = share_of(4, world.rank(), world.size());
  std::vector<std::vector<float>> memory;
  std::vector<Tensor> first, second;
  for (auto* tensors : {&first, &second}) {
    for (std::int64_t i = carried.begin; i < carried.end; ++i) {
      memory.emplace_back(10, terms[static_cast<std::size_t>(i)]);
      tensors->push_back({memory.back().data(), DType::f32, 5, 2});
    }
  }
  const Range mine = share_of(5, world.rank(), world.size());
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < first.size(); ++i) backend->copy(second[i], first[i]);
    world.start_reduce_scatter(*backend, first, {&mine, 1});
    const Tensor& other = second.front();
    const std::vector<float> kept(other.f32(), other.f32() + other.size());
    world.start_reduce_scatter(*backend, second, {&mine, 1});
    world.finish_reduce_scatters(*backend);
    for (const Tensor& tensor : {first.front(), second.front()}) {
      world.all_gather(*backend, tensor, {&mine, 1});
      for (int i = 0; i < 10; ++i) require(tensor.f32()[i] == 0.5f, "wrong sum of tensors");
    }
    std::copy(kept.begin(), kept.end(), other.f32());
  }
}

void wait_for_others(Communicator& world) {
  for (;;) world.barrier();
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

TEST_CASE("ranks of several processes and threads agree") {
  for (const int n_local : {1, 3}) {
    Job job(3, n_local);
    const pid_t one = job.start(1, talk), two = job.start(2, talk);
    CHECK_NOTHROW(job.run(0, talk));
    CHECK(job.wait(one, 1) == "fine");
    CHECK(job.wait(two, 2) == "fine");
    CHECK_FALSE(std::filesystem::exists(job.file()));
  }
}

TEST_CASE("tensors of several processes are summed in rank order") {
  for (const int n_local : {1, 2}) {
    Job job(2, n_local);
    const pid_t child = job.start(1, exchange_tensors);
    CHECK_NOTHROW(job.run(0, exchange_tensors));
    CHECK(job.wait(child, 1) == "fine");
  }
}

TEST_CASE("one process needs nobody") {
  std::atomic<int> n_ranks{0};
  run_process_ranks({}, 2, [&](Communicator& world) {
    talk(world);
    ++n_ranks;
  });
  CHECK(n_ranks == 2);
}

TEST_CASE("ranks that end at different times do not harm each other") {
  Job job(2, 2);
  const Body body = [](Communicator& world) {
    const auto part = world.split(world.rank());
    world.barrier();
    std::this_thread::sleep_for(std::chrono::milliseconds(60 * world.rank()));
  };
  const pid_t child = job.start(1, body);
  CHECK_NOTHROW(job.run(0, body));
  CHECK(job.wait(child, 1) == "fine");
}

TEST_CASE("a rank that throws ends the others with its message") {
  for (const int failing : {0, 1, 3}) {
    Job job(2, 2);
    const Body body = [&](Communicator& world) {
      world.barrier();
      if (world.rank() == failing) throw Error(ErrorCode::io, "disk on fire");
      wait_for_others(world);
    };
    const pid_t child = job.start(1, body);
    std::string here;
    ErrorCode code{};
    try {
      job.run(0, body);
    } catch (const Error& error) {
      here = error.what();
      code = error.code();
    }
    CHECK(code == ErrorCode::io);
    const std::string there = job.wait(child, 1);
    INFO(here << " | " << there);
    const std::string named = "rank " + std::to_string(failing) + " (host ";
    CHECK((failing < 2 ? here : there) == "disk on fire");
    CHECK((failing < 2 ? there : here).starts_with(named));
    CHECK((failing < 2 ? there : here).ends_with("failed: disk on fire"));
  }
}

TEST_CASE("a process that is killed ends the others within a second, by its name") {
  for (const int victim : {0, 2}) {  // with the hub, and without
    Job job(3, 1);
    const Body body = [&](Communicator& world) {
      world.barrier();
      if (world.rank() == victim) ::kill(::getpid(), SIGKILL);
      wait_for_others(world);
    };
    std::vector<pid_t> children;
    for (int process = 0; process < 3; ++process) children.push_back(job.start(process, body));
    ::waitpid(children[static_cast<std::size_t>(victim)], nullptr, 0);
    const auto died = Clock::now();
    for (int process = 0; process < 3; ++process) {
      if (process == victim) continue;
      const std::string heard = job.wait(children[static_cast<std::size_t>(process)], process);
      INFO(heard);
      CHECK(heard.starts_with("rank " + std::to_string(victim) + " (host "));
      CHECK(heard.find("pid " + std::to_string(children[static_cast<std::size_t>(victim)])) !=
            std::string::npos);
      CHECK(heard.find("was lost") != std::string::npos);
    }
    CHECK(seconds_since(died) < 1.0);
  }
}

TEST_CASE("a process that stands still is missed") {
  for (const int victim : {0, 1}) {
    Job job(3, 1);
    const Body body = [&](Communicator& world) {
      world.barrier();
      if (world.rank() == victim) ::kill(::getpid(), SIGSTOP);
      wait_for_others(world);
    };
    std::vector<pid_t> children;
    for (int process = 0; process < 3; ++process) children.push_back(job.start(process, body));
    const auto stopped = Clock::now();
    for (const int other : {1 - victim, 2}) {
      const std::string heard = job.wait(children[static_cast<std::size_t>(other)], other);
      CHECK(heard.starts_with("rank " + std::to_string(victim) + " (host "));
      CHECK(heard.ends_with("was lost: it has been silent for 1 s"));
    }
    CHECK(seconds_since(stopped) < 4.0);
    // Awake again it hears that the job is over.
    ::kill(children[static_cast<std::size_t>(victim)], SIGCONT);
    const std::string later = job.wait(children[static_cast<std::size_t>(victim)], victim);
    CHECK(later.find("was lost") != std::string::npos);
  }
}

TEST_CASE("a rank that computes for longer than others may be silent is not missed") {
  Job job(2, 1);
  const Body body = [](Communicator& world) {
    if (world.rank() == 1) std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    world.barrier();
  };
  const pid_t child = job.start(1, body);
  CHECK_NOTHROW(job.run(0, body));
  CHECK(job.wait(child, 1) == "fine");
}

TEST_CASE("check() tells a rank that does not wait for anything") {
  Job job(2, 1);
  const Body body = [](Communicator& world) {
    world.barrier();
    if (world.rank() == 1) throw Error(ErrorCode::device, "gone");
    const auto start = Clock::now();
    while (seconds_since(start) < 10) {
      world.check();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  };
  const pid_t child = job.start(1, body);
  const auto start = Clock::now();
  CHECK_THROWS_AS(job.run(0, body), Error);
  CHECK(seconds_since(start) < 5);
  CHECK(job.wait(child, 1) == "gone");
}

TEST_CASE("ranks that do different things are told so instead of waiting") {
  Job job(1 + 1, 1);
  const pid_t child = job.start(1, [](Communicator& world) { (void)world.sum(1); });
  CHECK_THROWS_WITH(job.run(0, [](Communicator& world) { world.barrier(); }),
                    contains("while rank"));
  CHECK(job.wait(child, 1).find("is in \"") != std::string::npos);
}

TEST_CASE("ranks that wait for one that has left are told so") {
  Job job(2, 1);
  const pid_t child = job.start(1, [](Communicator&) {});
  CHECK_THROWS_WITH(job.run(0, [](Communicator& world) { world.barrier(); }),
                    contains("all ranks that have not left wait for others: rank 0"));
  CHECK(job.wait(child, 1) == "fine");
}

TEST_CASE("who does not belong to the job is refused") {
  Job job(2, 1);
  std::thread strangers([&] {
    std::optional<MeetingPoint> point;
    while (!point) point = find_meeting(job.environment(1));
    std::string problem;
    FramedConnection silent(connect_to(point->place, std::chrono::seconds(1), problem));
    FramedConnection browser(connect_to(point->place, std::chrono::seconds(1), problem));
    browser.post(0x20544547, std::string(1 << 20, 'x'));  // "GET "
    while (browser.transfer()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    // Another job's rank that found our port tries until its time is up.
    LaunchEnvironment other = job.environment(1);
    other.rendezvous = to_text(point->place);
    RankTiming hasty = kQuick;
    hasty.meeting = std::chrono::milliseconds(100);
    std::string refused;
    try {
      run_process_ranks(
          other, 1, [](Communicator&) {}, hasty);
    } catch (const Error& error) {
      refused = error.what();
    }
    if (refused.find("another job meets there") == std::string::npos) {
      std::ofstream(job.result(9)) << refused;
    }
    job.run(1, talk);
  });
  CHECK_NOTHROW(job.run(0, talk));
  strangers.join();
  CHECK(test::read_file(job.result(9)).empty());
}

TEST_CASE("a file that an earlier job has left leads nobody astray") {
  for (const char* job_name : {"test", "an earlier one"}) {
    Job job(2, 1);
    std::ofstream(job.file()) << "isoflop rendezvous 1\n" << job_name << "\n127.0.0.1:1\nword\n";
    const pid_t child = job.start(1, talk);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    CHECK_NOTHROW(job.run(0, talk));
    CHECK(job.wait(child, 1) == "fine");
  }
}

TEST_CASE("ranks that never come are named, and so is the place where nobody is") {
  RankTiming hasty = kQuick;
  hasty.meeting = std::chrono::milliseconds(200);
  Job job(3, 1);
  CHECK_THROWS_WITH(job.run(
                        0, [](Communicator& world) { world.barrier(); }, hasty),
                    "of 3 ranks these have not come within 0.2 s: 1, 2");
  std::ofstream(job.file()) << "isoflop rendezvous 1\ntest\n127.0.0.1:1\nword\n";
  CHECK_THROWS_WITH(job.run(1, talk, hasty),
                    contains("cannot reach rank 0 at 127.0.0.1:1: Connection refused"));
}

TEST_CASE("a wait for ranks that have not come can be stopped, on either side") {
  Job job(2, 1);
  std::atomic<int> polls = 0;
  const MeetingWatch watch{{}, [&] { return ++polls > 5; }};
  const auto wait = [&](int process) {
    polls = 0;
    run_process_ranks(
        job.environment(process), 1, [](Communicator& world) { world.barrier(); }, {}, watch);
  };
  const auto start = std::chrono::steady_clock::now();
  CHECK_THROWS_AS(wait(0), StoppedWaiting);
  CHECK_THROWS_AS(wait(1), StoppedWaiting);
  std::ofstream(job.file()) << "isoflop rendezvous 1\ntest\nnobody.invalid:1\nword\n";
  CHECK_THROWS_WITH(wait(1),
                    contains("was stopped while it waited for rank 0 at nobody.invalid:1"));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
}

TEST_CASE("processes that count ranks differently are told so") {
  Job job(2, 1);
  const pid_t child = job.start(1, talk);
  CHECK_THROWS_WITH(
      run_process_ranks(
          job.environment(0), 2, [](Communicator& world) { world.barrier(); }, kQuick),
      contains("met rank 0 of 4"));
  CHECK(job.wait(child, 1).find("rank 1 of 2") != std::string::npos);
}

}  // namespace isoflop
