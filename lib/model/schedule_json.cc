// SPDX-License-Identifier: Apache-2.0
#include "model/schedule_json.h"

namespace isoflop {
namespace {

// -0.0 equals 0.0 and must not name another run.
double positive_zero(double value) { return value + 0.0; }

std::vector<std::string> schedule_keys(ScheduleKind kind) {
  switch (kind) {
    case ScheduleKind::multi_step:
      return {"kind", "milestones"};
    case ScheduleKind::cosine:
      return {"kind", "final_lr_fraction"};
    case ScheduleKind::wsd:
      return {"kind", "decay_fraction", "decay_shape", "final_lr_fraction"};
    case ScheduleKind::constant:
      return {"kind"};
  }
  return {};
}

ScheduleKind read_schedule_kind(const JsonReader& reader) {
  return static_cast<ScheduleKind>(reader.one_of({"multi_step", "cosine", "wsd", "constant"}));
}

std::vector<Milestone> read_milestones(const JsonReader& reader) {
  std::vector<Milestone> milestones;
  for (const JsonReader& element : reader.elements()) {
    const std::vector<JsonReader> pair = element.elements(2);
    milestones.push_back({pair[0].number(0, 1), pair[1].number(0, 1)});
  }
  return milestones;
}

}  // namespace

Json schedule_json(const LrSchedule& schedule) {
  Json json = Json::object({{"kind", to_string(schedule.kind)}});
  for (const std::string& key : schedule_keys(schedule.kind)) {
    if (key == "milestones") {
      Json milestones = Json::array();
      for (const Milestone& milestone : schedule.milestones) {
        milestones.push_back(Json::array_of(std::vector<double>{
            positive_zero(milestone.token_fraction), positive_zero(milestone.lr_fraction)}));
      }
      json.set(key, milestones);
    } else if (key == "decay_fraction") {
      json.set(key, positive_zero(schedule.decay_fraction));
    } else if (key == "decay_shape") {
      json.set(key, to_string(schedule.decay_shape));
    } else if (key == "final_lr_fraction") {
      json.set(key, positive_zero(schedule.final_lr_fraction));
    }
  }
  return json;
}

LrSchedule read_schedule(const JsonReader& reader) {
  LrSchedule schedule;
  if (reader.is_string()) {
    schedule.kind = read_schedule_kind(reader);
    return schedule;
  }
  schedule.kind = read_schedule_kind(reader.at("kind"));
  reader.allow_only(schedule_keys(schedule.kind));
  if (const auto member = reader.find("milestones")) schedule.milestones = read_milestones(*member);
  if (const auto member = reader.find("decay_fraction")) {
    schedule.decay_fraction = member->number(0, 1);
  }
  if (const auto member = reader.find("final_lr_fraction")) {
    schedule.final_lr_fraction = member->number(0, 1);
  }
  if (const auto member = reader.find("decay_shape")) {
    schedule.decay_shape = static_cast<DecayShape>(member->one_of({"linear", "one_minus_sqrt"}));
  }
  return schedule;
}

}  // namespace isoflop
