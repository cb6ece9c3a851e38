// SPDX-License-Identifier: Apache-2.0
// Catch2 2 is a header; what it is behind that is compiled here, once.
#define CATCH_CONFIG_RUNNER
#include "support/catch_session.h"

#include "support/catch.h"

int isoflop::test::run_session(int argc, char** argv) { return Catch::Session().run(argc, argv); }
