// SPDX-License-Identifier: Apache-2.0
// Layouts that other programs write, and that mean the same.
#include <numbers>

#include "isoflop/import.h"
#include "isoflop/point.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

using Catch::Matchers::Contains;

std::vector<Point> imported(const test::TempDir& dir, const std::string& text,
                            const ImportOptions& options) {
  const auto out = dir.path() / "points.csv";
  import_points(dir.write("theirs", text), out, options);
  return load_points_csv(out).points;
}

ImportOptions of(ImportFormat format) {
  ImportOptions options;
  options.format = format;
  return options;
}

TEST_CASE("tabs, semicolons and carriage returns part a table as commas and newlines do") {
  const test::TempDir dir;
  const std::string table = GENERATE(
      std::string("params,tokens,loss,note\n1e6,1e8,3,a b\n2e6,1e8,2.5,\n"),
      std::string("params\ttokens\tloss\tnote\n1e6\t1e8\t3\ta b\n2e6\t1e8\t2.5\t\n"),
      std::string("params;tokens;loss;note\n1e6;1e8;3;a b\n2e6;1e8;2.5;\n"),
      std::string("\"params\"\t\"tokens\"\tloss\tnote\n1e6\t1e8\t\"3\"\ta b\n2e6\t1e8\t2.5\t\n"),
      std::string("params,tokens,loss,note\r1e6,1e8,3,a b\r2e6,1e8,2.5,\r"),
      std::string("\xef\xbb\xbfparams,tokens,loss,note\r1e6,1e8,3,a b\r2e6,1e8,2.5,"));
  INFO(table);
  for (const auto& points : {load_points_csv(dir.write("a.csv", table)).points,
                             imported(dir, table, of(ImportFormat::csv))}) {
    REQUIRE(points.size() == 2);
    CHECK(points[0].params == 1e6);
    CHECK(points[0].loss == 3);
    CHECK(points[0].other.at("note") == "a b");
    CHECK(points[1].loss == 2.5);
  }
}

TEST_CASE("a column without a name, such as the index of pandas, is kept and means nothing") {
  const test::TempDir dir;
  for (const ImportFormat format :
       {ImportFormat::csv, ImportFormat::steplaw, ImportFormat::open_athena}) {
    ImportOptions options = of(format);
    options.columns = {{"params", "n"}, {"tokens", "d"}, {"loss", "l"}};
    const auto points = imported(dir, ",n,d,l,\n0,1e6,1e8,3,x\n1,2e6,1e8,2.5,y\n", options);
    REQUIRE(points.size() == 2);
    for (const Point& point : points) CHECK(point.other.count("outlier") == 0);
    CHECK(points[1].other.at("column_1") == "1");
    CHECK(points[1].other.at("column_5") == "y");
  }
  const auto lines = imported(dir, "{\"\": 7, \"params\": 1e6, \"tokens\": 1e8, \"loss\": 3}\n",
                              of(ImportFormat::jsonl));
  CHECK(lines.at(0).other.count("outlier") == 0);
  const auto loaded =
      load_points_csv(dir.write("a.csv", ",params,tokens,loss\n0,1e6,1e8,3\n1,2e6,1e8,2.5\n"));
  CHECK(loaded.points.at(1).other.at("column_1") == "1");
}

TEST_CASE("an array of objects is read as lines of them are") {
  const test::TempDir dir;
  const std::string text = GENERATE(
      std::string(
          "[\n {\n  \"params\": 1e7,\n  \"tokens\": 1e9,\n  \"loss\": 4.518357\n },\n"
          " {\n  \"params\": 1e7,\n  \"tokens\": 3e9,\n  \"loss\": 4.142414, \"g\": NaN\n }\n]\n"),
      std::string(" \n[{\"params\": 1e7, \"tokens\": 1e9, \"loss\": 4.518357}, "
                  "{\"params\": 1e7, \"tokens\": 3e9, \"loss\": 4.142414, \"g\": NaN}]"),
      std::string("\xef\xbb\xbf[{\"params\": 1e7, \"tokens\": 1e9, \"loss\": 4.518357}, "
                  "{\"params\": 1e7, \"tokens\": 3e9, \"loss\": 4.142414, \"g\": NaN}]"),
      std::string("{\"params\": 1e7, \"tokens\": 1e9, \"loss\": 4.518357}\r"
                  "{\"params\": 1e7, \"tokens\": 3e9, \"loss\": 4.142414, \"g\": NaN}\r"));
  const auto points = imported(dir, text, of(ImportFormat::jsonl));
  REQUIRE(points.size() == 2);
  CHECK(points[0].loss == 4.518357);
  CHECK(points[1].tokens == 3e9);
  CHECK(points[1].other.at("g") == "NaN");
}

TEST_CASE("what is wrong in an array is named by its element") {
  const test::TempDir dir;
  const auto message = [&](const std::string& text) {
    return ISOFLOP_ERROR_MESSAGE(imported(dir, text, of(ImportFormat::jsonl)));
  };
  const std::string good = "{\"params\": 1e7, \"tokens\": 1e9, \"loss\": 4.5}";
  CHECK_THAT(message("[" + good + ",\n{\"params\": 1e7, \"tokens\": 1e9, \"loss\": -1}]"),
             Contains("theirs: element 2: /loss: must be a number > 0, got \"-1\""));
  CHECK_THAT(message("[" + good + ",\n7]"), Contains("theirs: element 2: must be a JSON object"));
  CHECK_THAT(message("[" + good + ",\n{]"), Contains("theirs: ") && Contains("line 2, column 2"));
  CHECK_THAT(message("[]"), Contains("theirs: is empty"));
}

TEST_CASE("tokens follow from compute or budget where the file has none and it is asked for") {
  const test::TempDir dir;
  const std::string text = "params,budget,loss\n1e7,6e16,4.5\n3e7,5.4e17,3.6\n";
  ImportOptions options = of(ImportFormat::csv);
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(imported(dir, text, options)),
             Contains("--tokens-from-compute takes them as compute or budget / (6 params)"));
  options.tokens_from_compute = true;
  const auto points = imported(dir, text, options);
  REQUIRE(points.size() == 2);
  CHECK(points[0].tokens == 1e9);
  CHECK(points[1].tokens == 3e9);
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(imported(dir, "params,loss\n1e7,4.5\n", options)),
             Contains("has no column for compute or budget"));
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(
                 imported(dir, "params,tokens,budget,loss\n1e7,1e9,6e16,4.5\n", options)),
             Contains("tokens_from_compute: the file has tokens"));
}

TEST_CASE("a chart of W&B may have its own columns beside the metric") {
  const test::TempDir dir;
  ImportOptions options = of(ImportFormat::wandb);
  options.columns = {{"tokens", "train/tokens"}};
  options.runs_table = dir.write("runs.csv", "Name,num_params\na,10000\nb,20000\n");
  const std::string internal = GENERATE("_step", "_runtime", "_timestamp");
  const auto three = [](const std::string& run, const std::string& metric) {
    const std::string name = "\"" + run + " - " + metric;
    return "," + name + "\"," + name + "__MIN\"," + name + "__MAX\"";
  };
  const std::string header = "\"train/tokens\"" + three("a", internal) + three("a", "eval/loss") +
                             three("b", internal) + three("b", "eval/loss") + "\n";
  const auto points = imported(dir,
                               header +
                                   "1000000,10,10,10,4.5,4.5,4.5,10,10,10,4.25,4.25,4.25\n"
                                   "2000000,20,20,20,4,4,4,20,20,20,3.75,3.75,3.75\n",
                               options);
  REQUIRE(points.size() == 2);
  CHECK(points[0].loss == 4);
  CHECK(points[0].params == 10000);
  CHECK(points[1].loss == 3.75);
  CHECK(points[1].tokens == 2e6);
}

TEST_CASE("perplexities are a unit, and are not taken for nats") {
  const test::TempDir dir;
  const std::string text = "params,tokens,loss\n2.5e7,3e9,24.43613\n1e8,2e10,10.52358\n";
  CHECK_THAT(
      ISOFLOP_ERROR_MESSAGE(load_points_csv(dir.write("a.csv", text))),
      Contains("a.csv: row 2, column loss: must be at most 14 nats per token, got 24.4361; a "
               "perplexity? (isoflop import --units loss=ppl)"));
  ImportOptions options = of(ImportFormat::csv);
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(imported(dir, text, options)), Contains("at most 14 nats"));
  options.units = {{"loss", GENERATE("ppl", "perplexity", "PPL")}};
  const auto points = imported(dir, text, options);
  CHECK(points.at(0).loss == Approx(3.196063).margin(1e-6));
  CHECK(points.at(1).loss == Approx(2.353619).margin(1e-6));
  CHECK(points.at(0).other.at("file_loss") == "24.43613");
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(imported(dir, "params,tokens,loss\n1e6,1e8,0.5\n", options)),
             Contains("row 2, column loss: must be a perplexity > 1, got 0.5"));
  // All of them below 14, and yet too much for losses.
  const PointSet small =
      load_points_csv(dir.write("b.csv", "params,tokens,loss\n1e8,1e10,13.5\n1e8,2e10,10.5\n"));
  REQUIRE(small.warnings.size() == 1);
  CHECK_THAT(small.warnings[0], Contains("no row has a loss below 6 nats per token (the lowest is "
                                         "10.5, row 3); are they perplexities?"));
}

TEST_CASE("a column that is named a perplexity is taken for losses by nobody") {
  for (const char* name : {"ppl", "val_ppl", "eval/perplexity", "PPL.last"}) {
    INFO(name);
    const test::TempDir dir;
    const auto file =
        dir.write("a.csv", "params,tokens," + std::string(name) + "\n1e6,1e8,12\n2e6,1e8,11\n");
    const auto out = dir.path() / "out.csv";
    ImportOptions options = of(ImportFormat::csv);
    options.columns = {{"loss", name}};
    CHECK_THAT(ISOFLOP_ERROR_MESSAGE(import_points(file, out, options)),
               contains("a.csv: row 1: column " + std::string(name) + ": holds perplexities") &&
                   contains("--units loss=ppl"));
    CHECK_THAT(ISOFLOP_ERROR_MESSAGE(load_points_csv(file, {.columns = {{"loss", name}}})),
               contains("a.csv: row 1, column " + std::string(name) + ": holds perplexities"));
    options.units = {{"loss", "ppl"}};
    import_points(file, out, options);
    CHECK(load_points_csv(out).points.front().loss == Approx(std::log(12.0)));
    options.units = {{"loss", "nats"}};
    import_points(file, out, options);
    CHECK(load_points_csv(out).points.front().loss == 12);
  }
  const test::TempDir dir;
  const auto file = dir.write("a.csv", "params,tokens,applied_loss\n1e6,1e8,3\n");
  CHECK(load_points_csv(file, {.columns = {{"loss", "applied_loss"}}}).points.size() == 1);
}

TEST_CASE("metrics beyond what guessing gives are refused, in nats and in bits") {
  const test::TempDir dir;
  const auto message = [&](const std::string& column, const std::string& value) {
    return ISOFLOP_ERROR_MESSAGE(load_points_csv(
        dir.write("a.csv", "params,tokens," + column + "\n1e6,1e8," + value + "\n")));
  };
  CHECK_THAT(message("loss", "1e200"), Contains("row 2, column loss: must be at most 14 nats"));
  CHECK_THAT(message("loss", "14.01"), Contains("at most 14 nats"));
  CHECK(message("loss", "14") == "(nothing was thrown)");
  CHECK_THAT(message("bits_per_byte", "1e200"),
             Contains("column bits_per_byte: must be at most 20.2"));
  CHECK(message("bits_per_byte", "8") == "(nothing was thrown)");
  CHECK_THAT(message("loss", "1e-20"), Contains("column loss: must be at least 1e-09"));
  CHECK_THAT(message("bits_per_byte", "1e-10"), Contains("must be at least 1e-09"));
}

TEST_CASE("loss and bits per byte of two tokenizers in one file are warned of") {
  const test::TempDir dir;
  const auto warnings = [&](double bytes_per_token) {
    const std::string bits = std::to_string(2.5 / std::numbers::ln2 / bytes_per_token);
    return load_points_csv(dir.write("a.csv",
                                     "params,tokens,loss,bits_per_byte\n1e7,1e9,3.0,1.0821\n"
                                     "1e7,4e9,2.5," +
                                         bits + "\n"))
        .warnings;
  };
  CHECK(warnings(4.0).empty());
  CHECK(warnings(4.1).empty());
  REQUIRE(warnings(2.4).size() == 1);
  CHECK_THAT(warnings(2.4)[0],
             Contains("a token is from 2.4 (row 3) to 4 bytes (row 2): two tokenizers"));
}

TEST_CASE("a convention that the file states stays its own, and is not overruled") {
  const test::TempDir dir;
  const std::string text = "params,tokens,loss,convention\n1e7,1e9,3,kaplan\n2e7,1e9,2.5,kaplan\n";
  const auto out = dir.path() / "points.csv";
  ImportOptions options = of(ImportFormat::csv);
  import_points(dir.write("theirs", text), out, options);
  CHECK(load_points_csv(out).frame.convention == FlopsConvention::kaplan);
  options.convention = FlopsConvention::kaplan;
  import_points(dir.path() / "theirs", out, options);
  CHECK(load_points_csv(out).frame.convention == FlopsConvention::kaplan);
  options.convention = FlopsConvention::palm;
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(import_points(dir.path() / "theirs", out, options)),
             Contains("row 2, column convention: is \"kaplan\", but the import is told palm"));
}

}  // namespace
}  // namespace isoflop
