// SPDX-License-Identifier: Apache-2.0
#include "spec_patch.h"

#include <span>

#include "base/text.h"
#include "isoflop/error.h"

namespace isoflop::cli {
namespace {

Json parse_value(const std::string& text) {
  try {
    return parse_json(text, "--set");
  } catch (const Error&) {
    return Json(text);  // --set /dataset=gcide needs no quotes
  }
}

[[noreturn]] void fail(const std::string& setting, const std::string& complaint) {
  throw Error(ErrorCode::invalid_argument, "--set " + setting + ": " + complaint);
}

Json with_value(const Json& json, std::span<const std::string> path, const Json& value,
                const std::string& setting) {
  if (path.empty()) return value;
  const std::string& key = path.front();
  if (const Json::Array* array = json.if_array()) {
    const auto index = parse_integer(key);
    if (!index || *index < 0 || *index >= static_cast<std::int64_t>(array->size())) {
      fail(setting, "\"" + key + "\" is not one of the " + std::to_string(array->size()) +
                        " elements there");
    }
    Json::Array changed = *array;
    Json& element = changed[static_cast<std::size_t>(*index)];
    element = with_value(element, path.subspan(1), value, setting);
    return changed;
  }
  if (json.if_object() == nullptr && !json.is_null()) {
    fail(setting, "\"" + key + "\" lies below a value that is neither object nor array");
  }
  Json changed = json;
  const Json* member = json.find(key);
  changed.set(key,
              with_value(member != nullptr ? *member : Json(), path.subspan(1), value, setting));
  return changed;
}

}  // namespace

Json patched(Json json, const std::vector<std::string>& settings) {
  for (const std::string& setting : settings) {
    const std::size_t equals = setting.find('=');
    if (!setting.starts_with('/') || equals == std::string::npos) {
      fail(setting, "must be /json/pointer=value");
    }
    std::vector<std::string> path = split(setting.substr(1, equals - 1), '/');
    json = with_value(json, path, parse_value(setting.substr(equals + 1)), setting);
  }
  return json;
}

}  // namespace isoflop::cli
