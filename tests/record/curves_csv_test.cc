// SPDX-License-Identifier: Apache-2.0
#include "isoflop/training_curve.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

TEST_CASE("training curves are gathered by run, in the order of the file") {
  const test::TempDir dir;
  const CurveSet set =
      load_curves_csv(dir.write("c.csv",
                                "run_id,params,tokens,loss,note\nb,2e6,100,5,x\na,1e6,100,5.5,\n"
                                "b,2e6,200,4,\na,1e6,300,4.5,\n"));
  CHECK(set.metric == Metric::loss_nats);
  REQUIRE(set.curves.size() == 2);
  CHECK(set.curves[0].run == "b");
  CHECK(set.curves[0].params == 2e6);
  CHECK_FALSE(set.curves[0].flops_per_token);
  CHECK(set.curves[0].tokens == std::vector<double>{100, 200});
  CHECK(set.curves[1].metric == std::vector<double>{5.5, 4.5});
}

TEST_CASE("bits per byte are taken where there are both metrics") {
  const test::TempDir dir;
  const CurveSet set = load_curves_csv(
      dir.write("c.csv", "run_id,flops_per_token,tokens,loss,bits_per_byte\na,6e6,10,4,1.5\n"));
  CHECK(set.metric == Metric::bits_per_byte);
  CHECK(set.curves.at(0).metric.at(0) == 1.5);
}

TEST_CASE("a bad row of a curve is named with its column and value") {
  const test::TempDir dir;
  const auto complaint = [&](const std::string& text) {
    return ISOFLOP_ERROR_MESSAGE(load_curves_csv(dir.write("c.csv", text)));
  };
  const std::string header = "run_id,params,tokens,loss\n";
  CHECK_THAT(complaint(""), contains("is empty"));
  CHECK_THAT(complaint(header), contains("has no rows"));
  CHECK_THAT(complaint("run_id,param,tokens,loss\n"), contains("did you mean param"));
  CHECK_THAT(complaint("run_id,params,tokens\n"), contains("loss or bits_per_byte"));
  CHECK_THAT(complaint("run_id,params,tokens,loss,loss\n"), contains("appears twice"));
  CHECK_THAT(complaint(header + "a,1e6,10,nan\n"),
             contains("row 2, column loss: must be a number > 0, got \"nan\""));
  CHECK_THAT(complaint(header + ",1e6,10,4\n"), contains("column run_id: is empty"));
  CHECK_THAT(complaint(header + "a,1e6,10,4\na,2e6,20,4\n"),
             contains("row 3, column params: must be that of the run's first row"));
  CHECK_THAT(complaint(header + "a,1e6,10,4\na,1e6,10,4\n"),
             contains("row 3, column tokens: must be above the run's last, 10, got 10"));
  CHECK_THAT(complaint(header + "a,1e6,10\n"), contains("row 2: has 3 fields"));
}

TEST_CASE("a spike of a curve may be above guessing, and what no loss can be is refused") {
  const test::TempDir dir;
  const std::string header = "run_id,params,tokens,loss\n";
  CHECK(load_curves_csv(dir.write("a.csv", header + "a,1e6,10,200\n")).curves.size() == 1);
  CHECK_THAT(
      ISOFLOP_ERROR_MESSAGE(load_curves_csv(dir.write("b.csv", header + "a,1e6,10,1e200\n"))),
      Catch::Matchers::Contains("b.csv: row 2, column loss: must be at most 1e+06, got 1e+200"));
}

}  // namespace
}  // namespace isoflop
