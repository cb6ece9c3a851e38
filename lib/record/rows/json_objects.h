// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/json.h"

namespace isoflop {

/// The objects of a file, one after another: one per line, or the elements of one array.
class JsonObjects {
 public:
  JsonObjects() = default;
  virtual ~JsonObjects() = default;
  JsonObjects(const JsonObjects&) = delete;
  JsonObjects& operator=(const JsonObjects&) = delete;

  /// Moves to the next; false at the end. Throws Error(parse) where the file cannot be followed.
  virtual bool next() = 0;
  /// The object here. Throws Error(parse) "<file>: line 3, column 7: ..." where it is none.
  [[nodiscard]] virtual Json parse() const = 0;
  /// From 1: the line, the element.
  [[nodiscard]] virtual std::int64_t number() const = 0;
  /// "<file>: line 3".
  [[nodiscard]] virtual std::string place() const = 0;
};

/// Python's NaN and Infinity, which JSON does not have, come as texts. Throws Error(parse) where
/// the file cannot be read, or is an array that is no JSON or above 64 MiB.
[[nodiscard]] std::unique_ptr<JsonObjects> json_objects(const std::filesystem::path& file);

}  // namespace isoflop
