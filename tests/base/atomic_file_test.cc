// SPDX-License-Identifier: Apache-2.0
#include "base/atomic_file.h"

#include <csignal>

#include <sys/resource.h>

#include "support/catch.h"
#include "support/temp_dir.h"

using namespace isoflop;
using isoflop::test::read_file;
using isoflop::test::TempDir;

TEST_CASE("an atomic write replaces the whole file and leaves nothing beside it") {
  const TempDir dir;
  const auto file = dir.path() / "a.json";
  write_file_atomically(file, "first, and longer");
  write_file_atomically(file, "second");
  CHECK(read_text_file(file) == "second");
  CHECK(std::distance(std::filesystem::directory_iterator(dir.path()), {}) == 1);
}

TEST_CASE("a write that fails half-way leaves the old content and no temporary file") {
  const TempDir dir;
  const auto file = dir.path() / "a.json";
  write_file_atomically(file, "old");
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const std::string message =
      ISOFLOP_ERROR_MESSAGE((write_file_atomically(file, std::string(100'000, 'x')), 0));
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK_THAT(message, contains("a.json: cannot write"));
  CHECK(read_file(file) == "old");
  CHECK(std::distance(std::filesystem::directory_iterator(dir.path()), {}) == 1);
}

TEST_CASE("a file that cannot be read is named") {
  const TempDir dir;
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(read_text_file(dir.path() / "absent.json")),
             contains("absent.json: cannot be read"));
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(read_text_file(dir.path())), contains("is a folder"));
  CHECK_THROWS_AS(write_file_atomically(dir.path() / "no" / "such" / "folder", "x"), Error);
}

TEST_CASE("a file written in pieces appears whole, when it is committed") {
  const TempDir dir;
  const auto file = dir.path() / "state.bin";
  AtomicFile out(file);
  const std::string first = "abc", second = "defg";
  out.write(std::as_bytes(std::span(first)));
  out.write(std::as_bytes(std::span(second)));
  CHECK(!std::filesystem::exists(file));
  out.commit();
  CHECK(read_file(file) == "abcdefg");
}

TEST_CASE("temporaries of dead writers are removed, and nothing else") {
  const TempDir dir;
  for (const char* name : {"a.bin", "a.bin.tmp.17.0", "a.bin.tmp.18.3", "b.bin.tmp.17.0"}) {
    dir.write(name, "x");
  }
  remove_abandoned_temporaries(dir.path() / "a.bin");
  CHECK(std::filesystem::exists(dir.path() / "a.bin"));
  CHECK(std::filesystem::exists(dir.path() / "b.bin.tmp.17.0"));
  CHECK(std::distance(std::filesystem::directory_iterator(dir.path()), {}) == 2);
}
