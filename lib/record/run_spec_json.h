// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/json.h"
#include "isoflop/run_spec.h"
#include "model/schedule_json.h"

namespace isoflop {

/// A spec and its parts as other files embed them; an embedded spec is a whole isoflop.run_spec/1
/// document. The schedule's is in model/schedule_json.h.
[[nodiscard]] Json run_spec_json(const RunSpec& spec);
[[nodiscard]] Json shape_json(const ModelShape& shape);

/// Sets the keys of the parametrisation, none for standard: the ids of such specs have none.
void set_parametrisation(Json& json, const RunSpec& spec);

/// Strict readers of the same. Absent fields get the default that the header of the type states;
/// the result has passed validate().
[[nodiscard]] RunSpec read_run_spec(const JsonReader& reader);
[[nodiscard]] ModelShape read_shape(const JsonReader& reader);
[[nodiscard]] Precision read_precision(const JsonReader& reader);
void read_parametrisation(const JsonReader& reader, RunSpec& spec);

/// Any integer; its domain is for validate() to judge.
[[nodiscard]] std::int64_t read_integer(const JsonReader& reader);

/// Reads member `key` into `target` where it is there.
template <class T, class Read>
void read_if(const JsonReader& reader, std::string_view key, T& target, const Read& read) {
  if (const auto member = reader.find(key)) target = read(*member);
}
inline void read_if(const JsonReader& reader, std::string_view key, double& target) {
  read_if(reader, key, target, [](const JsonReader& member) { return member.number(); });
}
inline void read_if(const JsonReader& reader, std::string_view key, std::int64_t& target) {
  read_if(reader, key, target, read_integer);
}

}  // namespace isoflop
