// SPDX-License-Identifier: Apache-2.0
// docs/formats.md shows files that load.
#include <string>

#include "isoflop/law.h"
#include "isoflop/plan.h"
#include "isoflop/run_record.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

std::string example_of(const std::string& heading) {
  const std::string text =
      test::read_file(std::filesystem::path(ISOFLOP_SOURCE_DIR) / "docs" / "formats.md");
  const std::size_t section = text.find("\n## " + heading);
  REQUIRE(section != std::string::npos);
  const std::size_t begin = text.find("```json\n", section) + 8;
  return text.substr(begin, text.find("```", begin) - begin);
}

TEST_CASE("the documented experiment loads") {
  const test::TempDir dir;
  const Experiment experiment = load_experiment(dir.write("x.json", example_of("Experiment")));
  CHECK(experiment.isoflop->budgets.size() == 3);
  CHECK(experiment.grid->peak_lr.size() == 3);
}

TEST_CASE("the documented law loads and shows every part") {
  const test::TempDir dir;
  const Law law = load_law(dir.write("mine.json", example_of("Law")));
  CHECK(law.allocation);
  CHECK(law.hyper);
  CHECK(law.hyper_nd);
  CHECK(law.peak_lr_at_batch);
  CHECK(law.weight_decay);
  CHECK(law.tuned_on.weight_decay);
  CHECK(law.loss);
  CHECK(law.frontier);
  CHECK(law.evidence);
  CHECK(law.recipe.weight_decay == 0.02);
  CHECK(law.note == "what to know before using it");
}

TEST_CASE("the documented run spec loads and shows every key") {
  const std::string text = example_of("Run spec");
  const RunSpec spec = run_spec_from_json(text, "formats.md");
  CHECK(to_json(spec) == to_json(run_spec_from_json(to_json(spec), "canonical")));
  for (const char* key : {"warmup_steps", "adam_epsilon", "data_parallel", "tied_embeddings"}) {
    CHECK(text.find(key) != std::string::npos);
  }
}

}  // namespace
}  // namespace isoflop
