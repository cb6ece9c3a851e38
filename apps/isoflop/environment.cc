// SPDX-License-Identifier: Apache-2.0
#include "environment.h"

#include <cstdlib>
#include <vector>

#include "base/text.h"
#include "isoflop/error.h"

namespace isoflop::cli {

namespace fs = std::filesystem;

fs::path executable() { return fs::read_symlink("/proc/self/exe"); }

fs::path data_root(const std::string& given) {
  if (!given.empty()) return given;
  const char* variable = std::getenv("ISOFLOP_DATA");
  return variable != nullptr && *variable != '\0' ? fs::path(variable) : fs::path("data");
}

fs::path fits_folder() {
  if (const char* variable = std::getenv("ISOFLOP_FITS"); variable != nullptr) return variable;
  const auto holds_laws = [](const fs::path& folder) {
    std::error_code ignored;
    return fs::is_directory(folder / "published", ignored);
  };
  if (holds_laws("fits")) return "fits";
  for (fs::path folder = executable().parent_path(); folder.has_relative_path();
       folder = folder.parent_path()) {
    for (const char* below : {"fits", "share/isoflop/fits"}) {
      if (holds_laws(folder / below)) return folder / below;
    }
  }
  throw Error(ErrorCode::unavailable,
              "no folder with laws: looked at $ISOFLOP_FITS, ./fits and beside the program");
}

Law find_law(const std::string& id_or_file, const std::string& option) {
  if (id_or_file.find('/') != std::string::npos || id_or_file.ends_with(".json")) {
    return load_law(id_or_file);
  }
  std::vector<std::string> ids;
  for (Law& law : load_law_book(fits_folder())) {
    if (law.id == id_or_file) return law;
    ids.push_back(law.id);
  }
  throw Error(ErrorCode::invalid_argument, option + ": no law \"" + id_or_file + "\"" +
                                               did_you_mean(id_or_file, ids) +
                                               "; known: " + join(ids, ", "));
}

}  // namespace isoflop::cli
