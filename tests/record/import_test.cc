// SPDX-License-Identifier: Apache-2.0
#include "isoflop/import.h"

#include <cmath>
#include <numbers>

#include "isoflop/point.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

struct Imported {
  ImportSummary summary;
  std::vector<Point> points;
};

Imported import(const test::TempDir& dir, const std::string& text, ImportOptions options) {
  const auto out = dir.path() / "points.csv";
  Imported result;
  result.summary = import_points(dir.write("theirs", text), out, options);
  result.points = load_points_csv(out).points;
  return result;
}

ImportOptions of(ImportFormat format) {
  ImportOptions options;
  options.format = format;
  return options;
}

bool is_outlier(const Point& point) { return point.other.count("outlier") != 0; }

TEST_CASE("an imported point is the same double, and every other column is kept") {
  const test::TempDir dir;
  ImportOptions options = of(ImportFormat::csv);
  options.columns = {{"params", "N"}, {"tokens", "D"}, {"loss", "val"}};
  const auto [summary, points] =
      import(dir,
             "\xef\xbb\xbfN,D,val,lr,\"a, b\",loss\r\n"
             "6795600349.289497,245105957.9245427,5.005581996196243,1e-3,\"x\"\"y\",9\r\n"
             "1000000000,18446744073709551616,0.30000000000000004,,,\r\n",
             options);
  REQUIRE(points.size() == 2);
  CHECK(summary.n_rows == 2);
  CHECK(summary.n_points == 2);
  CHECK(points[0].params == 6795600349.289497);
  CHECK(points[0].tokens == 245105957.9245427);
  CHECK(points[0].loss == 5.005581996196243);
  CHECK(points[0].other.at("lr") == "1e-3");
  CHECK(points[0].other.at("a, b") == "x\"y");
  CHECK(points[0].other.at("file_loss") == "9");
  CHECK(points[1].params == 1e9);
  CHECK(points[1].loss == 0.30000000000000004);
  // 6 N D is far beyond 2^63 here, and a double all the same.
  CHECK(points[1].compute_flops() == 6 * 1e9 * 18446744073709551616.0);
}

TEST_CASE("units are exact: powers of ten are applied to the decimal digits") {
  const test::TempDir dir;
  ImportOptions options = of(ImportFormat::csv);
  options.units = {{"params", "M"},
                   {"tokens", "B"},
                   {"compute", "PFLOP-days"},
                   {"loss", "bits"},
                   {"batch_tokens", "2048"}};
  const auto [summary, points] = import(
      dir, "params,tokens,compute,loss,batch_tokens\n70.3,1.1,0.1,2,3\n1e-1,12.3e1,1,1.5,4\n",
      options);
  CHECK(points[0].params == 70300000.0);
  CHECK(points[0].tokens == 1100000000.0);
  CHECK(points[0].compute == 8.64e18);
  CHECK(points[0].loss == 2 * std::numbers::ln2);
  CHECK(points[0].batch_tokens == 6144);
  CHECK(points[0].other.at("file_tokens") == "1.1");
  CHECK(points[1].params == 100000.0);
  CHECK(points[1].tokens == 123e9);
  CHECK(points[1].compute == 8.64e19);
  // Half of all decimals times 1e9 in doubles are one unit in the last place off.
  std::string text = "params,tokens,loss\n";
  for (int i = 1; i < 2000; ++i) text += "1," + std::to_string(i) + ".7,3\n";
  options.units = {{"tokens", "B"}};
  const auto many = import(dir, text, options).points;
  for (int i = 1; i < 2000; ++i) CHECK(many[i - 1].tokens == std::stod(std::to_string(i) + ".7e9"));
}

TEST_CASE("a loss in bits or nats per byte becomes bits per byte") {
  const test::TempDir dir;
  ImportOptions options = of(ImportFormat::csv);
  options.units = {{"loss", "bits_per_byte"}};
  const auto bits = import(dir, "params,tokens,loss\n1e6,1e7,1.25\n", options).points.at(0);
  CHECK(bits.bits_per_byte == 1.25);
  CHECK_FALSE(bits.loss);
  options.units = {{"loss", "nats_per_byte"}};
  const auto nats = import(dir, "params,tokens,loss\n1e6,1e7,1.25\n", options).points.at(0);
  CHECK(*nats.bits_per_byte == Approx(1.25 / std::numbers::ln2).epsilon(1e-15));
}

TEST_CASE("an unknown unit is refused with those there are") {
  const test::TempDir dir;
  ImportOptions options = of(ImportFormat::csv);
  options.units = {{"tokens", "billion"}};
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(import(dir, "params,tokens,loss\n1,2,3\n", options)),
             contains("units: tokens=billion: is no unit of it; there are 1, K, M, B, G, T"));
  options.units = {{"loss", "perplexities"}};
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(import(dir, "params,tokens,loss\n1,2,3\n", options)),
             contains("nats, bits, bits_per_byte, nats_per_byte, ppl"));
}

TEST_CASE("Epoch's extraction: tokens follow from C and N, five outliers are kept and marked") {
  const test::TempDir dir;
  std::string text = "x,y,color,Model Size,Training FLOP,hex_color,loss\n";
  for (int i = 0; i < 9; ++i) {
    text += "1,2,#faebdd,1e9,6e20,#faebdd," + std::to_string(2 + i) + ".5\n";
  }
  const auto [summary, points] = import(dir, text, of(ImportFormat::chinchilla));
  REQUIRE(points.size() == 9);
  CHECK(summary.n_outliers == 5);
  CHECK(summary.outliers.at("five_highest_losses") == 5);
  for (std::size_t i = 0; i < 9; ++i) {
    CHECK(points[i].tokens == 1e11);
    CHECK(points[i].dataset == "massivetext");
    CHECK(is_outlier(points[i]) == (i >= 4));
    CHECK(points[i].other.at("color") == "#faebdd");
  }
  PointsCsvOptions skip;
  skip.skip_outliers = true;
  const PointSet kept = load_points_csv(dir.path() / "points.csv", skip);
  CHECK(kept.points.size() == 4);
  CHECK(kept.n_outliers == 5);
}

TEST_CASE("Step Law: batches in tokens, the smoothed loss, the last loss beside it") {
  const test::TempDir dir;
  const auto [summary, points] = import(
      dir,
      "h,ffnh,numh,numl,lr,bs,ti,loss,smooth loss,exp_name,D,N,D/N\n"
      "960,9368,15,7,0.0003453,736,66342,2.413517,2.3976109618296744,a,100000000000,214663680,465\n"
      "960,9368,15,7,0.02,736,66342,11.0,10.9,b,100000000000,214663680,465\n",
      of(ImportFormat::steplaw));
  CHECK(points[0].batch_tokens == 736 * 2048);
  CHECK(points[0].loss == 2.3976109618296744);
  CHECK(points[0].other.at("loss_last") == "2.413517");
  CHECK(points[0].other.at("n_layers") == "7");
  CHECK(points[0].other.at("bs") == "736");
  CHECK(points[0].label == "a");
  CHECK(points[0].peak_lr == 0.0003453);
  CHECK_FALSE(is_outlier(points[0]));
  CHECK(is_outlier(points[1]));
  CHECK(summary.outliers.at("diverged") == 1);
}

TEST_CASE("nanochat: parameters by the convention that is asked for, in either of its layouts") {
  const test::TempDir dir;
  const std::string text =
      "flops_budget,depth,model_dim,params_wte,params_value_embeds,params_lm_head,"
      "params_transformer,params_scalars,params_total,num_iterations,tokens_trained,val_bpb,"
      "core_score,train_time_sec\n"
      "1e18,10,640,20971520,20971520,20971520,49152000,20,112066580,1000,524288000,0.95,0.1,60\n";
  ImportOptions options = of(ImportFormat::nanochat);
  const Point point = import(dir, text, options).points.at(0);
  CHECK(point.params == 49152000 + 20971520);
  CHECK(point.budget == 1e18);
  CHECK(point.bits_per_byte == 0.95);
  CHECK(point.other.at("convention") == "nanochat");
  CHECK(point.other.at("n_layers") == "10");
  options.convention = FlopsConvention::six_n_total;
  CHECK(import(dir, text, options).points.at(0).params == 112066580);
  options.convention = FlopsConvention::kaplan;
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(import(dir, text, options)), contains("not by kaplan"));
  const std::string older =
      "flops_budget,depth,model_dim,num_params,num_scaling_params,num_iterations,tokens_trained,"
      "param_data_ratio,val_bpb,core_score,train_time_sec\n"
      "1e18,8,512,100,70,1000,524288000,8,1.01,0.1,60\n";
  CHECK(import(dir, older, of(ImportFormat::nanochat)).points.at(0).params == 70);
}

TEST_CASE("the convention that an import was told is the frame of its points") {
  const test::TempDir dir;
  ImportOptions options = of(ImportFormat::csv);
  for (const FlopsConvention convention : kAllFlopsConventions) {
    options.convention = convention;
    const auto out = dir.path() / "points.csv";
    import_points(dir.write("theirs", "params,tokens,loss\n1e6,1e8,3\n2e6,1e8,2.9\n"), out,
                  options);
    CHECK(load_points_csv(out).frame.convention == convention);
  }
}

TEST_CASE("Open-Athena: its flags and reasons are kept, the raw view of a figure is marked") {
  const test::TempDir dir;
  const std::string text =
      "source,dataset,model,condition,experiment,tokens,params,budget,loss,outlier,reason\n"
      "epochai,massivetext,c,,epochai__c,16372620203.7,1017959646.0,1e+20,2.55,True,near_"
      "duplicate\n"
      "epochai,massivetext,c,,epochai__c,16372620203.7,1017959646.0,1e+20,2.55,False,none\n"
      "llama_3,llama_3,l,raw_loss,llama_3__raw_loss,1579500858.99,633111399.9,6e+18,0.92,False,"
      "none\n";
  ImportOptions options = of(ImportFormat::open_athena);
  const auto [summary, points] = import(dir, text, options);
  CHECK(points[0].other.at("outlier_reason") == "file: near_duplicate");
  CHECK(points[1].other.at("outlier_reason") == "duplicate: of row 2");
  CHECK(points[2].other.at("outlier_reason") ==
        "raw_loss_view: the same runs are there as exp_loss");
  CHECK(summary.outliers == std::map<std::string, std::int64_t>{{"duplicate", 1},
                                                                {"file: near_duplicate", 1},
                                                                {"raw_loss_view", 1}});
  CHECK(points[0].budget == 1e20);
  options.where = {{"experiment", "epochai__c"}};
  const auto some = import(dir, text, options);
  CHECK(some.points.size() == 2);
  CHECK(some.summary.n_not_asked_for == 1);
}

TEST_CASE("W&B: a table of runs, with what crashed marked") {
  const test::TempDir dir;
  const auto [summary, points] =
      import(dir,
             "\"Name\",\"State\",\"parameter_count\",\"throughput/total_tokens\",\"throughput/"
             "total_gflops\","
             "\"eval/loss\"\n"
             "\"a\",\"finished\",\"669160448\",\"7787380736\",\"30000190274.06881\",\"3.5\"\n"
             "\"b\",\"crashed\",\"669160448\",\"778738073\",\"3000019027.5\",\"4.5\"\n",
             of(ImportFormat::wandb));
  CHECK(points[0].compute == 30000190274.06881e9);
  CHECK(points[0].label == "a");
  CHECK(summary.outliers.at("file: state crashed") == 1);
  CHECK(summary.n_outliers == 1);
}

TEST_CASE("W&B: a chart gives the last value of every run, joined with their table") {
  const test::TempDir dir;
  ImportOptions options = of(ImportFormat::wandb);
  options.columns = {{"tokens", "Step"}};
  options.units = {{"tokens", "524288"}};
  options.runs_table = dir.write("runs.csv", "Name,num_params\nbig,2e8\nsmall - 2,1e8\nother,1\n");
  const auto [summary, points] =
      import(dir,
             "\"Step\",\"small - 2 - val/loss\",\"small - 2 - val/loss__MIN\","
             "\"small - 2 - val/loss__MAX\",\"big - val/loss\"\n"
             "100,4.5,4.5,4.5,4.25\n200,3.5,3.5,3.5,3.25\n300,,,,3.0\n",
             options);
  REQUIRE(points.size() == 2);
  CHECK(points[0].label == "small - 2");
  CHECK(points[0].loss == 3.5);
  CHECK(points[0].tokens == 200 * 524288.0);
  CHECK(points[0].params == 1e8);
  CHECK(points[1].loss == 3.0);
  CHECK(points[1].params == 2e8);
}

TEST_CASE("JSON lines: dotted paths, bare NaN of Python elsewhere, columns that come late") {
  const test::TempDir dir;
  ImportOptions options = of(ImportFormat::jsonl);
  options.columns = {{"params", "config.n"}, {"tokens", "tokens"}, {"loss", "summary.val/loss"}};
  const auto [summary, points] = import(
      dir,
      "{\"config\": {\"n\": 124000000}, \"tokens\": 2.5e9, \"summary\": {\"val/loss\": 3.25}, "
      "\"g\": NaN, \"s\": \"NaN \\\" NaN\"}\n\n"
      "{\"config\": {\"n\": 100000000000000000}, \"tokens\": 1e12, \"late\": true, "
      "\"summary\": {\"val/loss\": 2.0}}",
      options);
  REQUIRE(points.size() == 2);
  CHECK(points[0].params == 124000000);
  CHECK(points[0].loss == 3.25);
  CHECK(points[0].other.at("g") == "NaN");
  CHECK(points[0].other.at("s") == "NaN \" NaN");
  CHECK(points[1].params == 1e17);
  CHECK(points[1].other.at("late") == "true");
}

TEST_CASE("no digit of a whole number is lost: counts are refused, other columns keep theirs") {
  const test::TempDir dir;
  const auto line = [](const char* tokens) {
    return std::string(
               "{\"params\": 1e6, \"loss\": 3, \"id\": 18446744073709551617, \"tokens\": ") +
           tokens + "}\n";
  };
  for (const char* tokens : {"18446744073709551617", "9007199254740993"}) {
    const auto file = dir.write("runs.jsonl", line("1e9") + line(tokens));
    CHECK_THAT(
        ISOFLOP_ERROR_MESSAGE(import_points(file, dir.path() / "out.csv", of(ImportFormat::jsonl))),
        contains("runs.jsonl: line 2: /tokens: must be at most 2^53") &&
            contains(std::string("got ") + tokens));
  }
  const auto [summary, points] = import(dir, line("18446744073709551616"), of(ImportFormat::jsonl));
  CHECK(points.at(0).tokens == 18446744073709551616.0);
  CHECK(points.at(0).other.at("id") == "18446744073709551617");
}

TEST_CASE("what is suspect is marked and counted, never dropped") {
  const test::TempDir dir;
  ImportOptions options = of(ImportFormat::csv);
  options.vocab_size = 256;
  const auto [summary, points] = import(
      dir, "params,tokens,loss\n1e6,1e8,3\n1e6,1e8,3\n1e9,1e7,4\n1,1e6,4\n1e6,1e8,5.6\n", options);
  CHECK(points.size() == 5);
  CHECK(summary.n_outliers == 4);
  CHECK(summary.outliers == std::map<std::string, std::int64_t>{{"duplicate", 1},
                                                                {"loss_above_ln_vocab", 1},
                                                                {"tokens_per_param", 2}});
  CHECK_FALSE(is_outlier(points[0]));
  options.vocab_size = {};
  CHECK(import(dir, "params,tokens,loss\n1e6,1e8,3\n1e6,1e8,5.6\n", options).summary.n_outliers ==
        0);
}

TEST_CASE("bad rows are left out on request alone, and each is named") {
  const test::TempDir dir;
  ImportOptions options = of(ImportFormat::csv);
  std::vector<std::string> told;
  options.on_left_out = [&](const std::string& why) { told.push_back(why); };
  const std::string text = "params,tokens,loss\n1e6,1e8,nan\n1e6,1e8,3\n1e6,1e8\n";
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(import(dir, text, options)), contains("row 2, column loss"));
  CHECK_FALSE(std::filesystem::exists(dir.path() / "points.csv"));
  CHECK(told.empty());
  options.skip_bad_rows = true;
  const auto [summary, points] = import(dir, text, options);
  CHECK(summary.n_rows == 3);
  CHECK(summary.n_points == 1);
  CHECK(summary.n_left_out == 2);
  REQUIRE(told.size() == 2);
  CHECK_THAT(told[0], contains("row 2, column loss: must be a number > 0, got \"nan\""));
  CHECK_THAT(told[1], contains("row 4: has 2 fields"));
}

TEST_CASE("units that cannot be meant are warned of") {
  const test::TempDir dir;
  const auto warnings = [&](const std::string& row) {
    return import(dir, "params,tokens,loss,budget\n" + row + "\n", of(ImportFormat::csv))
        .summary.warnings;
  };
  REQUIRE(warnings("7e9,140,2.5,").size() == 1);
  CHECK_THAT(warnings("7e9,140,2.5,").front(), contains("a millionth of the parameters"));
  CHECK(warnings("7e9,140e9,2.5,").empty());
  CHECK_THAT(warnings("7e9,140e9,7.5,").front(), contains("are they perplexities?"));
  CHECK_THAT(warnings("1e9,1e10,2.5,5e19").front(), contains("more than 10 % from 6 N D"));
  CHECK(warnings("1e9,1e10,2.5,6e19").empty());
}

}  // namespace
}  // namespace isoflop
