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

/// Runs the isoflop program in `folder` and waits for it.
inline CliResult run_cli(const TempDir& folder, const std::vector<std::string>& arguments) {
  const std::filesystem::path out = folder.path() / ".stdout", err = folder.path() / ".stderr";
  const pid_t child = fork();
  if (child == 0) {
    const auto redirect = [](const std::filesystem::path& file, int descriptor) {
      const int opened = open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
      if (opened < 0 || dup2(opened, descriptor) < 0) _exit(126);
    };
    redirect(out, STDOUT_FILENO);
    redirect(err, STDERR_FILENO);
    if (chdir(folder.path().c_str()) != 0) _exit(126);
    setenv("ISOFLOP_FITS", ISOFLOP_SOURCE_DIR "/fits", 1);
    std::vector<char*> argv = {const_cast<char*>(ISOFLOP_CLI)};
    for (const std::string& argument : arguments)
      argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    execv(ISOFLOP_CLI, argv.data());
    _exit(127);
  }
  CliResult result;
  int status = 0;
  waitpid(child, &status, 0);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = read_file(out);
  result.err = read_file(err);
  return result;
}

}  // namespace isoflop::test
