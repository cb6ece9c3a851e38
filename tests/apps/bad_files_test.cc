// SPDX-License-Identifier: Apache-2.0
// Files with one mistake in them, given to the commands that read them: each ends with exit code 2,
// nothing on stdout, and a message that names file, row or line, and column.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "apps/run_cli.h"
#include "support/catch.h"

using namespace isoflop::test;
using namespace std::string_literals;

namespace {

using Words = std::vector<std::string>;

/// One bad file and what the message must say of it, beside the file's name.
struct BadFile {
  std::string text;
  Words said;
};

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

const std::string kHeader = "params,tokens,loss\n";
const std::string kGood = "1e6,1e8,3\n";

const std::vector<BadFile>& bad_points() {
  static const std::vector<BadFile> files = {
      // Cells that are no number.
      {kHeader + "1e6,1e8,nan\n", {"row 2, column loss", "\"nan\""}},
      {kHeader + "1e6,inf,3\n", {"row 2, column tokens", "\"inf\""}},
      {kHeader + kGood + "1e6,-inf,3\n", {"row 3, column tokens", "\"-inf\""}},
      {kHeader + "-1e6,1e8,3\n", {"row 2, column params", "\"-1e6\""}},
      {kHeader + kGood + kGood + "0,1e8,3\n", {"row 4, column params", "\"0\""}},
      {kHeader + "1e6,1e8,\n", {"row 2, column loss", "is empty"}},
      {kHeader + "1e6, ,3\n", {"row 2, column tokens", "is empty"}},
      {kHeader + ",1e8,3\n", {"row 2, column params", "is empty"}},
      {kHeader + "1e6,1e8,three\n", {"row 2, column loss", "\"three\""}},
      {kHeader + "0x10,1e8,3\n", {"row 2, column params", "\"0x10\""}},
      {kHeader + "1e6,\"1,5\",3\n", {"row 2, column tokens", "\"1,5\""}},
      {kHeader + "1.000.000,1e8,3\n", {"row 2, column params", "\"1.000.000\""}},
      {kHeader + "1_000_000,1e8,3\n", {"row 2, column params", "\"1_000_000\""}},
      {kHeader + "1 000,1e8,3\n", {"row 2, column params", "\"1 000\""}},
      {kHeader + "1e999,1e8,3\n", {"row 2, column params", "\"1e999\""}},
      {kHeader + "1e6,1e8,1e-310\n", {"row 2, column loss", "below the smallest normal double"}},
      {kHeader + "1e6,1e8,3.0.0\n", {"row 2, column loss", "\"3.0.0\""}},
      {kHeader + "1e6,1e8,3e\n", {"row 2, column loss", "\"3e\""}},
      {kHeader + "1e6,1e8,3%\n", {"row 2, column loss", "\"3%\""}},
      {kHeader + "7B,1e8,3\n", {"row 2, column params", "\"7B\"", "--units"}},
      {kHeader + "1e6,1e8,3 nats\n", {"row 2, column loss", "\"3 nats\"", "--units"}},
      {kHeader + "1e6,1e8,None\n", {"row 2, column loss", "\"None\""}},
      {kHeader + kGood + "\n\n1e6,1e8,x\n", {"row 5, column loss", "\"x\""}},
      {"note," + kHeader + "\"a\nb\",1e6,1e8,3\nc,1e6,1e8,x\n", {"row 3 (line 4), column loss"}},
      // Numbers that cannot be, or not beside each other.
      {kHeader + "1e200,1e200,3\n", {"row 2, column tokens", "beyond a double"}},
      {"params,tokens,loss,compute\n1e6,1e8,3,0\n", {"row 2, column compute", "\"0\""}},
      {"params,tokens,loss,compute,budget\n1e6,1e8,3,6e14,7e14\n",
       {"row 2, column budget", "within 10 % of compute"}},
      {"params,tokens,loss,budget\n1e6,1e8,3,-1\n", {"row 2, column budget", "\"-1\""}},
      {"params,tokens,loss,peak_lr\n1e6,1e8,3,fast\n", {"row 2, column peak_lr", "\"fast\""}},
      {"params,tokens,loss,batch_tokens\n1e6,1e8,3,0\n", {"row 2, column batch_tokens"}},
      {"params,tokens,loss,seed\n1e6,1e8,3,0.5\n", {"row 2, column seed", "an integer"}},
      {"params,tokens,loss,seed\n1e6,1e8,3,1e20\n", {"row 2, column seed", "an integer"}},
      {"params,tokens,bits_per_byte\n1e6,1e8,0\n", {"row 2, column bits_per_byte"}},
      {"flops_per_token,tokens,loss\n-6e6,1e8,3\n", {"row 2, column flops_per_token"}},
      // Rows that do not fit the header.
      {kHeader + "1e6,1e8\n", {"row 2", "has 2 fields, the header has 3"}},
      {kHeader + kGood + "1e6,1e8,3,4\n", {"row 3", "has 4 fields, the header has 3"}},
      {kHeader + kGood + "1e6,1e", {"row 3", "has 2 fields", "ends within this row"}},
      {kHeader + "1e6;1e8;3\n", {"row 2", "has 1 fields"}},
      // Quotes and bytes.
      {kHeader + "1e6,1e8,\"3\n", {"row 2", "never closed", "line 2, character 9"}},
      {kHeader + "1e6,1e8,\"3\"x\n", {"after a closing quote", "line 2, character 12"}},
      {kHeader + "1e6,1e8,3\"\"\n", {"a quote inside a field", "line 2, character 10"}},
      {kHeader + "1e6,1\0e8,3\n"s, {"row 2", "NUL byte", "line 2, character 6"}},
      // Headers.
      {"params,tokens\n1e6,1e8\n", {"row 1: has no column", "loss or bits_per_byte"}},
      {"tokens,loss\n1e8,3\n", {"row 1: has no column", "params or flops_per_token"}},
      {"params,loss\n1e6,3\n", {"row 1: has no column", "tokens"}},
      {"params,params,tokens,loss\n1,1,1,1\n", {"row 1", "column params appears twice"}},
      {"params;tokens;loss\n1;2;3\n", {"row 1: has no column", "tokens", "params;tokens;loss"}},
      {"PARAMS,tokens,loss\n1,2,3\n", {"row 1: has no column", "params", "it has PARAMS"}},
      {kGood, {"row 1: has no column", "tokens", "it has 1e6, 1e8, 3"}},
  };
  return files;
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
       {"row 3, column loss", "row 2 has that metric only"}},
  };
  return files;
}

const std::vector<BadFile>& bad_lines() {
  static const std::string good = "{\"params\": 1e6, \"tokens\": 1e8, \"loss\": 3}\n";
  static const std::vector<BadFile> files = {
      {good + "{\"params\": 1e6, \"tokens\": 1e8, \"loss\": }\n", {"line 2, column 40"}},
      {good + "{\"params\": 1e6", {"line 2, column 15"}},
      {good + "\n{\"params\": 1e6, \"tokens\": 1e8, \"loss\": -3}\n", {"line 3: /loss", "\"-3\""}},
      {good + "{\"params\": 1e6, \"tokens\": Infinity, \"loss\": 3}\n", {"line 2: /tokens"}},
      {good + "{\"params\": 1e6, \"tokens\": 1e8}\n", {"line 2: /loss", "is empty"}},
      {good + "{\"params\": true, \"tokens\": 1e8, \"loss\": 3}\n", {"line 2: /params", "true"}},
      {"{\"params\": \"7B\", \"tokens\": 1e8, \"loss\": 3}\n", {"line 1: /params", "\"7B\""}},
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

std::size_t n_distinct(const std::vector<BadFile>& files) {
  std::set<std::string> texts;
  for (const BadFile& file : files) texts.insert(file.text);
  return texts.size();
}

}  // namespace

TEST_CASE("more than 60 different mistakes are given to the commands") {
  CHECK(n_distinct(bad_points()) + n_distinct(unlike_points()) + n_distinct(bad_lines()) +
            n_distinct(bad_curves()) >=
        60);
}

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
