// SPDX-License-Identifier: Apache-2.0
#include "law/evidence_json.h"

#include "base/text.h"

namespace isoflop {
namespace {

constexpr double kMostRatio = 1e40;
constexpr std::int64_t kMostScores = 1000;

double read_size_of_error(const JsonReader& json) { return json.number(0, kMostRatio); }

HoldoutEvidence read_holdout(const JsonReader& json) {
  json.allow_only({"n_scores", "largest_ratio", "size_per_decade", "loss_per_decade", "is_poor"});
  return {.n_scores = json.at("n_scores").integer(1, kMostScores),
          .largest_ratio = json.at("largest_ratio").number(1, kMostRatio),
          .size_per_decade = read_size_of_error(json.at("size_per_decade")),
          .loss_per_decade = read_size_of_error(json.at("loss_per_decade")),
          .is_poor = json.at("is_poor").boolean()};
}

/// Of the law's own value.
double read_factor(const JsonReader& json) {
  constexpr double kFarthest = 1e12;
  return json.number(1 / kFarthest, kFarthest);
}

std::optional<Interval> read_interval(const JsonReader& json, std::string_view key, double median) {
  const std::optional<JsonReader> member = json.find(key);
  if (!member) return std::nullopt;
  const std::vector<JsonReader> ends = member->elements(2);
  const Interval interval{read_factor(ends[0]), read_factor(ends[1])};
  if (interval.low > median || interval.high < median) {
    member->fail("must be a low end of at most the median " + exact_text(median) +
                 " and a high end of at least that, got [" + exact_text(interval.low) + ", " +
                 exact_text(interval.high) + "]");
  }
  return interval;
}

double read_median(const JsonReader& json, std::string_view key) {
  const std::optional<JsonReader> member = json.find(key);
  return member ? read_factor(*member) : 1;
}

LawIntervals read_intervals(const JsonReader& json) {
  json.allow_only({"ratio", "size", "size_median", "loss", "loss_median"});
  LawIntervals intervals{.ratio = json.at("ratio").number(1e-40, kMostRatio)};
  intervals.size_median = read_median(json, "size_median");
  intervals.loss_median = read_median(json, "loss_median");
  intervals.size = read_interval(json, "size", intervals.size_median);
  intervals.loss = read_interval(json, "loss", intervals.loss_median);
  return intervals;
}

Json intervals_json(const LawIntervals& interval) {
  Json json = Json::object({{"ratio", interval.ratio}});
  if (interval.size_median != 1) json.set("size_median", interval.size_median);
  if (interval.size) json.set("size", ends_json(*interval.size));
  if (interval.loss_median != 1) json.set("loss_median", interval.loss_median);
  if (interval.loss) json.set("loss", ends_json(*interval.loss));
  return json;
}

}  // namespace

Json holdout_evidence_json(const HoldoutEvidence& holdout) {
  return Json::object({{"n_scores", holdout.n_scores},
                       {"largest_ratio", holdout.largest_ratio},
                       {"size_per_decade", holdout.size_per_decade},
                       {"loss_per_decade", holdout.loss_per_decade},
                       {"is_poor", holdout.is_poor}});
}

Json ends_json(const Interval& interval) {
  return Json(Json::Array{Json(interval.low), Json(interval.high)});
}

Evidence read_evidence(const JsonReader& json) {
  json.allow_only({"holdout", "intervals"});
  Evidence evidence;
  if (const auto holdout = json.find("holdout")) evidence.holdout = read_holdout(*holdout);
  for (const JsonReader& element : json.at("intervals").elements()) {
    const LawIntervals interval = read_intervals(element);
    if (!evidence.intervals.empty() && !(interval.ratio > evidence.intervals.back().ratio)) {
      element.at("ratio").fail("must be above the one before, got " + exact_text(interval.ratio));
    }
    evidence.intervals.push_back(interval);
  }
  return evidence;
}

Json evidence_json(const Evidence& evidence) {
  Json json = Json::object();
  if (evidence.holdout) json.set("holdout", holdout_evidence_json(*evidence.holdout));
  Json intervals = Json::array();
  for (const LawIntervals& interval : evidence.intervals)
    intervals.push_back(intervals_json(interval));
  return json.set("intervals", intervals);
}

}  // namespace isoflop
