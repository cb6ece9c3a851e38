// SPDX-License-Identifier: Apache-2.0
// The one translation unit that pays for nlohmann/json.
#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxBytes = std::size_t{64} << 20;

/// Builds a Json from nlohmann's SAX events, refusing what its DOM accepts silently: duplicate
/// keys, integers beyond 2^63, depth without end.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  enum class Large { rounded, as_text };  // whole numbers beyond 2^63
  Builder(std::string_view text, const std::string& file, Large large)
      : text_(text), file_(file), large_(large) {}
  Json take() { return std::move(root_); }

  bool null() override { return add(Json()); }
  bool boolean(bool value) override { return add(Json(value)); }
  bool number_integer(std::int64_t value) override { return add(Json(value)); }
  bool number_unsigned(std::uint64_t value) override {
    if (value > std::uint64_t{INT64_MAX}) {
      return large_ == Large::as_text ? add(Json(std::to_string(value)))
                                      : add(Json(static_cast<double>(value)));
    }
    return add(Json(static_cast<std::int64_t>(value)));
  }
  bool number_float(double value, const std::string& digits) override {
    if (!std::isfinite(value)) complain("the number " + digits + " is beyond a double");
    const bool is_whole = digits.find_first_of(".eE") == digits.npos;
    return add(is_whole && large_ == Large::as_text ? Json(digits) : Json(value));
  }
  bool string(std::string& value) override { return add(Json(std::move(value))); }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool end_object() override {
    refuse_equal_keys(*stack_.back().if_object());
    return close();
  }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    keys_.back() = name;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    std::size_t line = 1, column = 1;
    for (std::size_t i = 0; i + 1 < position && i < text_.size(); ++i) {
      if (text_[i] == '\n') {
        ++line;
        column = 1;
      } else {
        ++column;
      }
    }
    std::string what = error.what();
    if (const std::size_t colon = what.find("column"); colon != std::string::npos) {
      if (const std::size_t start = what.find(": ", colon); start != std::string::npos) {
        what = what.substr(start + 2);
      }
    }
    if (what.starts_with("[json")) what = what.substr(what.find("] ") + 2);
    complain("line " + std::to_string(line) + ", column " + std::to_string(column) + ": " + what);
  }

 private:
  [[noreturn]] void complain(const std::string& what) const {
    std::string path;
    for (const std::string& key : keys_) path += key.empty() ? "" : "/" + key;
    throw Error(ErrorCode::parse, file_ + ": " + (path.empty() ? "" : path + ": ") + what);
  }
  bool open(Json container) {
    if (stack_.size() >= kMaxDepth) {
      complain("nested deeper than " + std::to_string(kMaxDepth));
    }
    stack_.push_back(std::move(container));
    keys_.emplace_back();
    return true;
  }
  void refuse_equal_keys(const Json::Object& object) {
    std::vector<std::string_view> names;
    names.reserve(object.size());
    for (const Json::Member& member : object) names.emplace_back(member.first);
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice == names.end()) return;
    keys_.back() = std::string(*twice);
    complain("the key \"" + keys_.back() + "\" appears twice");
  }
  bool close() {
    Json done = std::move(stack_.back());
    stack_.pop_back();
    keys_.pop_back();
    return add(std::move(done));
  }
  bool add(Json value) {
    if (stack_.empty()) {
      root_ = std::move(value);
    } else if (stack_.back().if_array()) {
      stack_.back().push_back(std::move(value));
    } else {
      stack_.back().add(keys_.back(), std::move(value));
    }
    return true;
  }

  std::string_view text_;
  const std::string& file_;
  Large large_;
  Json root_;
  std::vector<Json> stack_;
  std::vector<std::string> keys_;
};

Json parsed(std::string_view text, const std::string& file, Builder::Large large) {
  if (text.size() > kMaxBytes) throw Error(ErrorCode::parse, file + ": larger than 64 MiB");
  // The lexer takes it for the end of the text, wherever it is.
  if (const std::size_t nul = text.find('\0'); nul != text.npos) {
    throw Error(ErrorCode::parse,
                file + ": byte " + std::to_string(nul) + ": is NUL, which JSON must not contain");
  }
  Builder builder(text, file, large);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) {
    throw Error(ErrorCode::parse, file + ": is not JSON");
  }
  return builder.take();
}

}  // namespace

Json parse_json(std::string_view text, const std::string& file) {
  return parsed(text, file, Builder::Large::rounded);
}

Json parse_json_keeping_digits(std::string_view text, const std::string& file) {
  return parsed(text, file, Builder::Large::as_text);
}

}  // namespace isoflop
