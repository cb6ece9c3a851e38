// SPDX-License-Identifier: Apache-2.0
// What people get wrong: every case ends with exit code 2, nothing on stdout, and a message that
// says where, what was found and what is allowed.
#include <string>
#include <vector>

#include "apps/run_cli.h"
#include "support/catch.h"

using namespace isoflop::test;

namespace {

struct Case {
  std::vector<std::string> arguments;
  std::vector<std::string> said;  // each must appear in the message
};

void expect_refused(const TempDir& dir, const Case& bad) {
  std::string line;
  for (const std::string& argument : bad.arguments) line += argument + " ";
  const CliResult result = run_cli(dir, bad.arguments);
  INFO("isoflop " << line);
  INFO("stderr: " << result.err);
  CHECK(result.exit_code == 2);
  CHECK(result.out.empty());
  for (const std::string& text : bad.said) CHECK_THAT(result.err, contains(text));
}

std::vector<std::string> flops(const std::string& option, const std::string& value) {
  std::vector<std::string> arguments = {"flops"};
  for (const auto& [name, good] :
       std::vector<std::pair<std::string, std::string>>{{"--n-layers", "2"},
                                                        {"--d-model", "64"},
                                                        {"--n-heads", "2"},
                                                        {"--vocab-size", "256"},
                                                        {"--seq-len", "128"}}) {
    arguments.push_back(name);
    arguments.push_back(name == option ? value : good);
  }
  if (option != "--n-layers" && option != "--d-model" && option != "--n-heads" &&
      option != "--vocab-size" && option != "--seq-len") {
    arguments.insert(arguments.end(), {option, value});
  }
  return arguments;
}

const char* const kGoodLaw = R"({"schema": "isoflop.law/1", "id": "mine", "source": "a test",
  "frame": {"dataset": "text", "tokenizer": "bytes", "metric": "bits_per_byte",
            "convention": "deepseek_m_actual"},
  "fitted_from": 1e10, "fitted_to": 1e12,
  "allocation": {"flops_per_token": [0.1, 0.5], "tokens": [10, 0.5]},
  "hyper": {"batch_tokens": [0.3, 0.33], "peak_lr": [0.3, -0.125]}})";

/// kGoodLaw with one piece replaced.
std::string law_with(const std::string& from, const std::string& to) {
  std::string text = kGoodLaw;
  text.replace(text.find(from), from.size(), to);
  return text;
}

}  // namespace

TEST_CASE("flags that make no sense are refused by name") {
  const TempDir dir;
  const Case cases[] = {
      {{"flopz"}, {"flopz"}},
      {{"flops"}, {"--n-layers"}},
      {flops("--n-layers", "0"), {"/shape/n_layers", "from 1 to 100000", "got 0"}},
      {flops("--n-layers", "two"), {"--n-layers", "two"}},
      {flops("--n-layers", "2.5"), {"--n-layers", "2.5"}},
      {flops("--n-layers", "99999999999999999999"), {"--n-layers", "whole decimal number"}},
      {flops("--d-model", "-64"), {"/shape/d_model", "got -64"}},
      {flops("--n-heads", "3"), {"/shape/d_head", "even"}},
      {flops("--n-kv-heads", "3"), {"/shape/n_kv_heads", "got 3"}},
      {flops("--n-kv-heads", "0"), {"/shape/n_kv_heads", "got 0"}},
      {flops("--d-ff", "0"), {"/shape/d_ff", "got 0"}},
      {flops("--vocab-size", "1"), {"/shape/vocab_size", "got 1"}},
      {flops("--seq-len", "0"), {"/shape/seq_len", "got 0"}},
      {{"propose"}, {"--compute"}},
      {{"propose", "--compute", "-1e20"}, {"compute", "-1e+20"}},
      {{"propose", "--compute", "0"}, {"compute"}},
      {{"propose", "--compute", "nan"}, {"compute"}},
      {{"propose", "--compute", "inf"}, {"compute"}},
      {{"propose", "--compute", "lots"}, {"--compute", "lots"}},
      {{"propose", "--compute", "1e20", "--law", "deepseek-llm-2023"},
       {"deepseek-llm-2023", "did you mean deepseek-llm-2024?"}},
      {{"propose", "--compute", "1e20", "--law", "deepseek-openwebtext2-2024"},
       {"deepseek-openwebtext2-2024", "exponents"}},
      {{"propose", "--compute", "1e20", "--seq-len", "0"}, {"seq_len"}},
      {{"propose", "--compute", "1e20", "--data-tokens", "-5"}, {"data"}},
      {{"propose", "--compute", "1e20", "--law", "absent/law.json"}, {"absent/law.json"}},
      {{"propose", "--compute", "1e20", "--law", "epoch-2024", "--inference-tokens", "-1"},
       {"inference_tokens", "got -1"}},
      {{"propose", "--compute", "1e20", "--inference-tokens", "1e12"},
       {"inference_tokens", "deepseek-llm-2024", "no loss surface"}},
      {{"laws", "show", "nobody"}, {"nobody", "known:"}},
      {{"compare", "deepseek-llm-2024"}, {"two laws"}},
      {{"data", "info", "nowhere"}, {"nowhere"}},
      {{"data", "build", "--out", "x", "absent.txt"}, {"absent.txt"}},
      {{"fit", "absent.csv"}, {"absent.csv"}},
      {{"import", "csv", "absent.csv", "--out", "p.csv"}, {"absent.csv: cannot be read"}},
      {{"import", "csv", ".", "--out", "p.csv"}, {"is a folder"}},
      {{"import", "step-law", "a.csv", "--out", "p.csv"}, {"step-law", "did you mean steplaw?"}},
      {{"import", "csv", "a.csv"}, {"--out"}},
      {{"import", "csv", "a.csv", "--out", "p.csv", "--units", "tokens"}, {"--units", "tokens"}},
      {{"import", "csv", "a.csv", "--out", "p.csv", "--columns", "params=N,params=M"},
       {"--columns: params is given twice"}},
      {{"import", "csv", "a.csv", "--out", "p.csv", "--convention", "7nd"}, {"7nd"}},
      {{"import", "csv", "a.csv", "--out", "p.csv", "--vocab-size", "many"}, {"--vocab-size"}},
      {{"fit", "p.csv", "--objective", "l2"}, {"--objective", "huber_log"}},
      {{"fit", "p.csv", "--delta", "-1"}, {"--delta"}},
      {{"plan", "absent.json"}, {"absent.json"}},
      {{"sweep", "absent.json"}, {"absent.json"}},
      {{"status", "nowhere"}, {"nowhere"}},
      {{"train", "absent.json"}, {"absent.json"}},
  };
  for (const Case& bad : cases) expect_refused(dir, bad);
}

TEST_CASE("malformed law files are refused by file and path") {
  const TempDir dir;
  struct BadFile {
    std::string text;
    std::vector<std::string> said;
  };
  const BadFile files[] = {
      {"", {"law.json"}},
      {"{", {"law.json", "line 1"}},
      {"[]", {"law.json: /", "must be an object"}},
      {law_with("isoflop.law/1", "isoflop.law/2"), {"/schema", "isoflop.law/2"}},
      {law_with("\"id\": \"mine\", ", ""), {"/id", "missing"}},
      {law_with("\"id\": \"mine\"", "\"id\": 7"), {"/id", "must be a string, got 7"}},
      {law_with("fitted_to", "fited_to"), {"/fited_to", "did you mean fitted_to?"}},
      {law_with("1e12", "-1e12"), {"/fitted_to", "-1e+12"}},
      {law_with("1e12", "NaN"), {"law.json", "line 4"}},
      {law_with("[0.1, 0.5]", "[0.1]"), {"/allocation/flops_per_token", "2 elements, got 1"}},
      {law_with("[0.1, 0.5]", "[\"0.1\", 0.5]"), {"/allocation/flops_per_token/0", "\"0.1\""}},
      {law_with("[0.1, 0.5]", "[-0.1, 0.5]"), {"/allocation/flops_per_token/0", "-0.1"}},
      {law_with("\"bits_per_byte\"", "\"perplexity\""), {"/frame/metric", "bits_per_byte"}},
      {law_with("\"fitted_from\"", "\"vocab_size\": 1, \"fitted_from\""),
       {"law.json: /vocab_size: must be an integer from 2", "got 1"}},
      {law_with("a test", "a \\u0000 test"), {"law.json: /source", "NUL"}},
      {law_with("a test", std::string("a \0 test", 8)), {"law.json: byte ", "is NUL"}},
      {kGoodLaw + std::string("\0", 1), {"law.json: byte ", "is NUL"}},
      {law_with("[0.1, 0.5]", "[1e300, 0.5]"),
       {"law.json: law mine: asks for", "must be > 0 and at most 1e16"}},
      {law_with("deepseek_m_actual", "6nd"), {"/frame/convention", "6nd"}},
      {law_with("\"id\": \"mine\"", "\"id\": \"mine\", \"id\": \"yours\""), {"/id", "twice"}},
  };
  for (const BadFile& file : files) {
    dir.write("law.json", file.text);
    expect_refused(dir, {{"propose", "--compute", "1e11", "--law", "law.json"}, file.said});
  }
  dir.write("law.json", kGoodLaw);
  CHECK(run_cli(dir, {"propose", "--compute", "1e11", "--law", "law.json"}).exit_code == 0);
}

TEST_CASE("points that cannot be used are refused by row and column") {
  const TempDir dir;
  struct BadFile {
    std::string text;
    std::vector<std::string> said;
  };
  const std::string header = "params,tokens,loss\n";
  const BadFile files[] = {
      {"", {"points.csv"}},
      {"params,tokens\n1e6,1e8\n", {"points.csv", "loss"}},
      {"tokens,loss\n1e8,3.0\n", {"points.csv", "params"}},
      {header + "1e6,1e8,3.0\n1e6,1e8,nan\n", {"points.csv", "row 3", "loss", "nan"}},
      {header + "1e6,-1e8,3.0\n", {"row 2", "tokens", "-1e8"}},
      {header + "1e6,1e8,\n", {"row 2", "loss"}},
      {header + "1e6,1e8,abc\n", {"row 2", "loss", "abc"}},
      {header + "1e6,1e8\n", {"row 2"}},
      {header + "0,1e8,3.0\n", {"row 2", "params"}},
      {"params,params,tokens,loss\n1,1,1,1\n", {"params", "twice"}},
      {header + "1e6,1e8,\"3.0\n", {"points.csv", "line 2, character 9"}},
      {header, {"points.csv: has a header and no rows"}},
  };
  for (const BadFile& file : files) {
    dir.write("points.csv", file.text);
    expect_refused(dir, {{"fit", "points.csv"}, file.said});
    expect_refused(dir, {{"import", "csv", "points.csv", "--out", "out.csv"}, file.said});
  }
  dir.write("points.csv", "N,tokens,loss\n1e6,1e8,3.0\n");
  expect_refused(dir, {{"fit", "points.csv", "--columns", "params"}, {"--columns", "params"}});
  expect_refused(dir, {{"fit", "points.csv", "--columns", "params=M"}, {"points.csv", "M"}});
  dir.write("points.csv", "params,tokens,loss,acc\n1e6,1e8,3.0,0.3\n2e6,1e8,2.9,n/a\n");
  expect_refused(dir, {{"fit", "points.csv", "--metric-column", "f1"}, {"\"f1\"", "acc"}});
  expect_refused(dir, {{"fit", "points.csv", "--metric-column", "acc"},
                       {"row 3", "column acc", "finite number", "n/a"}});
}

TEST_CASE("a path that would leave its folder is refused") {
  const TempDir dir;
  dir.write("experiment.json",
            R"({"schema": "isoflop.experiment/1", "question": "?", "dataset": "../../etc",
                "prior": "deepseek-llm-2024", "budgets": [1e11]})");
  expect_refused(dir, {{"plan", "experiment.json"}, {"../../etc"}});
}
