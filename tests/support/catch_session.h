// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace isoflop::test {

/// Runs the tests that the arguments of Catch2's command line name; its exit status.
int run_session(int argc, char** argv);

}  // namespace isoflop::test
