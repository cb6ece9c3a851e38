// SPDX-License-Identifier: Apache-2.0
#include "support/catch_session.h"

int main(int argc, char** argv) { return isoflop::test::run_session(argc, argv); }
