// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace isoflop {

/// A JSON value. Integers stay integers, objects keep their order, and a number that is not finite
/// cannot be written: what is lost silently elsewhere is an Error here.
class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  Json() = default;
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(std::int64_t value) : value_(value) {}
  Json(int value) : value_(std::int64_t{value}) {}
  Json(std::uint64_t value);  // throws Error(invalid_argument) above 2^63
  Json(double value) : value_(value) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(Array value) : value_(std::move(value)) {}

  [[nodiscard]] static Json array() { return Json(Array{}); }
  [[nodiscard]] static Json object(std::initializer_list<Member> members = {});
  template <class Range>
  [[nodiscard]] static Json array_of(const Range& range) {
    Array result;
    for (const auto& element : range) result.emplace_back(element);
    return Json(std::move(result));
  }

  /// Sets a member of an object, at its end if it is new.
  Json& set(std::string key, Json value);
  /// The same for one that the caller knows to be new: takes no longer the more members there are.
  Json& add(std::string key, Json value);
  /// Sets it only if there is a value.
  template <class T>
  Json& set_if(std::string key, const std::optional<T>& value) {
    if (value) set(std::move(key), Json(*value));
    return *this;
  }
  Json& push_back(Json value);

  [[nodiscard]] bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  [[nodiscard]] const bool* if_bool() const { return std::get_if<bool>(&value_); }
  [[nodiscard]] const std::int64_t* if_integer() const {
    return std::get_if<std::int64_t>(&value_);
  }
  [[nodiscard]] const double* if_double() const { return std::get_if<double>(&value_); }
  [[nodiscard]] const std::string* if_string() const { return std::get_if<std::string>(&value_); }
  [[nodiscard]] const Array* if_array() const { return std::get_if<Array>(&value_); }
  [[nodiscard]] const Object* if_object() const { return std::get_if<Object>(&value_); }
  /// Member of an object, or nullptr.
  [[nodiscard]] const Json* find(std::string_view key) const;

  /// Compact text; the numbers read back as the same doubles.
  [[nodiscard]] std::string dump() const;
  /// Indented by two, with short arrays and objects on one line.
  [[nodiscard]] std::string pretty() const;
  /// Compact with the members of every object sorted: equal values, equal bytes. For hashing.
  [[nodiscard]] std::string canonical() const;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

/// Parses one document: strict JSON, no duplicate keys, nesting of at most 64, at most 64 MiB.
/// Throws Error(parse) "<file>: line 3, column 7: ...".
[[nodiscard]] Json parse_json(std::string_view text, const std::string& file);
/// The same with whole numbers beyond 2^63 as texts of their digits, none of which is lost.
[[nodiscard]] Json parse_json_keeping_digits(std::string_view text, const std::string& file);

/// A place in a parsed document that knows its file and path, so that every complaint says where,
/// what was found and what is allowed. All accessors throw Error(parse).
class JsonReader {
 public:
  JsonReader(const Json& value, std::string file, std::string path = "")
      : value_(&value), file_(std::move(file)), path_(std::move(path)) {}

  [[nodiscard]] JsonReader at(std::string_view key) const;  // a member that must be there
  [[nodiscard]] std::optional<JsonReader> find(std::string_view key) const;
  [[nodiscard]] std::vector<JsonReader> elements() const;  // of an array
  [[nodiscard]] std::vector<JsonReader> elements(std::size_t exactly) const;
  [[nodiscard]] std::vector<std::pair<std::string, JsonReader>> members() const;
  [[nodiscard]] bool is_object() const { return value_->if_object() != nullptr; }
  [[nodiscard]] bool is_array() const { return value_->if_array() != nullptr; }
  [[nodiscard]] bool is_string() const { return value_->if_string() != nullptr; }
  [[nodiscard]] bool is_number() const { return value_->if_integer() || value_->if_double(); }

  [[nodiscard]] bool boolean() const;
  [[nodiscard]] std::string string() const;
  [[nodiscard]] double number() const;  // finite
  [[nodiscard]] double number(double low, double high) const;
  [[nodiscard]] double positive() const;
  /// A number without a fraction; 1e6 is one, 3.9 is not.
  [[nodiscard]] std::int64_t integer(std::int64_t low, std::int64_t high) const;
  /// One of `allowed`, or an error that names the nearest.
  [[nodiscard]] std::size_t one_of(const std::vector<std::string>& allowed) const;

  /// An unknown key is an error that names the nearest of `keys`.
  void allow_only(const std::vector<std::string>& keys) const;
  /// "schema" must be there and equal to `schema`.
  void require_schema(std::string_view schema) const;

  [[noreturn]] void fail(const std::string& complaint) const;
  [[nodiscard]] const Json& value() const { return *value_; }
  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  const Json* value_;
  std::string file_, path_;
};

/// A file's document; keep it alive while readers of it are in use.
struct JsonFile {
  Json document;
  std::string name;
  [[nodiscard]] JsonReader reader() const { return {document, name}; }
};
/// Throws Error(parse) also where the file cannot be read.
[[nodiscard]] JsonFile read_json_file(const std::filesystem::path& file);
void write_json_file(const Json& json, const std::filesystem::path& file);

}  // namespace isoflop
