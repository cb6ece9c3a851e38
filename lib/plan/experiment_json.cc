// SPDX-License-Identifier: Apache-2.0
#include "plan/experiment_json.h"

#include <limits>

#include "isoflop/error.h"
#include "record/run_spec_json.h"

namespace isoflop {
namespace {

constexpr char kExperimentSchema[] = "isoflop.experiment/1";
constexpr char kFromPrior[] = "prior";

Json power_law_json(const PowerLaw& law) {
  return Json::array_of(std::vector<double>{law.coefficient, law.exponent});
}

PowerLaw read_power_law(const JsonReader& reader) {
  const std::vector<JsonReader> pair = reader.elements(2);
  return {pair[0].number(), pair[1].number()};
}

template <class Read>
auto read_list(const JsonReader& reader, const Read& read) {
  std::vector<decltype(read(reader))> values;
  for (const JsonReader& element : reader.elements()) values.push_back(read(element));
  return values;
}

double read_number(const JsonReader& reader) { return reader.number(); }
bool read_boolean(const JsonReader& reader) { return reader.boolean(); }
std::string read_string(const JsonReader& reader) { return reader.string(); }

std::uint64_t read_seed(const JsonReader& reader) {
  return static_cast<std::uint64_t>(reader.integer(0, std::numeric_limits<std::int64_t>::max()));
}

/// A value, or "prior": ask the law.
template <class Read>
auto read_or_prior(const JsonReader& reader, std::string_view key, const Read& read) {
  std::optional<decltype(read(reader))> value;
  const std::optional<JsonReader> member = reader.find(key);
  if (!member) return value;
  if (!member->is_string()) {
    value = read(*member);
  } else if (member->string() != kFromPrior) {
    member->fail("must be a number or \"prior\", got \"" + member->string() + "\"");
  }
  return value;
}

void read_rules(const JsonReader& reader, ShapeRules& rules) {
  const auto read_optional = [&](std::string_view key, std::optional<std::int64_t>& target) {
    if (const auto member = reader.find(key)) target = read_integer(*member);
  };
  read_if(reader, "tensor_parallel", rules.tensor_parallel);
  read_optional("n_kv_heads", rules.n_kv_heads);
  read_optional("gqa_ratio", rules.gqa_ratio);
  read_optional("d_head", rules.d_head);
  read_optional("multiple_of", rules.multiple_of);
  read_optional("pad_vocab_to", rules.pad_vocab_to);
}

void set_rules(Json& json, const ShapeRules& rules) {
  if (rules.tensor_parallel != 1) json.set("tensor_parallel", rules.tensor_parallel);
  json.set_if("n_kv_heads", rules.n_kv_heads).set_if("gqa_ratio", rules.gqa_ratio);
  json.set_if("d_head", rules.d_head).set_if("multiple_of", rules.multiple_of);
  json.set_if("pad_vocab_to", rules.pad_vocab_to);
}

/// A file that says ladder_step alone is from before there were families.
void read_family(const JsonReader& shapes, Experiment& experiment) {
  const std::optional<JsonReader> family = shapes.find("family");
  const std::optional<JsonReader> step = shapes.find("ladder_step");
  if (family) {
    try {
      experiment.family = shape_family_from(family->string());
    } catch (const Error& error) {
      family->fail(error.what());
    }
  } else if (step) {
    experiment.family = ShapeFamily::mixed;
  }
  if (!step) return;
  if (experiment.family != ShapeFamily::mixed) step->fail("has a meaning for family mixed only");
  experiment.ladder_step = step->number();
}

/// "budgets" and "shapes": the curves. Without budgets only what the ladder is made of has a
/// meaning.
void read_curves(const JsonReader& reader, Experiment& experiment) {
  if (const auto budgets = reader.find("budgets")) {
    experiment.isoflop.emplace();
    experiment.isoflop->budgets = read_list(*budgets, read_number);
  }
  const std::optional<JsonReader> shapes = reader.find("shapes");
  if (!shapes) return;
  shapes->allow_only({"per_budget", "half_width", "family", "ladder_step", "centre",
                      "tensor_parallel", "n_kv_heads", "gqa_ratio", "d_head", "multiple_of",
                      "pad_vocab_to"});
  read_family(*shapes, experiment);
  read_rules(*shapes, experiment.rules);
  if (!experiment.isoflop) {
    for (const auto& [key, member] : shapes->members()) {
      if (key == "per_budget" || key == "half_width" || key == "centre") {
        member.fail("has no meaning without /budgets");
      }
    }
    return;
  }
  read_if(*shapes, "per_budget", experiment.isoflop->per_budget);
  read_if(*shapes, "half_width", experiment.isoflop->half_width);
  read_if(*shapes, "centre", experiment.isoflop->centre, read_power_law);
}

GridDesign read_grid(const JsonReader& reader) {
  reader.allow_only({"budgets", "peak_lr", "batch_tokens", "centre"});
  GridDesign grid;
  grid.budgets = read_list(reader.at("budgets"), read_number);
  grid.peak_lr = read_list(reader.at("peak_lr"), read_number);
  grid.batch_tokens = read_list(reader.at("batch_tokens"), read_integer);
  read_if(reader, "centre", grid.centre, read_power_law);
  return grid;
}

void read_base(const JsonReader& reader, RunSpec& base) {
  read_if(reader, "schedule", base.schedule, read_schedule);
  read_if(reader, "weight_decay", base.weight_decay);
  read_if(reader, "adam_beta1", base.adam_beta1);
  read_if(reader, "adam_beta2", base.adam_beta2);
  read_if(reader, "adam_epsilon", base.adam_epsilon);
  read_if(reader, "grad_clip", base.grad_clip);
  read_if(reader, "init_std", base.init_std);
  read_parametrisation(reader, base);
  read_if(reader, "precision", base.precision, read_precision);
  read_if(reader, "data_parallel", base.data_parallel);
  read_if(reader, "tied_embeddings", base.shape.tied_embeddings, read_boolean);
}

Json grid_json(const GridDesign& grid) {
  Json json = Json::object({{"budgets", Json::array_of(grid.budgets)},
                            {"peak_lr", Json::array_of(grid.peak_lr)},
                            {"batch_tokens", Json::array_of(grid.batch_tokens)}});
  if (grid.centre) json.set("centre", power_law_json(*grid.centre));
  return json;
}

void set_curves(Json& json, const Experiment& experiment) {
  Json shapes = Json::object();
  if (const auto& design = experiment.isoflop) {
    json.set("budgets", Json::array_of(design->budgets));
    shapes.set("per_budget", design->per_budget).set("half_width", design->half_width);
    if (design->centre) shapes.set("centre", power_law_json(*design->centre));
  }
  shapes.set("family", std::string(to_string(experiment.family)));
  if (experiment.family == ShapeFamily::mixed) shapes.set("ladder_step", experiment.ladder_step);
  set_rules(shapes, experiment.rules);
  json.set("shapes", shapes);
}

}  // namespace

Json experiment_json(const Experiment& experiment) {
  const RunSpec& base = experiment.base;
  Json json = Json::object({{"schema", kExperimentSchema},
                            {"question", experiment.question},
                            {"dataset", experiment.dataset},
                            {"seq_len", experiment.seq_len}});
  if (!experiment.prior.empty()) json.set("prior", experiment.prior);
  set_curves(json, experiment);
  if (experiment.grid) json.set("grid", grid_json(*experiment.grid));
  json.set("share_trunks", experiment.share_trunks);
  json.set("peak_lr", experiment.peak_lr ? Json(*experiment.peak_lr) : Json(kFromPrior));
  json.set("batch_tokens",
           experiment.batch_tokens ? Json(*experiment.batch_tokens) : Json(kFromPrior));
  json.set_if("warmup_steps", experiment.warmup_steps);
  json.set_if("micro_batch_seqs", experiment.micro_batch_seqs);
  json.set("schedule", schedule_json(base.schedule));
  json.set("seeds", Json::array_of(experiment.seeds));
  json.set("validation_tokens", experiment.validation_tokens);
  json.set("weight_decay", base.weight_decay);
  json.set("adam_beta1", base.adam_beta1).set("adam_beta2", base.adam_beta2);
  json.set("adam_epsilon", base.adam_epsilon).set("grad_clip", base.grad_clip);
  json.set("init_std", base.init_std).set("precision", to_string(base.precision));
  set_parametrisation(json, base);
  json.set("data_parallel", base.data_parallel);
  json.set("tied_embeddings", base.shape.tied_embeddings);
  return json;
}

Experiment read_experiment(const JsonReader& reader) {
  reader.require_schema(kExperimentSchema);
  reader.allow_only(
      {"schema",       "question",         "dataset",       "seq_len",         "prior",
       "budgets",      "shapes",           "grid",          "peak_lr",         "batch_tokens",
       "warmup_steps", "micro_batch_seqs", "schedule",      "seeds",           "validation_tokens",
       "weight_decay", "adam_beta1",       "adam_beta2",    "adam_epsilon",    "grad_clip",
       "init_std",     "precision",        "data_parallel", "tied_embeddings", "parametrisation",
       "base_d_model", "base_n_layers",    "share_trunks"});
  Experiment experiment;
  read_if(reader, "question", experiment.question, read_string);
  experiment.dataset = reader.at("dataset").string();
  read_if(reader, "seq_len", experiment.seq_len);
  read_if(reader, "prior", experiment.prior, read_string);
  read_curves(reader, experiment);
  read_if(reader, "grid", experiment.grid, read_grid);
  read_if(reader, "share_trunks", experiment.share_trunks, read_boolean);
  experiment.peak_lr = read_or_prior(reader, "peak_lr", read_number);
  experiment.batch_tokens = read_or_prior(reader, "batch_tokens", read_integer);
  read_if(reader, "warmup_steps", experiment.warmup_steps, read_integer);
  read_if(reader, "micro_batch_seqs", experiment.micro_batch_seqs, read_integer);
  read_if(reader, "seeds", experiment.seeds,
          [](const JsonReader& member) { return read_list(member, read_seed); });
  read_if(reader, "validation_tokens", experiment.validation_tokens);
  read_base(reader, experiment.base);
  try {
    validate(experiment);
  } catch (const Error& error) {
    throw Error(ErrorCode::parse, reader.file() + ": " + reader.path() + error.what());
  }
  return experiment;
}

Experiment load_experiment(const std::filesystem::path& file) {
  const JsonFile json = read_json_file(file);
  return read_experiment(json.reader());
}

void save_experiment(const Experiment& experiment, const std::filesystem::path& file) {
  write_json_file(experiment_json(experiment), file);
}

}  // namespace isoflop
