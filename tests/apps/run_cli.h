// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/temp_dir.h"

namespace isoflop::test {

struct CliResult {
  int exit_code = -1;
  std::string out, err;
};

/// Starts the isoflop program in `folder`, its output in .stdout and .stderr there.
inline pid_t start_cli(const TempDir& folder, const std::vector<std::string>& arguments) {
  const pid_t child = fork();
  if (child != 0) return child;
  const auto redirect = [&](const char* name, int descriptor) {
    const std::filesystem::path file = folder.path() / name;
    const int opened = open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (opened < 0 || dup2(opened, descriptor) < 0) _exit(126);
  };
  redirect(".stdout", STDOUT_FILENO);
  redirect(".stderr", STDERR_FILENO);
  if (chdir(folder.path().c_str()) != 0) _exit(126);
  setenv("ISOFLOP_FITS", ISOFLOP_SOURCE_DIR "/fits", 1);
  unsetenv("ISOFLOP_DATA");  // a folder of data sets that whoever runs the tests has
  std::vector<char*> argv = {const_cast<char*>(ISOFLOP_CLI)};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(ISOFLOP_CLI, argv.data());
  _exit(127);
}

/// The same, and waits for it.
inline CliResult run_cli(const TempDir& folder, const std::vector<std::string>& arguments) {
  int status = 0;
  waitpid(start_cli(folder, arguments), &status, 0);
  CliResult result;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = read_file(folder.path() / ".stdout");
  result.err = read_file(folder.path() / ".stderr");
  return result;
}

}  // namespace isoflop::test
