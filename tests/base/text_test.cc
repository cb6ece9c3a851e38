// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <cmath>

#include "support/catch.h"

using namespace isoflop;

TEST_CASE("numbers for people have SI suffixes and three digits") {
  CHECK(si_text(0) == "0");
  CHECK(si_text(999) == "999");
  CHECK(si_text(999.6) == "1k");
  CHECK(si_text(1.0236e6) == "1.02M");
  CHECK(si_text(9.22e9) == "9.22G");
  CHECK(si_text(8.456e22) == "8.46e+22");
  CHECK(duration_text(4.25) == "4.2 s");
  CHECK(duration_text(190) == "3 min 10 s");
  CHECK(duration_text(7500) == "2 h 05 min");
}

TEST_CASE("only a whole number parses as a number") {
  CHECK(parse_double("1e-3") == 1e-3);
  CHECK(parse_double("+2") == 2);
  CHECK_FALSE(parse_double("1e3x"));
  CHECK_FALSE(parse_double(""));
  CHECK_FALSE(parse_double(" 1"));
  for (const char* bad : {"+-1", "++1", "0x10", "1e999", "1'000"}) CHECK_FALSE(parse_double(bad));
  for (const char* bad : {"+-1", "0x10", "9223372036854775808"}) CHECK_FALSE(parse_integer(bad));
  CHECK(parse_integer("010") == 10);  // no octal
  CHECK(parse_integer("+5") == 5);
  CHECK(std::isnan(*parse_double("nan")));
  CHECK(parse_integer("-12") == -12);
  CHECK_FALSE(parse_integer("12.0"));
}

TEST_CASE("a misspelt word is answered with the nearest known one, a foreign one with none") {
  CHECK(did_you_mean("per_budjet", {"per_budget", "budgets"}) == "; did you mean per_budget?");
  CHECK(did_you_mean("xyz", {"per_budget", "budgets"}).empty());
}

TEST_CASE("names that could leave their folder are not safe") {
  for (const char* good : {"gcide", "linux-docs_6.1", "A"}) CHECK(is_safe_name(good));
  for (const char* bad :
       {"", ".", "..", "../x", "a/b", "a b", ".hidden", "a\n", "é", "a\\b", "$x"}) {
    INFO(bad);
    CHECK_FALSE(is_safe_name(bad));
  }
  CHECK_FALSE(is_safe_name(std::string(101, 'a')));
}

TEST_CASE("splitting keeps empty fields and trimming keeps the inside") {
  CHECK(split("a,,b,", ',') == std::vector<std::string>{"a", "", "b", ""});
  CHECK(trim("\t a b\r\n") == "a b");
  CHECK(join({"a", "b"}, ", ") == "a, b");
}
