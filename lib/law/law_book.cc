// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <system_error>

#include "isoflop/error.h"
#include "isoflop/law.h"

namespace isoflop {
namespace {

void load_folder(const std::filesystem::path& folder, std::vector<Law>& laws) {
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  if (error) return;  // a book without fitted laws, or without published ones, is a book
  for (; entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::filesystem::path& file = entry->path();
    if (file.extension() != ".json") continue;
    laws.push_back(load_law(file));
    if (laws.back().id != file.stem().string()) {
      throw Error(ErrorCode::parse, file.string() + ": /id: must be the name of the file, \"" +
                                        file.stem().string() + "\", got \"" + laws.back().id +
                                        "\"");
    }
  }
}

}  // namespace

std::vector<Law> load_law_book(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder)) {
    throw Error(ErrorCode::parse, folder.string() + ": no such folder of laws");
  }
  std::vector<Law> laws;
  load_folder(folder / "published", laws);
  load_folder(folder / "fitted", laws);
  std::sort(laws.begin(), laws.end(), [](const Law& a, const Law& b) { return a.id < b.id; });
  const auto twin = std::adjacent_find(laws.begin(), laws.end(),
                                       [](const Law& a, const Law& b) { return a.id == b.id; });
  if (twin != laws.end()) {
    throw Error(ErrorCode::parse,
                folder.string() + ": the law \"" + twin->id + "\" is both published and fitted");
  }
  return laws;
}

}  // namespace isoflop
