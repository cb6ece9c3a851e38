// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace isoflop::test {

/// Files of points with one mistake in them, which the library and the commands refuse in the same
/// words.

/// One bad file and what the message must say of it, beside the file's name.
struct BadFile {
  std::string text;
  std::vector<std::string> said;
};

inline const std::string kHeader = "params,tokens,loss\n";
inline const std::string kGood = "1e6,1e8,3\n";

/// Points CSVs: whoever reads them refuses them alike.
inline const std::vector<BadFile>& bad_points() {
  using namespace std::string_literals;
  static const std::vector<BadFile> files = {
      // Numbers that are none.
      {kHeader + "1e6,1e8,nan\n", {"row 2, column loss", "must be a number > 0", "\"nan\""}},
      {kHeader + "1e6,1e8,NaN\n", {"row 2, column loss", "\"NaN\""}},
      {kHeader + "1e6,inf,3\n", {"row 2, column tokens", "\"inf\""}},
      {kHeader + "1e6,-inf,3\n", {"row 2, column tokens", "\"-inf\""}},
      {kHeader + "-1e6,1e8,3\n", {"row 2, column params", "\"-1e6\""}},
      {kHeader + "0,1e8,3\n", {"row 2, column params", "\"0\""}},
      {kHeader + "-0.0,1e8,3\n", {"row 2, column params", "\"-0.0\""}},
      {kHeader + "1e6,1e8,\n", {"row 2, column loss", "is empty"}},
      {kHeader + "1e6,  ,3\n", {"row 2, column tokens", "is empty"}},
      {kHeader + ",1e8,3\n", {"row 2, column params", "is empty"}},
      {kHeader + "1e6,1e8,three\n", {"row 2, column loss", "\"three\""}},
      {kHeader + "0x10,1e8,3\n", {"row 2, column params", "\"0x10\""}},
      {kHeader + "1e6,\"1,5\",3\n", {"row 2, column tokens", "\"1,5\""}},
      {kHeader + "1.000.000,1e8,3\n", {"row 2, column params", "\"1.000.000\""}},
      {kHeader + "\"1,000,000\",1e8,3\n", {"row 2, column params", "\"1,000,000\""}},
      {kHeader + "1_000_000,1e8,3\n", {"row 2, column params", "\"1_000_000\""}},
      {kHeader + "1 000,1e8,3\n", {"row 2, column params", "\"1 000\""}},
      {kHeader + "1e999,1e8,3\n", {"row 2, column params", "\"1e999\""}},
      {kHeader + "1e6,1e8,1e-999\n", {"row 2, column loss", "\"1e-999\""}},
      {kHeader + "1e6,1e8,1e-310\n", {"row 2, column loss", "below the smallest normal double"}},
      {kHeader + "1e6,1e8,3.0.0\n", {"row 2, column loss", "\"3.0.0\""}},
      {kHeader + "1e6,1e8,3e\n", {"row 2, column loss", "\"3e\""}},
      {kHeader + "1e6,1e8,++3\n", {"row 2, column loss", "\"++3\""}},
      {kHeader + "1e6,1e8,3%\n", {"row 2, column loss", "\"3%\""}},
      {kHeader + "1e6,1e8,\xe2\x88\x92"s + "3\n", {"row 2, column loss", "\xe2\x88\x92"s}},
      {kHeader + "7B,1e8,3\n", {"row 2, column params", "\"7B\"", "--units"}},
      {kHeader + "1e6,1e8,3 nats\n", {"row 2, column loss", "\"3 nats\"", "--units"}},
      {kHeader + "1e6,1e8,None\n", {"row 2, column loss", "\"None\""}},
      {kHeader + "1e6,1e8,1e200\n", {"row 2, column loss", "at most 14 nats per token", "ppl"}},
      {"params,tokens,bits_per_byte\n1e6,1e8,21\n",
       {"row 2, column bits_per_byte", "at most 20.2"}},
      {kHeader + "1e6,18446744073709551617,3\n",
       {"row 2, column tokens", "at most 2^53", "got 18446744073709551617"}},
      {kHeader + "9007199254740993,1e8,3\n", {"row 2, column params", "that a double holds"}},
      {kHeader + "1e200,1e200,3\n", {"row 2, column tokens", "at most 1e30 FLOPs", "1e+200"}},
      {"params,tokens,loss,compute\n1e6,1e8,3,1e308\n",
       {"row 2, column compute", "at most 1e30 FLOPs", "1e+308"}},
      {"params,tokens,loss,budget\n1e6,1e8,3,1e31\n",
       {"row 2, column budget", "at most 1e30 FLOPs", "1e+31"}},
      {kHeader + kGood + kGood + "1e6,1e8,x\n", {"row 4, column loss"}},
      {kHeader + kGood + "\n\n1e6,1e8,x\n", {"row 5, column loss"}},
      {"params,tokens,loss,peak_lr\n1e6,1e8,3,-1\n", {"row 2, column peak_lr", "\"-1\""}},
      {"params,tokens,loss,batch_tokens\n1e6,1e8,3,b\n", {"row 2, column batch_tokens", "\"b\""}},
      {"params,tokens,loss,seed\n1e6,1e8,3,0.5\n", {"row 2, column seed", "an integer", "\"0.5\""}},
      {"params,tokens,loss,seed\n1e6,1e8,3,1e20\n", {"row 2, column seed", "an integer"}},
      {"params,tokens,loss,budget\n1e6,1e8,3,-1\n", {"row 2, column budget", "\"-1\""}},
      {"params,tokens,loss,compute\n1e6,1e8,3,0\n", {"row 2, column compute", "\"0\""}},
      {"params,tokens,loss,compute,budget\n1e6,1e8,3,6e14,7e14\n",
       {"row 2, column budget", "within 10 % of compute", "7e+14", "6e+14"}},
      {"flops_per_token,tokens,loss\n-6e6,1e8,3\n", {"row 2, column flops_per_token"}},
      {"flops_per_token,tokens,bits_per_byte\n1e6,1e8,0\n", {"row 2, column bits_per_byte"}},
      // Rows that do not fit the header.
      {kHeader + "1e6,1e8\n", {"row 2", "has 2 fields, the header has 3"}},
      {kHeader + "1e6,1e8,3,4\n", {"row 2", "has 4 fields, the header has 3"}},
      {kHeader + "1e6,1e8,3,\n", {"row 2", "has 4 fields"}},
      {kHeader + kGood + "1e6,1e", {"row 3", "has 2 fields", "ends within this row"}},
      {kHeader + "1e6;1e8;3\n", {"row 2", "has 1 fields"}},
      // Quotes.
      {kHeader + "1e6,1e8,\"3\n", {"row 2", "never closed", "line 2, character 9"}},
      {kHeader + "1e6,1e8,\"3\"x\n", {"row 2", "after a closing quote", "line 2, character 12"}},
      {kHeader + "1e6,1e8,3\"\"\n", {"row 2", "a quote inside a field", "line 2, character 10"}},
      {"note," + kHeader + "\"a\nb\",1e6,1e8,3\nc,1e6,1e8,x\n",
       {"row 3 (line 4), column loss", "\"x\""}},
      {"note," + kHeader + "\"a\nb\"c,1e6,1e8,3\n", {"row 2", "line 3, character 3"}},
      // Headers.
      {"params,tokens\n1e6,1e8\n", {"row 1", "loss or bits_per_byte", "it has params, tokens"}},
      {"tokens,loss\n1e8,3\n", {"row 1", "params or flops_per_token"}},
      {"params,loss\n1e6,3\n", {"row 1", "tokens"}},
      {"params,params,tokens,loss\n1,1,1,1\n", {"row 1", "the column params appears twice"}},
      {"params tokens loss\n1 2 3\n", {"row 1", "it has params tokens loss"}},
      {"params;tokens;loss\n1e6;1e8;3,5\n", {"row 2, column loss", "\"3,5\""}},
      {"PARAMS,tokens,loss\n1,2,3\n", {"row 1", "params", "it has PARAMS"}},
      {kGood, {"row 1", "tokens", "it has 1e6, 1e8, 3"}},
      // Bytes that are no text.
      {"", {"is empty"}},
      {"\n\n\n", {"is empty"}},
      {"\xef\xbb\xbf", {"is empty"}},
      {"note," + kHeader + "\xe9,1e6,1e8,3\n", {"row 2", "byte 0xE9 is no UTF-8", "character 1"}},
      {kHeader + "1e6,1\0e8,3\n"s, {"row 2", "NUL byte", "line 2, character 6"}},
      {"\xff\xfep\0a\0r\0"s, {"UTF-16"}},
      {"\xfe\xff\0p\0a\0r"s, {"UTF-16"}},
      {"p\0a\0r\0a\0"s, {"row 1", "NUL byte", "character 2"}},
      {"\x1f\x8b\x08\0\0"s, {"gzip"}},
      {"\x28\xb5\x2f\xfd"s, {"Zstandard"}},
      {"PK\x03\x04"s, {"spreadsheet"}},
      {"PAR1"s, {"Parquet"}}};
  return files;
}

/// The same for JSON lines.
inline const std::vector<BadFile>& bad_lines() {
  static const std::string good = "{\"params\": 1e6, \"tokens\": 1e8, \"loss\": 3}\n";
  static const std::vector<BadFile> files = {
      {"{\"params\": \"7B\", \"tokens\": 1e8, \"loss\": 3}\n", {"line 1: /params", "\"7B\""}},
      {"", {"is empty"}},
      {good + "{\"params\": 1e6, \"tokens\": 1e8, \"loss\": }\n", {"line 2, column 40"}},
      {good + "[1, 2]\n", {"line 2", "one JSON object per line"}},
      {good + "7\n", {"line 2", "one JSON object per line"}},
      {good + "{\"params\": 1e6", {"line 2, column 15"}},
      {good + "\n{\"params\": 1e6, \"tokens\": 1e8, \"loss\": -3}\n", {"line 3: /loss", "\"-3\""}},
      {good + "{\"params\": 1e6, \"tokens\": 1e8, \"loss\": NaN}\n", {"line 2: /loss", "\"NaN\""}},
      {good + "{\"params\": 1e6, \"tokens\": Infinity, \"loss\": 3}\n", {"line 2: /tokens"}},
      {good + "{\"params\": 1e6, \"tokens\": 1e8, \"loss\": null}\n", {"line 2: /loss", "empty"}},
      {good + "{\"params\": 1e6, \"tokens\": 1e8}\n", {"line 2: /loss", "is empty"}},
      {good + "{\"params\": true, \"tokens\": 1e8, \"loss\": 3}\n", {"line 2: /params", "true"}},
      {good + "{\"params\": 1e999, \"tokens\": 1e8, \"loss\": 3}\n", {"line 2"}},
      {good + "{\"loss\": 3, \"loss\": 3}\n", {"line 2", "appears twice"}},
      {"{\"a\": {\"loss\": 3}}\n", {"has no column for tokens", "it has a.loss"}},
      {"\x1f\x8b\x08", {"gzip"}},
  };
  return files;
}

}  // namespace isoflop::test
