// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <cmath>
#include <ctime>
#include <limits>

#include "support/catch.h"
#include "support/temp_dir.h"

using namespace isoflop;

namespace {

Json parsed(const std::string& text) { return parse_json(text, "x.json"); }
JsonReader reader(const Json& json) { return {json, "x.json"}; }

}  // namespace

TEST_CASE("numbers read back as the same doubles and integers stay integers") {
  for (const double value : {0.1, 1e27, 2.5e-310, -0.0, 1.0 / 3, 5.8316, 1e300}) {
    const Json back = parsed(Json(value).dump());
    REQUIRE((back.if_double() || back.if_integer()));
    CHECK(reader(back).number() == value);
  }
  CHECK(*parsed("9223372036854775807").if_integer() == INT64_MAX);
  CHECK(*parsed("-3").if_integer() == -3);
}

TEST_CASE("a number that is not finite is refused, never written as null") {
  CHECK_THROWS_AS(Json(std::nan("")).dump(), Error);
  CHECK_THROWS_AS(Json(std::numeric_limits<double>::infinity()).dump(), Error);
}

TEST_CASE("canonical text does not depend on the order of members") {
  const Json a = parsed(R"({"b": [1, {"z": 1, "y": 2}], "a": 0.5})");
  const Json b = parsed(R"({"a": 0.5, "b": [1, {"y": 2, "z": 1}]})");
  CHECK(a.canonical() == R"({"a":0.5,"b":[1,{"y":2,"z":1}]})");
  CHECK(a.canonical() == b.canonical());
}

TEST_CASE("pretty text parses to the same value and escapes control characters") {
  const Json json = Json::object({{"text", "a\"b\\c\n\x01"},
                                  {"empty", Json::array()},
                                  {"list", Json::array_of(std::vector<double>(40, 0.125))}});
  CHECK(parsed(json.pretty()).canonical() == json.canonical());
  CHECK_THAT(json.pretty(), contains("\\u0001"));
}

TEST_CASE("what JSON libraries accept silently is an error with a place") {
  struct Case {
    std::string text;
    const char* message;
  };
  const Case cases[] = {
      {R"({"a": 1, "a": 2})", "x.json: /a: the key \"a\" appears twice"},
      {R"({"a": NaN})", "x.json: /a: line 1, column"},
      {R"({"a": 1e999})", "x.json: /a: line 1, column 11: number overflow parsing '1e999'"},
      {R"({"a": 1,})", "x.json: /a: line 1, column 9"},
      {"{\n \"a\": tru\n}", "line 2"},
      {"", "x.json: line 1"},
      {"[1] [2]", "line 1"},
      {std::string(100, '[') + std::string(100, ']'), "nested deeper than 64"},
  };
  for (const Case& bad : cases) {
    INFO(bad.text);
    CHECK_THAT(ISOFLOP_ERROR_MESSAGE(parsed(bad.text)), contains(bad.message));
  }
}

TEST_CASE("a reader says where, what was found and what is allowed") {
  const Json json = parsed(
      R"({"n": 3.9, "big": 1e20, "neg": -1, "s": 5, "list": [1, 0], "kind": "mulit_step", "x": {"per_budjet": 1}})");
  const JsonReader root = reader(json);
  struct Case {
    std::string message;
    const char* expected;
  };
  const Case cases[] = {
      {ISOFLOP_ERROR_MESSAGE(root.at("n").integer(0, 10)),
       "x.json: /n: must be an integer, got 3.9"},
      {ISOFLOP_ERROR_MESSAGE(root.at("big").integer(0, INT64_MAX)),
       "must be an integer, got 1e+20"},
      {ISOFLOP_ERROR_MESSAGE(root.at("neg").integer(0, 10)),
       "x.json: /neg: must be an integer from 0 to 10, got -1"},
      {ISOFLOP_ERROR_MESSAGE(root.at("neg").positive()), "x.json: /neg: must be > 0, got -1"},
      {ISOFLOP_ERROR_MESSAGE(root.at("s").string()), "x.json: /s: must be a string, got 5"},
      {ISOFLOP_ERROR_MESSAGE(root.at("s").boolean()), "must be true or false, got 5"},
      {ISOFLOP_ERROR_MESSAGE(root.at("list").elements().at(1).positive()),
       "x.json: /list/1: must be > 0, got 0"},
      {ISOFLOP_ERROR_MESSAGE(root.at("list").elements(3)), "/list: must have 3 elements, got 2"},
      {ISOFLOP_ERROR_MESSAGE(root.at("list").at("a")), "/list: must be an object, got [1,0]"},
      {ISOFLOP_ERROR_MESSAGE(root.at("absent")), "x.json: /absent: is missing"},
      {ISOFLOP_ERROR_MESSAGE(root.at("kind").one_of({"multi_step", "cosine"})),
       "/kind: must be one of multi_step, cosine, got \"mulit_step\"; did you mean multi_step?"},
      {ISOFLOP_ERROR_MESSAGE((root.at("x").allow_only({"per_budget", "half_width"}), 0)),
       "x.json: /x/per_budjet: unknown key; did you mean per_budget?"},
      {ISOFLOP_ERROR_MESSAGE((root.at("x").allow_only({"half_width"}), 0)),
       "unknown key; known: half_width"},
      {ISOFLOP_ERROR_MESSAGE((root.require_schema("isoflop.law/1"), 0)), "/schema: is missing"},
  };
  for (const Case& bad : cases) CHECK_THAT(bad.message, contains(bad.expected));
}

TEST_CASE("integers may be written as powers of ten") {
  CHECK(reader(Json(1e6)).integer(0, 10'000'000) == 1'000'000);
  const Json json = parsed("1e3");
  CHECK(reader(json).integer(0, 1000) == 1000);
}

TEST_CASE("JSON files are written and read whole") {
  const test::TempDir dir;
  const Json json = Json::object({{"schema", "isoflop.test/1"}, {"value", 0.1}});
  write_json_file(json, dir.path() / "a.json");
  const JsonFile file = read_json_file(dir.path() / "a.json");
  CHECK(file.document.canonical() == json.canonical());
  CHECK_NOTHROW(file.reader().require_schema("isoflop.test/1"));
}

TEST_CASE("the time that a document takes is proportional to its size") {
  Json json = Json::object();
  for (int i = 0; i < 100'000; ++i) {
    json.add("tensor " + std::to_string(i),
             Json::object({{"shape", Json::array_of(std::vector<int>{i, 7})}, {"hash", "0123"}}));
  }
  const std::clock_t start = std::clock();
  const std::string compact = json.dump(), pretty = json.pretty();
  CHECK(parsed(compact).dump() == compact);
  CHECK(parsed(pretty).pretty() == pretty);
  // Half a second; it was a quarter of an hour where every member looked at all before it.
  CHECK(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC < 20);
}

TEST_CASE("pretty text breaks what does not fit into a line, and nothing else") {
  const std::vector<int> few(20, 1234);
  const Json json = Json::object(
      {{"few", Json::array_of(few)},
       {"deep", Json::object({{"few", Json::array_of(few)}, {"empty", Json::object()}})},
       {"text", std::string(100, 'x')}});
  const std::string list =
      "[\n    1234,\n";  // 20 numbers of 6 characters do not fit, each is on a line of its own
  CHECK_THAT(json.pretty(), contains("\"few\": " + list));
  CHECK(Json::object({{"a", Json::array_of(std::vector<int>{1, 2})}}).pretty() ==
        "{\n  \"a\": [1, 2]\n}\n");
  CHECK(Json::object().pretty() == "{}\n");
  CHECK_THAT(json.pretty(), contains("\"empty\": {}"));
}
