// SPDX-License-Identifier: Apache-2.0
// Devices that are there, and that are not, through the program.
#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "apps/run_cli.h"
#include "base/json.h"
#include "base/text.h"
#include "isoflop/run_record.h"
#include "support/catch.h"

using namespace isoflop;
using namespace isoflop::test;

namespace {

const char* const kExperiment = R"({
  "schema": "isoflop.experiment/1", "question": "On which device?", "dataset": "santafe",
  "seq_len": 64, "budgets": [2e9], "shapes": { "per_budget": 3, "half_width": 2, "centre": [8e4, 0] },
  "peak_lr": 0.01, "batch_tokens": 256, "validation_tokens": 2048})";

const char* const kSpec = R"({"schema": "isoflop.run_spec/1", "dataset": "santafe",
  "shape": {"n_layers": 1, "d_model": 16, "n_heads": 1, "vocab_size": 256, "seq_len": 32},
  "batch_tokens": 128, "n_steps": 30, "peak_lr": 0.01, "validation_tokens": 1024, "seed": 0})";

/// Lets the program find another library for its CUDA backend.
class PluginFolder {
 public:
  explicit PluginFolder(const std::string& name) {
    setenv("LD_LIBRARY_PATH", (ISOFLOP_BROKEN_PLUGINS "/" + name).c_str(), 1);
  }
  ~PluginFolder() { unsetenv("LD_LIBRARY_PATH"); }
  PluginFolder(const PluginFolder&) = delete;
  PluginFolder& operator=(const PluginFolder&) = delete;
};

std::vector<std::string> usable_devices(const TempDir& dir) {
  const CliResult version = run_cli(dir, {"--version", "--json"});
  REQUIRE(version.exit_code == 0);
  CHECK(version.err.empty());
  const Json json = parse_json(version.out, "stdout");
  std::vector<std::string> devices;
  for (const JsonReader& device : JsonReader(json, "stdout").at("devices").elements()) {
    devices.push_back(device.string());
  }
  return devices;
}

/// Exit code 3, one line with `reason`, and nothing written, planned or trained.
void expect_unavailable(const std::vector<std::string>& command, const std::string& reason) {
  const TempDir dir;
  dir.write("experiment.json", kExperiment);
  dir.write("spec.json", kSpec);
  const CliResult result = run_cli(dir, command);
  INFO(command[0] << " " << command.back() << ": " << result.err);
  CHECK(result.exit_code == 3);
  CHECK(result.out.empty());
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  CHECK_THAT(result.err, contains(reason));
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    const std::string name = entry.path().filename();
    CHECK((name == "experiment.json" || name == "spec.json" || name.starts_with(".std")));
  }
}

void expect_no_gpu(const std::string& reason) {
  for (const char* device : {"cuda", "cuda:0", "cuda:7"}) {
    expect_unavailable({"sweep", "experiment.json", "--device", device}, reason);
    expect_unavailable({"sweep", "experiment.json", "--pack", "2", "--device", device}, reason);
    expect_unavailable({"train", "spec.json", "--device", device}, reason);
  }
}

}  // namespace

TEST_CASE("a device that is not there ends with exit code 3 and one line that says so") {
  const TempDir dir;
  const std::vector<std::string> devices = usable_devices(dir);
  REQUIRE(devices.front() == "cpu");
  if (devices.size() == 1) {
    expect_no_gpu("no CUDA ");  // backend or device
  } else {
    const std::string one_too_many = "cuda:" + std::to_string(devices.size() - 1);
    expect_unavailable({"train", "spec.json", "--device", one_too_many}, "no CUDA device ");
  }
}

TEST_CASE("a CUDA backend that cannot be used is named with what is wrong with it") {
  const auto [folder, reason] = GENERATE(table<std::string, std::string>(
      {{"other_version", "libisoflop_cuda.so is of another version of isoflop"},
       {"missing_library",
        "a library that the CUDA backend needs is missing: libisoflop_absent.so: cannot open "
        "shared object file"}}));
  const PluginFolder plugins(folder);
  expect_no_gpu(reason);
  CHECK(usable_devices(TempDir()) == std::vector<std::string>{"cpu"});
}

TEST_CASE("what can be used is listed within a moment") {
  const auto start = std::chrono::steady_clock::now();
  (void)usable_devices(TempDir());
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
}

TEST_CASE("a device that nobody has heard of is bad input, and so are packs on the CPU") {
  const TempDir dir;
  dir.write("experiment.json", kExperiment);
  dir.write("spec.json", kSpec);
  for (const char* device : {"abacus", "cuda:", "cuda:x", "cuda:-1"}) {
    CHECK(run_cli(dir, {"sweep", "experiment.json", "--device", device}).exit_code == 2);
    CHECK(run_cli(dir, {"train", "spec.json", "--device", device}).exit_code == 2);
  }
  const CliResult packs = run_cli(dir, {"sweep", "experiment.json", "--pack", "2"});
  CHECK(packs.exit_code == 2);
  CHECK_THAT(packs.err, contains("--pack: ") && contains("must be 1, got 2"));
  CHECK_FALSE(std::filesystem::exists(dir.path() / "sweeps"));
}

TEST_CASE("runs beside each other in one process leave what each leaves alone") {
  const TempDir dir;
  dir.write("spec.json", kSpec);
  std::vector<std::string> together = {"train", "spec.json", "--out", "together0"};
  for (int i = 0; i < 3; ++i) {
    const std::string number = std::to_string(i);
    std::string text = kSpec;
    text.replace(text.find("\"seed\": 0"), 9, "\"seed\": " + number);
    dir.write("together" + number + "/spec.json", text);
    if (i > 0) together.insert(together.end(), {"--beside", "together" + number, "-"});
    REQUIRE(run_cli(dir, {"train", "together" + number + "/spec.json", "--out", "alone" + number})
                .exit_code == 0);
  }
  const CliResult result = run_cli(dir, together);
  INFO(result.err);
  CHECK(result.exit_code == 0);
  CHECK(result.out.empty());
  for (int i = 0; i < 3; ++i) {
    const auto file = [&](const std::string& run, const char* name) {
      return dir.path() / (run + std::to_string(i)) / name;
    };
    const RunRecord one = load_run_record(file("alone", "record.json"));
    const RunRecord other = load_run_record(file("together", "record.json"));
    CHECK(one.run_id == other.run_id);
    CHECK(one.validation->loss_nats == other.validation->loss_nats);
    CHECK(read_file(file("alone", "metrics.jsonl")) ==
          read_file(file("together", "metrics.jsonl")));
    CHECK_THAT(read_file(file("together", "log.txt")), contains(other.run_id + " completed: "));
  }
  CHECK(run_cli(dir, {"train", "spec.json", "--beside", "nowhere", "-"}).exit_code == 2);
  CHECK(
      run_cli(dir, {"train", "spec.json", "--dp", "2", "--out", "x", "--beside", "together1", "-"})
          .exit_code == 2);
}
