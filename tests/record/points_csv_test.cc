// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "base/rng.h"
#include "isoflop/point.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

PointSet load(const test::TempDir& dir, const std::string& text,
              const PointsCsvOptions& options = {}) {
  return load_points_csv(dir.write("points.csv", text), options);
}

TEST_CASE("columns are found by name in any order and unknown ones are kept") {
  const test::TempDir dir;
  const PointSet set = load(dir,
                            "\xef\xbb\xbfnote,loss,tokens,params,seed,dataset\r\n"
                            "\"a, b\",2.5,1e6,1000,3,web\r\n,2.25,\"2e6\",+2000,,web\r\n");
  REQUIRE(set.points.size() == 2);
  CHECK(set.points[0].other.at("note") == "a, b");
  CHECK(set.points[0].loss == 2.5);
  CHECK(set.points[0].tokens == 1e6);
  CHECK(set.points[0].params == 1000);
  CHECK(set.points[0].seed == 3);
  CHECK(set.points[0].label == "row 2");
  CHECK(set.points[1].other.empty());
  CHECK(set.points[1].params == 2000);
  CHECK_FALSE(set.points[1].seed);
  CHECK_FALSE(set.points[1].flops_per_token);
  CHECK(set.frame.dataset == "web");
  CHECK(set.frame.metric == Metric::loss_nats);
}

TEST_CASE("a column map takes the file's own names") {
  const test::TempDir dir;
  PointsCsvOptions options;
  options.columns = {{"params", "N"}, {"tokens", "D"}, {"loss", "val loss"}};
  const PointSet set = load(dir, "N,D,val loss,params\n10,20,3,x\n", options);
  CHECK(set.points.at(0).params == 10);
  CHECK(set.points.at(0).tokens == 20);
  CHECK(set.points.at(0).loss == 3);
  CHECK(set.points.at(0).other.at("params") == "x");
}

TEST_CASE("compute is what the file states, else M D, else the budget, else 6 N D") {
  Point point;
  point.params = 10;
  point.tokens = 7;
  CHECK(point.compute_flops() == 420);
  point.budget = 400;
  CHECK(point.compute_flops() == 400);
  point.flops_per_token = 59;
  CHECK(point.compute_flops() == 413);
  point.compute = 410;
  CHECK(point.compute_flops() == 410);
}

TEST_CASE("the metric is bits per byte where every row has it") {
  const test::TempDir dir;
  const std::string header = "params,tokens,loss,bits_per_byte\n";
  CHECK(load(dir, header + "1,2,3,4\n1,2,,4\n").frame.metric == Metric::bits_per_byte);
  CHECK(load(dir, header + "1,2,3,4\n1,2,3,\n").frame.metric == Metric::loss_nats);
}

TEST_CASE("convention and tokenizer of the columns so named are the frame's, and kept") {
  const test::TempDir dir;
  const std::string header = "params,tokens,loss,convention,tokenizer\n";
  const PointSet set = load(dir, header + "1,2,3,kaplan,bytes\n1,2,5,kaplan,bytes\n");
  CHECK(set.frame.convention == FlopsConvention::kaplan);
  CHECK(set.frame.tokenizer == "bytes");
  CHECK(set.points[0].other.at("convention") == "kaplan");
  const auto file = dir.path() / "again.csv";
  save_points_csv(set.points, file);
  CHECK(load_points_csv(file).frame == set.frame);
  CHECK(load(dir, header + "1,2,3,,\n").frame == Frame{});
}

TEST_CASE("rows measured differently are refused with both values and both rows") {
  const test::TempDir dir;
  const auto message = [&](const std::string& text, const PointsCsvOptions& options = {}) {
    try {
      (void)load(dir, text, options);
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::frame_mismatch);
      return std::string(error.what());
    }
    return std::string();
  };
  const std::string rows =
      "params,tokens,loss,convention\n1,2,3,kaplan\n1,2,4,kaplan\n1,2,5,palm\n";
  CHECK_THAT(message(rows), contains("points.csv: row 4, column convention: \"palm\", but row 2 "
                                     "has \"kaplan\""));
  CHECK_THAT(message(rows, {.columns = {}, .skip_bad_rows = true}), contains("row 4"));
  CHECK_THAT(message("params,tokens,loss,tokenizer\n1,2,3,bytes\n1,2,4,bpe\n"),
             contains("row 3, column tokenizer: \"bpe\", but row 2 has \"bytes\""));
  CHECK_THAT(message("params,tokens,loss,bits_per_byte\n1,2,3,\n1,2,3,1\n1,2,,1\n"),
             contains("row 4, column loss: is empty, but row 2 has loss only"));
  // As between files: what is stated is not claimed for rows that do not state it.
  for (const char* column : {"convention", "tokenizer", "dataset"}) {
    const std::string header = "params,tokens,loss," + std::string(column) + "\n";
    const auto expected = contains(", column " + std::string(column) + ": is empty, but row ");
    CHECK_THAT(message(header + "1,2,3,kaplan\n1,2,4,\n"), contains("row 3") && expected);
    CHECK_THAT(message(header + "1,2,3,\n1,2,4,kaplan\n"), contains("row 2") && expected);
    CHECK(message(header + "1,2,3,\n1,2,4,\n").empty());
  }
  // What is left out is not mixed.
  PointsCsvOptions options;
  options.skip_outliers = true;
  CHECK(message("params,tokens,loss,convention,outlier\n1,2,3,kaplan,\n1,2,5,palm,1\n", options)
            .empty());
}

TEST_CASE("a convention that does not exist is refused by row, with the nearest that does") {
  const test::TempDir dir;
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(
                 load(dir, "params,tokens,loss,convention\n1,2,3,kaplan\n1,2,3,chinchila\n")),
             contains("points.csv: row 3, column convention") && contains("\"chinchila\"") &&
                 contains("did you mean chinchilla?"));
}

TEST_CASE("points read back equal to the last bit") {
  const test::TempDir dir;
  const Rng rng(1);
  std::vector<Point> points(40);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto number = [&](std::uint64_t k) { return std::exp(34 * rng.uniform(10 * i + k)); };
    Point& point = points[i];
    point.flops_per_token = number(0);
    point.tokens = number(1);
    point.loss = 3 * rng.uniform(10 * i + 2) + 1e-3;
    point.bits_per_byte = rng.uniform(10 * i + 3) + 1e-3;
    if (i % 2 == 0) point.params = number(4);
    if (i % 3 == 0) point.peak_lr = number(5);
    point.budget = number(6);
    point.dataset = i % 2 == 0 ? "a, \"b\"\n" : " padded ";
    point.seed = static_cast<std::int64_t>(i) - 3;
    point.trunk = point.label = "id" + std::to_string(i);
    point.other["kind"] = "grid";
    if (i % 4 == 0) point.other["odd, name"] = "x\"y";
  }
  save_points_csv(points, dir.path() / "points.csv");
  const std::vector<Point> back = load_points_csv(dir.path() / "points.csv").points;
  REQUIRE(back.size() == points.size());
  for (std::size_t i = 0; i < points.size(); ++i) {
    CHECK(back[i].params == points[i].params);
    CHECK(back[i].flops_per_token == points[i].flops_per_token);
    CHECK(back[i].tokens == points[i].tokens);
    CHECK(back[i].loss == points[i].loss);
    CHECK(back[i].bits_per_byte == points[i].bits_per_byte);
    CHECK(back[i].peak_lr == points[i].peak_lr);
    CHECK(back[i].budget == points[i].budget);
    CHECK(back[i].dataset == points[i].dataset);
    CHECK(back[i].seed == points[i].seed);
    CHECK(back[i].label == points[i].label);
    CHECK(back[i].other == points[i].other);
  }
}

TEST_CASE("a row that cannot be used is an error naming row, column and value") {
  struct Case {
    std::string text, message;
  };
  const std::string header = "params,tokens,loss,peak_lr,seed\n";
  const std::vector<Case> cases = {
      {"", "points.csv: is empty, expected a header row"},
      {"params,tokens\n", "points.csv: row 1: has no column loss or bits_per_byte"},
      {"params,loss\n", "points.csv: row 1: has no column tokens; it has params, loss"},
      {"tokens,loss\n", "points.csv: row 1: has no column params or flops_per_token"},
      {"params,token,loss\n",
       "row 1: has no column tokens; it has params, token, loss; did you mean token?"},
      {"N,D,val_loss,lr\n",
       "has no column tokens; it has N, D, val_loss, lr; --columns tokens=D,loss=val_loss,params=N,"
       "peak_lr=lr takes these"},
      {"params,tokens,perplexity\n",
       "; isoflop import csv --columns loss=perplexity --units loss=ppl takes perplexities"},
      {"params,tokens,loss,loss\n", "points.csv: row 1: the column loss appears twice"},
      {header + "1,2,3,4,5\n1,2,,4,5\n",
       "points.csv: row 3, column loss: is empty, must be a number"},
      {header + "1,,3,4,5\n", "points.csv: row 2, column tokens: is empty, must be a number > 0"},
      {header + ",2,3,4,5\n", "points.csv: row 2, column params: is empty, must be a number > 0"},
      {header + "1,2,nan,4,5\n", "row 2, column loss: must be a number > 0, got \"nan\""},
      {header + "1,2,inf,4,5\n", "row 2, column loss: must be a number > 0, got \"inf\""},
      {header + "1,2,3 nats,4,5\n", "row 2, column loss: must be a number > 0, got \"3 nats\""},
      {header + "1,0,3,4,5\n", "row 2, column tokens: must be a number > 0, got \"0\""},
      {header + "-1,2,3,4,5\n", "row 2, column params: must be a number > 0, got \"-1\""},
      {header + "\"1,000\",2,3,4,5\n", "row 2, column params: must be a number > 0, got \"1,000\""},
      {header + "1,2,3,1e999,5\n", "row 2, column peak_lr: must be a number > 0, got \"1e999\""},
      {header + "1,2,3,4,0.5\n", "row 2, column seed: must be an integer, got \"0.5\""},
      {header + "1,2,3,4,99999999999999999999\n", "row 2, column seed: must be an integer"},
      {header + "1,2,3,4\n", "points.csv: row 2: has 4 fields, the header has 5"},
      {header + "1,2,3,4,5,6\n", "points.csv: row 2: has 6 fields, the header has 5"},
      {header + "1,2,3,4,5\n1,2,3",
       "row 3: has 3 fields, the header has 5; the file ends within this row, without a newline"},
      {header + "1,2,\"3,4,5\n", "points.csv: row 2: a quote is opened and never closed"},
  };
  const test::TempDir dir;
  for (const Case& c : cases) {
    CAPTURE(c.text);
    CHECK_THAT(ISOFLOP_ERROR_MESSAGE(load(dir, c.text)), Catch::Matchers::Contains(c.message));
  }
  PointsCsvOptions options;
  options.columns = {{"loss", "los"}};
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(load(dir, header, options)),
             Catch::Matchers::Contains("has no column los (wanted as loss)"));
  options.columns = {{"lss", "loss"}};
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(load(dir, header, options)),
             Catch::Matchers::Contains("columns: lss is no column of ours"));
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(load_points_csv(dir.path() / "none.csv")),
             Catch::Matchers::Contains("none.csv: cannot be read"));
  CHECK_THROWS_AS(load_points_csv(dir.path()), Error);
}

TEST_CASE("bad rows are skipped and counted on request") {
  const test::TempDir dir;
  PointsCsvOptions options;
  options.skip_bad_rows = true;
  const PointSet set =
      load(dir, "params,tokens,loss\n1,2,3\n1,2,nan\n1,,3\n1,2\n4,5,6\n7,8", options);
  CHECK(set.points.size() == 2);
  CHECK(set.n_skipped_rows == 4);
}

}  // namespace
}  // namespace isoflop
