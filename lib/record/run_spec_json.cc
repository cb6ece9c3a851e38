// SPDX-License-Identifier: Apache-2.0
#include "record/run_spec_json.h"

#include <limits>

#include "base/text.h"
#include "isoflop/error.h"
#include "isoflop/run_record.h"

namespace isoflop {
namespace {

constexpr char kRunSpecSchema[] = "isoflop.run_spec/1";
constexpr std::int64_t kMaxWidth = 1 << 20;  // as validate(ModelShape) has it

// -0.0 equals 0.0 and must not name another run.
double positive_zero(double value) { return value + 0.0; }

std::int64_t read_width(const JsonReader& reader) { return reader.integer(1, kMaxWidth); }

// Runs a validate() that names fields by their path within the document.
template <class Validate>
void validate_at(const JsonReader& reader, const std::string& skip, const Validate& validate) {
  try {
    validate();
  } catch (const Error& error) {
    std::string complaint = error.what();
    if (complaint.starts_with(skip)) complaint.erase(0, skip.size());
    throw Error(ErrorCode::parse, reader.file() + ": " + reader.path() + complaint);
  }
}

}  // namespace

std::int64_t read_integer(const JsonReader& reader) {
  using Limits = std::numeric_limits<std::int64_t>;
  return reader.integer(Limits::min(), Limits::max());
}

Json shape_json(const ModelShape& shape) {
  return Json::object({{"n_layers", shape.n_layers},
                       {"d_model", shape.d_model},
                       {"n_heads", shape.n_heads},
                       {"n_kv_heads", shape.n_kv_heads},
                       {"d_head", shape.d_head},
                       {"d_ff", shape.d_ff},
                       {"vocab_size", shape.vocab_size},
                       {"seq_len", shape.seq_len},
                       {"ffn", shape.ffn == FfnKind::swiglu ? "swiglu" : "gelu"},
                       {"tied_embeddings", shape.tied_embeddings}});
}

void set_parametrisation(Json& json, const RunSpec& spec) {
  if (spec.parametrisation == Parametrisation::standard) return;
  json.set("parametrisation", to_string(spec.parametrisation));
  json.set("base_d_model", spec.base_d_model).set("base_n_layers", spec.base_n_layers);
}

Json run_spec_json(const RunSpec& spec) {
  Json json = Json::object({{"schema", kRunSpecSchema},
                            {"shape", shape_json(spec.shape)},
                            {"dataset", spec.dataset},
                            {"dataset_hash", spec.dataset_hash},
                            {"batch_tokens", spec.batch_tokens},
                            {"n_steps", spec.n_steps},
                            {"warmup_steps", spec.warmup_steps},
                            {"peak_lr", spec.peak_lr},
                            {"schedule", schedule_json(spec.schedule)},
                            {"weight_decay", positive_zero(spec.weight_decay)},
                            {"adam_beta1", positive_zero(spec.adam_beta1)},
                            {"adam_beta2", positive_zero(spec.adam_beta2)},
                            {"adam_epsilon", spec.adam_epsilon},
                            {"grad_clip", spec.grad_clip},
                            {"init_std", positive_zero(spec.init_std)},
                            {"precision", to_string(spec.precision)},
                            {"micro_batch_seqs", spec.micro_batch_seqs},
                            {"data_parallel", spec.data_parallel},
                            {"seed", spec.seed},
                            {"validation_tokens", spec.validation_tokens}});
  set_parametrisation(json, spec);
  return json;
}

Precision read_precision(const JsonReader& reader) {
  return static_cast<Precision>(reader.one_of({"fp32", "bf16"}));
}

void read_parametrisation(const JsonReader& reader, RunSpec& spec) {
  read_if(reader, "parametrisation", spec.parametrisation, [](const JsonReader& member) {
    return static_cast<Parametrisation>(member.one_of({"standard", "mup", "complete_p"}));
  });
  read_if(reader, "base_d_model", spec.base_d_model);
  read_if(reader, "base_n_layers", spec.base_n_layers);
}

ModelShape read_shape(const JsonReader& reader) {
  reader.allow_only({"n_layers", "d_model", "n_heads", "n_kv_heads", "d_head", "d_ff", "vocab_size",
                     "seq_len", "ffn", "tied_embeddings"});
  ModelShape shape;
  shape.n_layers = read_integer(reader.at("n_layers"));
  shape.d_model = read_width(reader.at("d_model"));
  shape.n_heads = read_width(reader.at("n_heads"));
  shape.vocab_size = read_integer(reader.at("vocab_size"));
  shape.seq_len = read_integer(reader.at("seq_len"));
  shape.n_kv_heads = shape.n_heads;
  shape.d_ff = default_d_ff(shape.d_model);
  if (!reader.find("d_head") && shape.d_model % shape.n_heads != 0) {
    reader.at("n_heads").fail("must divide d_model = " + std::to_string(shape.d_model) +
                              " where d_head is not given, got " + std::to_string(shape.n_heads));
  }
  shape.d_head = shape.d_model / shape.n_heads;
  read_if(reader, "n_kv_heads", shape.n_kv_heads, read_width);
  read_if(reader, "d_head", shape.d_head);
  read_if(reader, "d_ff", shape.d_ff);
  read_if(reader, "ffn", shape.ffn, [](const JsonReader& member) {
    return static_cast<FfnKind>(member.one_of({"swiglu", "gelu"}));
  });
  read_if(reader, "tied_embeddings", shape.tied_embeddings,
          [](const JsonReader& member) { return member.boolean(); });
  validate_at(reader, "/shape", [&] { validate(shape); });
  return shape;
}

RunSpec read_run_spec(const JsonReader& reader) {
  reader.require_schema(kRunSpecSchema);
  reader.allow_only({"schema",           "shape",         "dataset",      "dataset_hash",
                     "batch_tokens",     "n_steps",       "warmup_steps", "peak_lr",
                     "schedule",         "weight_decay",  "adam_beta1",   "adam_beta2",
                     "adam_epsilon",     "grad_clip",     "init_std",     "precision",
                     "micro_batch_seqs", "data_parallel", "seed",         "validation_tokens",
                     "parametrisation",  "base_d_model",  "base_n_layers"});
  RunSpec spec;
  spec.shape = read_shape(reader.at("shape"));
  spec.dataset = reader.at("dataset").string();
  read_if(reader, "dataset_hash", spec.dataset_hash,
          [](const JsonReader& member) { return member.string(); });
  spec.batch_tokens = read_integer(reader.at("batch_tokens"));
  spec.n_steps = read_integer(reader.at("n_steps"));
  spec.warmup_steps = default_warmup_steps(spec.n_steps);
  read_if(reader, "warmup_steps", spec.warmup_steps);
  spec.peak_lr = reader.at("peak_lr").positive();
  read_if(reader, "schedule", spec.schedule, read_schedule);
  read_if(reader, "weight_decay", spec.weight_decay);
  read_if(reader, "adam_beta1", spec.adam_beta1);
  read_if(reader, "adam_beta2", spec.adam_beta2);
  read_if(reader, "adam_epsilon", spec.adam_epsilon);
  read_if(reader, "grad_clip", spec.grad_clip);
  read_if(reader, "init_std", spec.init_std);
  read_parametrisation(reader, spec);
  read_if(reader, "precision", spec.precision, read_precision);
  read_if(reader, "micro_batch_seqs", spec.micro_batch_seqs);
  read_if(reader, "data_parallel", spec.data_parallel);
  read_if(reader, "seed", spec.seed, [](const JsonReader& member) {
    return static_cast<std::uint64_t>(member.integer(0, std::numeric_limits<std::int64_t>::max()));
  });
  read_if(reader, "validation_tokens", spec.validation_tokens);
  validate_at(reader, "", [&] { validate(spec); });
  return spec;
}

std::string to_json(const RunSpec& spec) { return run_spec_json(spec).canonical(); }

RunSpec run_spec_from_json(std::string_view text, const std::string& file_name) {
  const Json document = parse_json(text, file_name);
  return read_run_spec(JsonReader(document, file_name));
}

RunSpec load_run_spec(const std::filesystem::path& file) {
  const JsonFile json = read_json_file(file);
  return read_run_spec(json.reader());
}

void save_run_spec(const RunSpec& spec, const std::filesystem::path& file) {
  write_json_file(run_spec_json(spec), file);
}

}  // namespace isoflop
