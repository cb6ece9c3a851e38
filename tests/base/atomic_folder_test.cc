// SPDX-License-Identifier: Apache-2.0
#include "base/atomic_folder.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process_tag.h"
#include "isoflop/error.h"
#include "support/catch.h"
#include "support/temp_dir.h"

using namespace isoflop;
using isoflop::test::read_file;
using isoflop::test::TempDir;

namespace {

void fill(AtomicFolder& folder, const std::string& name, const std::string& content) {
  PosixFile file = folder.create(name);
  file.write(std::as_bytes(std::span(content)));
  file.sync();
  file.close();
}

}  // namespace

TEST_CASE("the files of an atomic folder appear together, when it is committed") {
  const TempDir dir;
  AtomicFolder folder(dir.path() / "final", dir.path() / "temporary");
  fill(folder, "a", "first");
  fill(folder, "b", "second");
  CHECK(!std::filesystem::exists(dir.path() / "final"));
  folder.commit();
  CHECK(read_file(dir.path() / "final" / "a") == "first");
  CHECK(read_file(dir.path() / "final" / "b") == "second");
  CHECK(!std::filesystem::exists(dir.path() / "temporary"));
}

TEST_CASE("an atomic folder that is not committed leaves nothing") {
  const TempDir dir;
  {
    AtomicFolder folder(dir.path() / "final", dir.path() / "temporary");
    fill(folder, "a", "first");
  }
  CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("an atomic folder never replaces one with files in it") {
  const TempDir dir;
  dir.write("final/mine", "x");
  {
    AtomicFolder folder(dir.path() / "final", dir.path() / "temporary");
    CHECK_THAT(ISOFLOP_ERROR_MESSAGE((folder.commit(), 0)), contains("final: cannot create: "));
  }
  CHECK(read_file(dir.path() / "final" / "mine") == "x");
  CHECK(!std::filesystem::exists(dir.path() / "temporary"));
}

TEST_CASE("a folder is removed only if nothing but the known files is in it") {
  const TempDir dir;
  dir.write("a/known", "x");
  dir.write("b/known", "x");
  dir.write("b/other", "x");
  constexpr std::array<std::string_view, 2> kNames = {"known", "absent"};
  remove_folder_of(dir.path() / "a", kNames);
  remove_folder_of(dir.path() / "b", kNames);
  CHECK(!std::filesystem::exists(dir.path() / "a"));
  CHECK(std::filesystem::exists(dir.path() / "b" / "other"));
}

TEST_CASE("only regular files are opened for reading") {
  const TempDir dir;
  dir.write("file", "content");
  std::filesystem::create_symlink(dir.path() / "file", dir.path() / "link");
  CHECK(PosixFile::open(dir.path() / "file").size() == 7);
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(PosixFile::open(dir.path())), contains("not a regular file"));
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(PosixFile::open(dir.path() / "link")), contains("cannot open"));
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(PosixFile::open(dir.path() / "none")), contains("No such file"));
}

TEST_CASE("a process tag is alive as long as its process, and no longer") {
  CHECK(process_tag() == process_tag());
  CHECK(is_process_alive(process_tag()));
  const std::string number = std::to_string(getpid());
  for (const std::string& tag : {std::string(), std::string("-"), number, number + "-",
                                 number + "-1", std::string("x-1"), process_tag() + "-1"}) {
    CAPTURE(tag);
    CHECK(!is_process_alive(tag));
  }
  int tags[2];
  REQUIRE(pipe(tags) == 0);
  const pid_t child = fork();
  if (child == 0) {
    const std::string tag = process_tag();
    (void)!write(tags[1], tag.data(), tag.size());
    for (;;) pause();
  }
  char text[64];
  const ssize_t n = read(tags[0], text, sizeof text);
  const std::string tag(text, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  CHECK(is_process_alive(tag));
  kill(child, SIGKILL);
  siginfo_t ended{};
  waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT);
  CHECK(!is_process_alive(tag));  // a zombie writes no more
  waitpid(child, nullptr, 0);
  CHECK(!is_process_alive(tag));
  close(tags[0]);
  close(tags[1]);
}
