// SPDX-License-Identifier: Apache-2.0
#include "report/methods_html.h"

#include "base/text.h"
#include "report/html.h"

namespace isoflop {
namespace {

// "**question**: answer" with the question in bold, or "**question**: *answer*" for one that is
// missing. A name from outside may hold stars, too: nothing else is markup.
std::string item_html(const std::string& text) {
  const std::size_t end = text.rfind("**", 0) == 0 ? text.find("**", 2) : text.npos;
  if (end == text.npos) return escape_html(text);
  const std::string question = "<b>" + escape_html(text.substr(2, end - 2)) + "</b>";
  const std::string answer = text.substr(end + 2);
  const bool emphasis = answer.size() > 4 && answer.rfind(": *", 0) == 0 && answer.back() == '*';
  if (!emphasis) return question + escape_html(answer);
  return question + ": <em>" + escape_html(answer.substr(3, answer.size() - 4)) + "</em>";
}

}  // namespace

std::string methods_html(const std::string& markdown) {
  std::string out;
  bool in_list = false;
  for (const std::string& line : split(markdown, '\n')) {
    const bool item = line.rfind("- ", 0) == 0;
    if (item != in_list) out += item ? "<ul>\n" : "</ul>\n";
    in_list = item;
    if (item) {
      out += "<li>" + item_html(line.substr(2)) + "</li>\n";
    } else if (line.rfind("## ", 0) == 0) {
      out += "<h4>" + escape_html(line.substr(3)) + "</h4>\n";
    } else if (!line.empty() && line.rfind("# ", 0) != 0) {
      out += "<p>" + escape_html(line) + "</p>\n";
    }
  }
  return out + (in_list ? "</ul>\n" : "");
}

}  // namespace isoflop
