// SPDX-License-Identifier: Apache-2.0
// Files with accidents in them are read whole or refused by name: no crash, no end of time, and no
// row that is lost without a word.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>

#include "isoflop/error.h"
#include "isoflop/import.h"
#include "isoflop/law.h"
#include "isoflop/point.h"
#include "support/catch.h"
#include "support/event_bytes.h"
#include "support/mutate.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kMutations = 200;
constexpr std::chrono::seconds kLongest{2};  // of one file of a kilobyte

struct Tally {
  int read = 0, refused = 0;
};

/// `read(file)` for 200 accidents of `bytes`; what is thrown must name the file.
template <class Read>
Tally read_mutated(const std::string& bytes, const std::string& name, const Read& read) {
  const test::TempDir dir;
  Tally tally;
  for (std::uint64_t seed = 0; seed < kMutations; ++seed) {
    INFO("accident " << seed);
    const std::string text = test::mutated(bytes, seed);
    const std::filesystem::path file = dir.write(name, text);
    const auto start = Clock::now();
    try {
      read(file, text);
      ++tally.read;
    } catch (const Error& error) {
      CHECK_THAT(error.what(), contains(std::filesystem::path(name).filename().string()));
      ++tally.refused;
    }
    CHECK(Clock::now() - start < kLongest);
  }
  return tally;
}

std::int64_t count_lines(const std::string& text) {
  std::int64_t n = 0;
  bool blank = true;
  for (const char c : text + "\n") {
    const bool end = c == '\n' || c == '\r';
    if (end && !blank) ++n;
    blank = end || (blank && (c == ' ' || c == '\t'));
  }
  return n;
}

std::string csv() {
  std::string text = "run_id,params,tokens,loss,budget,dataset\n";
  for (int i = 0; i < 20; ++i) {
    text += "r" + std::to_string(i) + "," + std::to_string(1000000 + 50000 * i) + ",2e9," +
            std::to_string(3.5 - 0.01 * i) + ",1e17,web\n";
  }
  return text;
}

std::string jsonl() {
  std::string text;
  for (int i = 0; i < 20; ++i) {
    text += R"({"run_id": "r)" + std::to_string(i) + R"(", "model": {"params": 1e7}, "tokens": )" +
            std::to_string(1000000 * (i + 1)) + R"(, "loss": 3.)" + std::to_string(10 + i) + "}\n";
  }
  return text;
}

std::string law() {
  return R"({"schema": "isoflop.law/1", "id": "mini", "source": "made", "dataset": "web",
  "tokenizer": "", "metric": "loss_nats", "convention": "deepseek_m_actual",
  "fitted_from": 1e17, "fitted_to": 1e20,
  "allocation": {"flops_per_token": {"coefficient": 0.1715, "exponent": 0.5243},
                 "tokens": {"coefficient": 5.8316, "exponent": 0.4757}},
  "loss": {"irreducible": 1.7, "a": 400, "alpha": 0.34, "b": 2000, "beta": 0.36,
           "scale": "flops_per_token"}})";
}

}  // namespace

TEST_CASE("a CSV with accidents is read whole or refused") {
  const Tally tally = read_mutated(csv(), "points.csv", [](const auto& file, const auto& text) {
    const PointSet set = load_points_csv(file);
    // Quotes may join lines; without them every line is a point.
    if (text.find('"') != text.npos) return;
    CHECK(static_cast<std::int64_t>(set.points.size()) == count_lines(text) - 1);
  });
  CHECK(tally.read > 5);
  CHECK(tally.refused > 50);
}

TEST_CASE("JSON lines with accidents are imported whole or refused") {
  const Tally tally = read_mutated(jsonl(), "runs.jsonl", [](const auto& file, const auto& text) {
    ImportOptions options;
    options.format = ImportFormat::jsonl;
    options.columns = {{"params", "model.params"}};
    const auto out = file.parent_path() / "out.csv";
    const ImportSummary summary = import_points(file, out, options);
    CHECK(summary.n_rows == summary.n_points + summary.n_left_out);
    CHECK(summary.n_points == static_cast<std::int64_t>(load_points_csv(out).points.size()));
    // A JSON text may go over several lines, and several texts are refused; none gets lost.
    if (text.find("}\n{") != text.npos) CHECK(summary.n_rows <= count_lines(text));
  });
  CHECK(tally.read > 0);
  CHECK(tally.refused > 50);
}

TEST_CASE("a law with accidents is read or refused") {
  const Tally tally = read_mutated(law(), "mini.json", [](const auto& file, const auto&) {
    const Law read = load_law(file);
    CHECK(to_json(read).size() > 50);
  });
  CHECK(tally.refused > 100);
}

TEST_CASE("event files with accidents are imported or refused") {
  using test::event;
  using test::simple_value;
  test::Bytes bytes;
  for (std::uint64_t step = 1; step <= 20; ++step) {
    bytes += event(1 + static_cast<double>(step), step,
                   simple_value("loss", 4 - 0.05F * static_cast<float>(step)) +
                       simple_value("tokens", 1000 * static_cast<float>(step)));
  }
  const Tally tally =
      read_mutated(bytes, "events.out.tfevents.1.h.1.0", [](const auto& file, const auto&) {
        ImportOptions options;
        options.format = ImportFormat::tensorboard;
        options.constants = {{"params", "1000000"}};
        import_points(file, file.parent_path() / "out.csv", options);
      });
  CHECK(tally.read + tally.refused == kMutations);
  CHECK(tally.refused > 50);
}

}  // namespace isoflop
