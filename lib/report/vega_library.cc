// SPDX-License-Identifier: Apache-2.0
#include "report/vega_library.h"

#include <array>

#include "base/atomic_file.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

// What our figures need, each after what it requires. Maps, trees, force layouts and word clouds
// are left out.
constexpr std::array kPackages = {"vega-util",
                                  "vega-time",
                                  "vega-format",
                                  "vega-loader",
                                  "vega-dataflow",
                                  "vega-scale",
                                  "vega-canvas",
                                  "vega-scenegraph",
                                  "vega-statistics",
                                  "vega-expression",
                                  "vega-selection",
                                  "vega-functions",
                                  "vega-event-selector",
                                  "vega-parser",
                                  "vega-runtime",
                                  "vega-transforms",
                                  "vega-view-transforms",
                                  "vega-encode",
                                  "vega-view"};

// The files are CommonJS modules when `exports`, `module` and `require` are in scope. What Vega's
// own index.js does is to collect the transforms; vega-functions calls vega-selection by its
// plural.
constexpr const char* kLoader = R"(var vega = (function () {
  var loaded = {};
  function require(name) {
    return loaded[name === "vega-selections" ? "vega-selection" : name];
  }
  function define(name, body) { var module = {exports: {}};
    body(module.exports, module, require); loaded[name] = module.exports; }
)";
constexpr const char* kIndex = R"(
  Object.assign(loaded["vega-dataflow"].transforms, loaded["vega-transforms"],
                loaded["vega-view-transforms"], loaded["vega-encode"]);
  return {parse: loaded["vega-parser"].parse, View: loaded["vega-view"].View};
})();
)";

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// A source map would be a request to somewhere; "</script" would end the element.
std::string embeddable(const std::filesystem::path& file) {
  std::string text = read_text_file(file);
  if (const std::size_t map = text.rfind("//# sourceMappingURL="); map != text.npos) {
    text.erase(map, text.find('\n', map) - map);
  }
  replace_all(text, "</script", "<\\/script");
  replace_all(text, "<!--", "<\\!--");
  return text;
}

}  // namespace

std::string vega_library(const std::filesystem::path& folder) {
  if (std::filesystem::exists(folder / "vega.min.js")) return embeddable(folder / "vega.min.js");
  std::string script = kLoader;
  for (const char* package : kPackages) {
    const std::filesystem::path file = folder / (std::string(package) + ".min.js");
    if (!std::filesystem::exists(file)) {
      throw Error(
          ErrorCode::unavailable,
          file.string() + ": not found; figures need Vega 5: install the package libjs-vega");
    }
    script += "define(\"" + std::string(package) + "\", function (exports, module, require) {\n";
    script += embeddable(file) + "\n});\n";
  }
  return script + kIndex;
}

}  // namespace isoflop
