// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "base/json.h"
#include "base/text.h"
#include "isoflop/error.h"
#include "isoflop/law.h"
#include "law/evidence_json.h"
#include "law/hyper_law_json.h"
#include "law/power_law_json.h"
#include "law/recipe_json.h"

namespace isoflop {
namespace {

constexpr std::string_view kSchema = "isoflop.law/1";
constexpr std::int64_t kMaxSize = std::int64_t{1} << 31;

SourceMark read_mark(const JsonReader& json) {
  constexpr SourceMark kMarks[] = {SourceMark::printed, SourceMark::recomputed,
                                   SourceMark::secondary};
  std::vector<std::string> names;
  for (const SourceMark mark : kMarks) names.emplace_back(to_string(mark));
  return kMarks[json.one_of(names)];
}

Frame read_frame(const JsonReader& json) {
  json.allow_only({"dataset", "tokenizer", "metric", "convention"});
  Frame frame;
  frame.dataset = json.at("dataset").string();
  if (const auto tokenizer = json.find("tokenizer")) frame.tokenizer = tokenizer->string();
  const std::vector<std::string> metrics = {"loss_nats", "bits_per_byte"};
  frame.metric = json.at("metric").one_of(metrics) == 0 ? Metric::loss_nats : Metric::bits_per_byte;
  std::vector<std::string> conventions;
  conventions.reserve(std::size(kAllFlopsConventions));
  for (const FlopsConvention convention : kAllFlopsConventions) {
    conventions.emplace_back(to_string(convention));
  }
  frame.convention = kAllFlopsConventions[json.at("convention").one_of(conventions)];
  return frame;
}

Json frame_json(const Frame& frame) {
  Json json = Json::object({{"dataset", frame.dataset}});
  if (!frame.tokenizer.empty()) json.set("tokenizer", frame.tokenizer);
  json.set("metric", to_string(frame.metric)).set("convention", to_string(frame.convention));
  return json;
}

AllocationLaw read_allocation(const JsonReader& json) {
  json.allow_only({"flops_per_token", "tokens", "exponents_only"});
  AllocationLaw law;
  if (const auto exponents_only = json.find("exponents_only")) {
    law.exponents_only = exponents_only->boolean();
  }
  if (law.exponents_only) {
    law.flops_per_token.exponent = read_exponent(json.at("flops_per_token"));
    law.tokens.exponent = read_exponent(json.at("tokens"));
  } else {
    law.flops_per_token = read_power_law(json.at("flops_per_token"));
    law.tokens = read_power_law(json.at("tokens"));
  }
  return law;
}

Json allocation_json(const AllocationLaw& law) {
  if (law.exponents_only) {
    return Json::object({{"exponents_only", true},
                         {"flops_per_token", law.flops_per_token.exponent},
                         {"tokens", law.tokens.exponent}});
  }
  return Json::object({{"flops_per_token", power_law_json(law.flops_per_token)},
                       {"tokens", power_law_json(law.tokens)}});
}

double read_not_negative(const JsonReader& json) {
  const double value = json.number();
  if (!(value >= 0)) json.fail("must be >= 0, got " + exact_text(value));
  return value;
}

LossLaw read_loss(const JsonReader& json) {
  json.allow_only({"irreducible", "a", "alpha", "b", "beta", "scale"});
  LossLaw law{.irreducible = read_not_negative(json.at("irreducible")),
              .a = json.at("a").positive(),
              .alpha = json.at("alpha").number(1e-6, kMaxExponent),
              .b = json.at("b").positive(),
              .beta = json.at("beta").number(1e-6, kMaxExponent)};
  const bool params = json.at("scale").one_of({"params", "flops_per_token"}) == 0;
  law.scale = params ? LossLaw::Scale::params : LossLaw::Scale::flops_per_token;
  return law;
}

Json loss_json(const LossLaw& law) {
  return Json::object({{"irreducible", law.irreducible},
                       {"a", law.a},
                       {"alpha", law.alpha},
                       {"b", law.b},
                       {"beta", law.beta},
                       {"scale", to_string(law.scale)}});
}

FrontierLaw read_frontier(const JsonReader& json) {
  json.allow_only({"irreducible", "coefficient", "exponent", "relative_error"});
  FrontierLaw law{.irreducible = read_not_negative(json.at("irreducible")),
                  .coefficient = json.at("coefficient").positive(),
                  .exponent = json.at("exponent").number(-kMaxExponent, 0)};
  if (const auto error = json.find("relative_error"))
    law.relative_error = read_not_negative(*error);
  return law;
}

Json frontier_json(const FrontierLaw& law) {
  Json json = Json::object({{"irreducible", law.irreducible},
                            {"coefficient", law.coefficient},
                            {"exponent", law.exponent}});
  json.set_if("relative_error", law.relative_error);
  return json;
}

}  // namespace

std::string_view to_string(SourceMark mark) {
  switch (mark) {
    case SourceMark::printed:
      return "printed";
    case SourceMark::recomputed:
      return "recomputed";
    case SourceMark::secondary:
      return "secondary";
  }
  return "";
}

Law read_law(const JsonReader& json) {
  json.require_schema(kSchema);
  json.allow_only({"schema",    "id",         "source",           "frame",        "fitted_from",
                   "fitted_to", "vocab_size", "seq_len",          "mark",         "allocation",
                   "hyper",     "hyper_nd",   "peak_lr_at_batch", "weight_decay", "tuned_on",
                   "loss",      "frontier",   "recipe",           "evidence",     "note"});
  Law law;
  law.id = json.at("id").string();
  if (!is_safe_name(law.id)) {
    json.at("id").fail("must be 1 to 100 of A-Z a-z 0-9 . _ - and not start with a dot, got \"" +
                       law.id + "\"");
  }
  law.source = json.at("source").string();
  if (const auto mark = json.find("mark")) law.mark = read_mark(*mark);
  if (const auto note = json.find("note")) law.note = note->string();
  law.frame = read_frame(json.at("frame"));
  law.fitted_from = read_flops(json, "fitted_from");
  law.fitted_to = read_flops(json, "fitted_to");
  if (law.fitted_from && law.fitted_to && *law.fitted_from > *law.fitted_to) {
    json.at("fitted_to").fail("must be at least fitted_from");
  }
  if (const auto size = json.find("vocab_size")) law.vocab_size = size->integer(2, kMaxSize);
  if (const auto size = json.find("seq_len")) law.seq_len = size->integer(1, kMaxSize);
  if (const auto part = json.find("recipe")) law.recipe = read_recipe(*part);
  if (const auto part = json.find("allocation")) law.allocation = read_allocation(*part);
  read_hyper_laws(json, law);
  if (const auto part = json.find("loss")) law.loss = read_loss(*part);
  if (const auto part = json.find("frontier")) law.frontier = read_frontier(*part);
  if (const auto part = json.find("evidence")) law.evidence = read_evidence(*part);
  return law;
}

Json law_json(const Law& law) {
  Json json = Json::object({{"schema", kSchema}, {"id", law.id}, {"source", law.source}});
  if (law.mark) json.set("mark", to_string(*law.mark));
  if (!law.note.empty()) json.set("note", law.note);
  json.set("frame", frame_json(law.frame));
  set_flops(json, "fitted_from", law.fitted_from);
  set_flops(json, "fitted_to", law.fitted_to);
  json.set_if("vocab_size", law.vocab_size).set_if("seq_len", law.seq_len);
  if (!law.recipe.empty()) json.set("recipe", recipe_json(law.recipe));
  if (law.allocation) json.set("allocation", allocation_json(*law.allocation));
  set_hyper_laws(json, law);
  if (law.loss) json.set("loss", loss_json(*law.loss));
  if (law.frontier) json.set("frontier", frontier_json(*law.frontier));
  if (law.evidence) json.set("evidence", evidence_json(*law.evidence));
  return json;
}

Law load_law(const std::filesystem::path& file) {
  const JsonFile document = read_json_file(file);
  return read_law(document.reader());
}

std::string to_json(const Law& law) { return law_json(law).pretty(); }

void save_law(const Law& law, const std::filesystem::path& file) {
  const Json json = law_json(law);
  // What load_law() would refuse must not reach the disk.
  (void)read_law(JsonReader(json, file.string()));
  write_json_file(json, file);
}

}  // namespace isoflop
