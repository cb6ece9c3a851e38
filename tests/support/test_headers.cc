// SPDX-License-Identifier: Apache-2.0
// Holds what is precompiled for tests (tests/CMakeLists.txt).
