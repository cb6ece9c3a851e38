// SPDX-License-Identifier: Apache-2.0
// Catch2 2 (Debian 12, Ubuntu 22.04) and 3 (later) under one name.
#pragma once

#include <string>

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
inline auto contains(const std::string& text) { return Catch::Matchers::ContainsSubstring(text); }
#else
#include <catch2/catch.hpp>
using Catch::Detail::Approx;
inline auto contains(const std::string& text) { return Catch::Contains(text); }
#endif

#include "isoflop/error.h"

/// Runs `expression`, which must throw isoflop::Error; evaluates to its message.
#define ISOFLOP_ERROR_MESSAGE(expression)   \
  [&]() -> std::string {                    \
    try {                                   \
      (void)(expression);                   \
    } catch (const isoflop::Error& error) { \
      return error.what();                  \
    }                                       \
    return "(nothing was thrown)";          \
  }()
