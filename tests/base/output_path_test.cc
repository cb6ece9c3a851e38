// SPDX-License-Identifier: Apache-2.0
#include "base/output_path.h"

#include <atomic>
#include <thread>

#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "support/catch.h"
#include "support/temp_dir.h"

using namespace isoflop;
using isoflop::test::read_file;
using isoflop::test::TempDir;

TEST_CASE("a write through links replaces what they lead to, and leaves the links") {
  const TempDir dir;
  const auto link = dir.path() / "link", other = dir.path() / "other";
  dir.write("folder/target", "old");
  std::filesystem::create_symlink("folder/target", link);
  std::filesystem::create_symlink(link, other);  // one absolute, one relative
  for (const auto& name : {link, other}) {
    write_file_atomically(name, "new by " + name.filename().string());
    CHECK(read_file(dir.path() / "folder/target") == "new by " + name.filename().string());
    CHECK(std::filesystem::is_symlink(name));
  }
  std::filesystem::create_symlink("folder/made", dir.path() / "dangling");
  write_file_atomically(dir.path() / "dangling", "made");
  CHECK(read_file(dir.path() / "folder/made") == "made");
}

TEST_CASE("what is there and no regular file is refused, and stays") {
  const TempDir dir;
  const auto pipe = dir.path() / "pipe", link = dir.path() / "link", folder = dir.path() / "folder";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  std::filesystem::create_symlink(pipe, link);
  std::filesystem::create_directory(folder);
  for (const auto& name : {pipe, link}) {
    CHECK_THAT(ISOFLOP_ERROR_MESSAGE((write_file_atomically(name, "x"), 0)),
               contains(name.string() + ": is a pipe; a regular file is written"));
    CHECK_THAT(ISOFLOP_ERROR_MESSAGE(create_file_atomically(name, "x")), contains("is a pipe"));
  }
  CHECK(std::filesystem::is_fifo(pipe));
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE((write_file_atomically(folder, "x"), 0)),
             contains("is a folder"));
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(output_file("/dev/full")), contains("is a device"));
  const auto circle = dir.path() / "circle";
  std::filesystem::create_symlink(circle, circle);
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(output_file(circle)), contains("cannot follow its links"));
}

TEST_CASE("a file is created once, however many try at a time") {
  const TempDir dir;
  const auto file = dir.path() / "forecast.json";
  AtomicFile first(file), second(file);
  first.write(std::as_bytes(std::span("first", 5)));
  second.write(std::as_bytes(std::span("second", 6)));
  CHECK(second.commit_new());
  CHECK_FALSE(first.commit_new());
  CHECK(read_file(file) == "second");
  CHECK_FALSE(create_file_atomically(file, "third"));
  CHECK(read_file(file) == "second");
}

TEST_CASE("folders for results are made below a root, never at one") {
  const TempDir dir;
  make_output_folder(dir.path() / "a/b");
  CHECK(std::filesystem::is_directory(dir.path() / "a/b"));
  make_output_folder(dir.path() / "a/b");
  const auto link = dir.path() / "link", root = dir.path() / "root";
  std::filesystem::create_symlink("a/b", link);
  make_output_folder(link);
  std::filesystem::create_symlink("/", root);
  for (const std::filesystem::path& name : {std::filesystem::path("/"), std::filesystem::path("//"),
                                            std::filesystem::path("/tmp/.."), root, root / ""}) {
    INFO(name);
    CHECK_THAT(ISOFLOP_ERROR_MESSAGE((make_output_folder(name), 0)), contains("is a root folder"));
  }
  dir.write("file", "");
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE((make_output_folder(dir.path() / "file"), 0)),
             contains("is no folder"));
  std::filesystem::create_symlink("nowhere", dir.path() / "dangling");
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE((make_output_folder(dir.path() / "dangling"), 0)),
             contains("a link to nothing"));
}

TEST_CASE("a folder that many make at a time is made, and nobody is told otherwise") {
  const TempDir dir;
  std::atomic<int> n_refused = 0;
  for (int i = 0; i < 200; ++i) {
    const auto folder = dir.path() / std::to_string(i) / "runs";
    const auto make = [&] {
      try {
        make_output_folder(folder);
      } catch (const Error&) {
        ++n_refused;
      }
    };
    std::thread first(make), second(make);
    first.join();
    second.join();
  }
  CHECK(n_refused == 0);
}
