// SPDX-License-Identifier: Apache-2.0
#include "report/html.h"

#include "support/catch.h"

using namespace isoflop;

TEST_CASE("text cannot become markup") {
  REQUIRE(escape_html("<b a='1' c=\"2\">&amp;") ==
          "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;amp;");
  REQUIRE(escape_html("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80") ==
          "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
}

TEST_CASE("bytes that are not UTF-8 become replacement characters") {
  const std::string mark = "\xef\xbf\xbd";
  REQUIRE(escape_html("a\xff"
                      "b") == "a" + mark + "b");
  REQUIRE(escape_html("\xc3") == mark);                        // cut short
  REQUIRE(escape_html("\xc0\xbc") == mark + mark);             // an overlong "<"
  REQUIRE(escape_html("\xe0\x80\xbc") == mark + mark + mark);  // another
  REQUIRE(escape_html("\xed\xa0\x80") == mark + mark + mark);  // a surrogate
  REQUIRE(escape_html(std::string("\0\x1b", 2)) == mark + mark);
}

TEST_CASE("JSON cannot end the element that holds it, and means the same") {
  const std::string text = "</script><!-- \xe2\x80\xa8 & \xe2\x80\xa9 \"quoted\"";
  const std::string embedded = embeddable_json(Json::object({{"name", text}}));
  for (const char* forbidden : {"<", ">", "&", "\xe2\x80\xa8", "\xe2\x80\xa9"}) {
    REQUIRE(embedded.find(forbidden) == std::string::npos);
  }
  REQUIRE(*parse_json(embedded, "page").find("name")->if_string() == text);
}

TEST_CASE("tables escape their cells") {
  const HtmlTable table{{{"<i>", false}, {"n"}}, {{"a&b", "1"}}};
  REQUIRE(table.html() ==
          "<div class=\"scroll\"><table><thead><tr><th>&lt;i&gt;</th><th class=\"n\">n</th></tr>"
          "</thead>\n<tbody>\n<tr><td>a&amp;b</td><td class=\"n\">1</td></tr>\n"
          "</tbody></table></div>\n");
}
