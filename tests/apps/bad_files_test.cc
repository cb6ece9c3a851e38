// SPDX-License-Identifier: Apache-2.0
// Files with one mistake in them, given to the commands that read them: each ends with exit code 2,
// nothing on stdout, and a message that names file, row or line, and column.
#include <string>
#include <vector>

#include "apps/run_cli.h"
#include "support/bad_points.h"
#include "support/catch.h"

using namespace isoflop::test;

namespace {

using Words = std::vector<std::string>;

/// Runs a command that reads bad.csv (bad.jsonl, bad.json) in `dir`.
void expect_refused(const TempDir& dir, const Words& arguments, const std::string& file,
                    const BadFile& bad) {
  dir.write(file, bad.text);
  const CliResult result = run_cli(dir, arguments);
  INFO("isoflop " << arguments[0] << ": " << bad.text);
  INFO("stderr: " << result.err);
  CHECK(result.exit_code == 2);
  CHECK(result.out.empty());
  CHECK_THAT(result.err, contains(file));
  for (const std::string& words : bad.said) CHECK_THAT(result.err, contains(words));
}

/// What load_points() refuses and an import passes on.
const std::vector<BadFile>& unlike_points() {
  static const std::vector<BadFile> files = {
      {"params,tokens,loss,convention\n1e6,1e8,3,kaplam\n",
       {"row 2, column convention", "\"kaplam\"", "did you mean kaplan?"}},
      {"params,tokens,loss,convention\n1e6,1e8,3,kaplan\n1e6,2e8,3,palm\n",
       {"row 3, column convention", "\"palm\"", "row 2 has \"kaplan\""}},
      {"params,tokens,loss,tokenizer\n1e6,1e8,3,bytes\n1e6,2e8,3,bpe\n",
       {"row 3, column tokenizer", "\"bpe\"", "row 2 has \"bytes\""}},
      {"params,tokens,loss,bits_per_byte\n1e6,1e8,3,\n1e6,2e8,,1\n",
       {"row 3, column loss", "row 2 has loss only"}},
      {"params,flops_per_token,tokens,loss\n1e6,,1e8,3\n,6e6,2e8,3\n",
       {"row 3, column params: is empty", "row 2 has params only"}},
  };
  return files;
}

const std::vector<BadFile>& bad_curves() {
  static const std::string header = "run_id,params,tokens,loss\n";
  static const std::vector<BadFile> files = {
      {header + "a,1e6,10,nan\n", {"row 2, column loss", "\"nan\""}},
      {header + "a,1e6,10,4\na,1e6,ten,4\n", {"row 3, column tokens", "\"ten\""}},
      {header + "a,0,10,4\n", {"row 2, column params", "\"0\""}},
      {header + ",1e6,10,4\n", {"row 2, column run_id", "is empty"}},
      {header + "a,1e6,10,4\na,2e6,20,4\n", {"row 3, column params", "the run's first row"}},
      {header + "a,1e6,10,4\na,1e6,10,4\n", {"row 3, column tokens", "above the run's last"}},
      {header + "a,1e6,10\n", {"row 2", "has 3 fields, the header has 4"}},
      {"run,params,tokens,loss\na,1e6,10,4\n", {"row 1", "no column run_id"}},
      {"run_id,params,tokens,loss,loss\n", {"row 1", "column loss appears twice"}},
  };
  return files;
}

}  // namespace

TEST_CASE("fit, import and next refuse bad points by file, row and column") {
  const TempDir dir;
  for (const BadFile& bad : bad_points()) {
    expect_refused(dir, {"fit", "bad.csv"}, "bad.csv", bad);
    expect_refused(dir, {"import", "csv", "bad.csv", "--out", "out.csv"}, "bad.csv", bad);
    CHECK_FALSE(std::filesystem::exists(dir.path() / "out.csv"));
    expect_refused(dir, {"next", "bad.csv", "--flops", "1e19"}, "bad.csv", bad);
  }
}

TEST_CASE("compare refuses bad points on either side") {
  const TempDir dir;
  for (const BadFile& bad : bad_points()) {
    expect_refused(dir, {"compare", "bad.csv", "chinchilla-2022"}, "bad.csv", bad);
  }
  expect_refused(dir, {"compare", "chinchilla-2022", "bad.csv"}, "bad.csv", bad_points().front());
}

TEST_CASE("points measured differently are refused with both rows") {
  const TempDir dir;
  for (const BadFile& bad : unlike_points()) {
    expect_refused(dir, {"fit", "bad.csv"}, "bad.csv", bad);
    expect_refused(dir, {"next", "bad.csv", "--flops", "1e19"}, "bad.csv", bad);
    expect_refused(dir, {"compare", "bad.csv", "chinchilla-2022"}, "bad.csv", bad);
  }
  const BadFile two_sets{"params,tokens,loss,dataset\n1e6,1e8,3,web\n1e6,2e8,3,code\n", {}};
  dir.write("two.csv", two_sets.text);
  const CliResult result = run_cli(dir, {"fit", "two.csv"});
  CHECK(result.exit_code == 2);
  CHECK_THAT(result.err,
             contains("row 2 and row 3") && contains("\"web\"") && contains("\"code\""));
}

TEST_CASE("a size that some points lack is missed by name") {
  const TempDir dir;
  const BadFile bad{"params,flops_per_token,tokens,loss\n1e6,6e6,1e8,3\n1e6,,2e8,3\n",
                    {"row 3: has no flops_per_token, which row 2 has", "--scale params"}};
  dir.write("bad.csv", bad.text);
  const CliResult result = run_cli(dir, {"fit", "bad.csv"});
  CHECK(result.exit_code == 2);
  for (const std::string& words : bad.said) CHECK_THAT(result.err, contains(words));
}

TEST_CASE("points that leave nothing to run are named") {
  const TempDir dir;
  expect_refused(dir, {"next", "bad.csv", "--flops", "1e18"}, "bad.csv",
                 {kHeader + kGood, {"no runs to choose from", "got 1 point"}});
}

TEST_CASE("what only planning finds wrong in an experiment is named by file and path") {
  const TempDir dir;
  const BadFile bad{R"({"schema": "isoflop.experiment/1", "dataset": "santafe", "seq_len": 512,
                        "prior": "deepseek-llm-2024", "budgets": [1]})",
                    {"bad.json: /budgets/0: calls for models from"}};
  for (const char* command : {"plan", "sweep"}) {
    expect_refused(dir, {command, "bad.json"}, "bad.json", bad);
  }
}

TEST_CASE("two files of unlike frames are not fitted together") {
  const TempDir dir;
  dir.write("a.csv", "params,tokens,loss,convention\n1e6,1e8,3,kaplan\n");
  const BadFile others[] = {
      {"params,tokens,loss,convention\n1e6,1e8,3,palm\n", {"convention", "\"kaplan\"", "\"palm\""}},
      {"params,tokens,bits_per_byte,convention\n1e6,1e8,1,kaplan\n", {"metric", "bits_per_byte"}},
      {"params,tokens,loss,convention,dataset\n1e6,1e8,3,kaplan,web\n", {"dataset", "\"web\""}},
      {"params,tokens,loss,convention,tokenizer\n1e6,1e8,3,kaplan,bpe\n", {"tokenizer", "bpe"}},
  };
  for (const BadFile& bad : others) {
    expect_refused(dir, {"fit", "a.csv", "bad.csv"}, "bad.csv", bad);
  }
}

TEST_CASE("import refuses bad JSON lines by file, line and place") {
  const TempDir dir;
  for (const BadFile& bad : bad_lines()) {
    expect_refused(dir, {"import", "jsonl", "bad.jsonl", "--out", "out.csv"}, "bad.jsonl", bad);
  }
}

TEST_CASE("fit refuses bad training curves by file, row and column") {
  const TempDir dir;
  dir.write("points.csv", kHeader + kGood);
  for (const BadFile& bad : bad_curves()) {
    expect_refused(dir, {"fit", "points.csv", "--curves", "bad.csv"}, "bad.csv", bad);
  }
}

TEST_CASE("curves must have the sizes that the fit is asked for") {
  const TempDir dir;
  dir.write("points.csv", kHeader + kGood);
  const BadFile bad{"run_id,params,tokens,loss\na,1e6,10,4\n",
                    {"row 1: has no column flops_per_token", "--scale params"}};
  expect_refused(dir, {"fit", "points.csv", "--scale", "flops_per_token", "--curves", "bad.csv"},
                 "bad.csv", bad);
}

TEST_CASE("a command refuses a column map that the file does not bear out") {
  const TempDir dir;
  const BadFile bad{"N,tokens,loss\n1e6,1e8,3.0\n",
                    {"row 1", "has no column M (wanted as params)", "it has N, tokens, loss"}};
  const std::string map = "params=M";
  expect_refused(dir, {"fit", "bad.csv", "--columns", map}, "bad.csv", bad);
  expect_refused(dir, {"next", "bad.csv", "--flops", "1e19", "--columns", map}, "bad.csv", bad);
  expect_refused(dir, {"import", "csv", "bad.csv", "--out", "o.csv", "--columns", map}, "bad.csv",
                 bad);
}

TEST_CASE("train refuses a data set whose token_bytes contradict its shards") {
  const TempDir dir;
  std::string train, validation;
  for (int i = 0; i < 40; ++i) train += static_cast<char>(i % 3);
  for (int i = 0; i < 20; ++i) validation += static_cast<char>(i % 3);
  dir.write("data/mini/train.bin", train);
  dir.write("data/mini/validation.bin", validation);
  dir.write("spec.json", R"({"schema": "isoflop.run_spec/1",
    "shape": {"n_layers": 1, "d_model": 8, "n_heads": 1, "vocab_size": 3, "seq_len": 8},
    "dataset": "mini", "batch_tokens": 8, "n_steps": 20, "warmup_steps": 1, "peak_lr": 0.004,
    "schedule": "constant", "validation_tokens": 16, "seed": 0})");
  const BadFile bad{R"({"schema": "isoflop.dataset/1", "name": "mini", "tokenizer": "words",
    "vocab_size": 3, "bytes_per_token_file": 1,
    "splits": {"train": {"tokens": 40, "bytes": 39, "documents": 1},
               "validation": {"tokens": 20, "bytes": 19, "documents": 1}},
    "hash": "0000000000000000", "source": "composed", "token_bytes": [0, 1, 6]})",
                    {"/splits/train/bytes: is 39", "stand for 91"}};
  expect_refused(dir, {"train", "spec.json", "--data-root", "data", "--out", "run"},
                 "data/mini/dataset.json", bad);
}
