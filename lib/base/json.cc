// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/atomic_file.h"
#include "base/text.h"
#include "base/utf8.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

void write_string(const std::string& text, std::string& out) {
  // A path may be any bytes; what is written can be read again by everybody.
  if (first_invalid_utf8(text)) return write_string(with_valid_utf8(text), out);
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

enum class Style { compact, canonical, pretty, one_line };
constexpr std::size_t kLineWidth = 96;
constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

/// How a value is written, and where: what would make `out` longer than `limit` may be cut off.
struct Place {
  Style style = Style::compact;
  int depth = 0;
  std::size_t limit = kNoLimit;
};

void write(const Json& json, const Place& place, std::string& out);

std::string new_line(int depth) {
  return '\n' + std::string(2 * static_cast<std::size_t>(depth), ' ');
}

template <class Range, class WriteOne>
void write_on_one_line(const Range& range, const char* brackets, const Place& place,
                       std::string& out, const WriteOne& write_one) {
  const bool spaced = place.style == Style::one_line;
  out += brackets[0];
  bool first = true;
  for (const auto& element : range) {
    if (out.size() > place.limit) return;
    if (!first) out += spaced ? ", " : ",";
    first = false;
    write_one(element, place);
  }
  out += brackets[1];
}

/// Whether it was done: not where it is more than the rest of the line has room for.
template <class Range, class WriteOne>
bool write_on_rest_of_line(const Range& range, const char* brackets, std::string& out,
                           const WriteOne& write_one) {
  const std::size_t start = out.size();
  const std::size_t line_end = out.rfind('\n') + 1 + kLineWidth;  // npos + 1 is 0
  write_on_one_line(range, brackets, {Style::one_line, 0, line_end}, out, write_one);
  if (out.size() <= line_end) return true;
  out.resize(start);
  return false;
}

/// One member or element per line, unless everything fits on this one.
template <class Range, class WriteOne>
void write_sequence(const Range& range, const char* brackets, const Place& place, std::string& out,
                    const WriteOne& write_one) {
  if (place.style != Style::pretty) {
    return write_on_one_line(range, brackets, place, out, write_one);
  }
  if ((place.depth > 0 || range.empty()) &&
      write_on_rest_of_line(range, brackets, out, write_one)) {
    return;
  }
  out += brackets[0];
  bool first = true;
  for (const auto& element : range) {
    if (!first) out += ',';
    first = false;
    out += new_line(place.depth + 1);
    write_one(element, Place{Style::pretty, place.depth + 1});
  }
  out += new_line(place.depth);
  out += brackets[1];
}

void write_object(const Json::Object& given, const Place& place, std::string& out) {
  Json::Object sorted;
  const Json::Object* object = &given;
  if (place.style == Style::canonical) {
    sorted = given;
    std::sort(sorted.begin(), sorted.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    object = &sorted;
  }
  const bool spaced = place.style == Style::pretty || place.style == Style::one_line;
  write_sequence(*object, "{}", place, out, [&](const Json::Member& m, const Place& inner) {
    write_string(m.first, out);
    out += spaced ? ": " : ":";
    write(m.second, inner, out);
  });
}

void write(const Json& json, const Place& place, std::string& out) {
  if (json.is_null()) {
    out += "null";
  } else if (const bool* boolean = json.if_bool()) {
    out += *boolean ? "true" : "false";
  } else if (const std::int64_t* integer = json.if_integer()) {
    out += std::to_string(*integer);
  } else if (const double* number = json.if_double()) {
    ISOFLOP_CHECK(std::isfinite(*number), "a number that is not finite cannot be written as JSON");
    out += exact_text(*number);
  } else if (const std::string* text = json.if_string()) {
    write_string(*text, out);
  } else if (const Json::Array* array = json.if_array()) {
    write_sequence(*array, "[]", place, out,
                   [&](const Json& element, const Place& inner) { write(element, inner, out); });
  } else {
    write_object(*json.if_object(), place, out);
  }
}

std::string describe(const Json& json) {
  std::string text = json.dump();
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

}  // namespace

Json::Json(std::uint64_t value) {
  if (value > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
    throw Error(ErrorCode::invalid_argument,
                "integers in our JSON are below 2^63, got " + std::to_string(value));
  }
  value_ = static_cast<std::int64_t>(value);
}

Json Json::object(std::initializer_list<Member> members) {
  Json json;
  json.value_ = Object(members);
  return json;
}

Json& Json::set(std::string key, Json value) {
  if (is_null()) value_ = Object{};
  Object* object = std::get_if<Object>(&value_);
  ISOFLOP_CHECK(object != nullptr, "set() is for objects");
  for (Member& member : *object) {
    if (member.first == key) {
      member.second = std::move(value);
      return *this;
    }
  }
  object->emplace_back(std::move(key), std::move(value));
  return *this;
}

Json& Json::add(std::string key, Json value) {
  if (is_null()) value_ = Object{};
  Object* object = std::get_if<Object>(&value_);
  ISOFLOP_CHECK(object != nullptr, "add() is for objects");
  object->emplace_back(std::move(key), std::move(value));
  return *this;
}

Json& Json::push_back(Json value) {
  if (is_null()) value_ = Array{};
  Array* array = std::get_if<Array>(&value_);
  ISOFLOP_CHECK(array != nullptr, "push_back() is for arrays");
  array->push_back(std::move(value));
  return *this;
}

const Json* Json::find(std::string_view key) const {
  if (const Object* object = if_object()) {
    for (const Member& member : *object) {
      if (member.first == key) return &member.second;
    }
  }
  return nullptr;
}

std::string Json::dump() const {
  std::string out;
  write(*this, {Style::compact}, out);
  return out;
}

std::string Json::pretty() const {
  std::string out;
  write(*this, {Style::pretty}, out);
  return out + "\n";
}

std::string Json::canonical() const {
  std::string out;
  write(*this, {Style::canonical}, out);
  return out;
}

void JsonReader::fail(const std::string& complaint) const {
  throw Error(ErrorCode::parse, file_ + ": " + (path_.empty() ? "/" : path_) + ": " + complaint);
}

std::optional<JsonReader> JsonReader::find(std::string_view key) const {
  if (!is_object()) fail("must be an object, got " + describe(*value_));
  const Json* member = value_->find(key);
  if (member == nullptr) return std::nullopt;
  return JsonReader(*member, file_, path_ + "/" + std::string(key));
}

JsonReader JsonReader::at(std::string_view key) const {
  std::optional<JsonReader> member = find(key);
  if (!member) {
    JsonReader(*value_, file_, path_ + "/" + std::string(key)).fail("is missing");
  }
  return *member;
}

std::vector<JsonReader> JsonReader::elements() const {
  const Json::Array* array = value_->if_array();
  if (array == nullptr) fail("must be an array, got " + describe(*value_));
  std::vector<JsonReader> result;
  for (std::size_t i = 0; i < array->size(); ++i) {
    result.emplace_back((*array)[i], file_, path_ + "/" + std::to_string(i));
  }
  return result;
}

std::vector<JsonReader> JsonReader::elements(std::size_t exactly) const {
  std::vector<JsonReader> result = elements();
  if (result.size() != exactly) {
    fail("must have " + std::to_string(exactly) + " elements, got " +
         std::to_string(result.size()));
  }
  return result;
}

std::vector<std::pair<std::string, JsonReader>> JsonReader::members() const {
  const Json::Object* object = value_->if_object();
  if (object == nullptr) fail("must be an object, got " + describe(*value_));
  std::vector<std::pair<std::string, JsonReader>> result;
  for (const Json::Member& member : *object) {
    result.emplace_back(member.first, JsonReader(member.second, file_, path_ + "/" + member.first));
  }
  return result;
}

bool JsonReader::boolean() const {
  const bool* value = value_->if_bool();
  if (value == nullptr) fail("must be true or false, got " + describe(*value_));
  return *value;
}

std::string JsonReader::string() const {
  const std::string* value = value_->if_string();
  if (value == nullptr) fail("must be a string, got " + describe(*value_));
  if (value->find('\0') != value->npos) fail("must not have a NUL (\\u0000) in it");
  return *value;
}

double JsonReader::number() const {
  if (const std::int64_t* integer = value_->if_integer()) return static_cast<double>(*integer);
  if (const double* value = value_->if_double()) return *value;
  fail("must be a number, got " + describe(*value_));
}

double JsonReader::number(double low, double high) const {
  const double value = number();
  if (!(value >= low && value <= high)) {
    fail("must be from " + exact_text(low) + " to " + exact_text(high) + ", got " +
         describe(*value_));
  }
  return value;
}

double JsonReader::positive() const {
  const double value = number();
  if (!(value > 0)) fail("must be > 0, got " + describe(*value_));
  return value;
}

std::int64_t JsonReader::integer(std::int64_t low, std::int64_t high) const {
  const double value = number();
  // Beyond 2^53 a double may not be the number that was written.
  const bool whole =
      value_->if_integer() || (value == std::floor(value) && std::abs(value) <= 9007199254740992.0);
  if (!whole) fail("must be an integer, got " + describe(*value_));
  const std::int64_t result =
      value_->if_integer() ? *value_->if_integer() : static_cast<std::int64_t>(value);
  if (result < low || result > high) {
    fail("must be an integer from " + std::to_string(low) + " to " + std::to_string(high) +
         ", got " + describe(*value_));
  }
  return result;
}

std::size_t JsonReader::one_of(const std::vector<std::string>& allowed) const {
  const std::string value = string();
  const auto found = std::find(allowed.begin(), allowed.end(), value);
  if (found == allowed.end()) {
    fail("must be one of " + join(allowed, ", ") + ", got \"" + value + "\"" +
         did_you_mean(value, allowed));
  }
  return static_cast<std::size_t>(found - allowed.begin());
}

void JsonReader::allow_only(const std::vector<std::string>& keys) const {
  for (const auto& [key, member] : members()) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
      const std::string hint = did_you_mean(key, keys);
      member.fail("unknown key" + (hint.empty() ? "; known: " + join(keys, ", ") : hint));
    }
  }
}

void JsonReader::require_schema(std::string_view schema) const {
  const JsonReader member = at("schema");
  if (member.string() != schema) {
    member.fail("must be \"" + std::string(schema) + "\", got \"" + member.string() + "\"");
  }
}

JsonFile read_json_file(const std::filesystem::path& file) {
  return {parse_json(read_text_file(file), file.string()), file.string()};
}

void write_json_file(const Json& json, const std::filesystem::path& file) {
  write_file_atomically(file, json.pretty());
}

}  // namespace isoflop
