// SPDX-License-Identifier: Apache-2.0
#include "record/import_columns.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "base/utf8.h"
#include "isoflop/error.h"
#include "record/point_checks.h"

namespace isoflop {
namespace {

constexpr std::size_t kColumnsNamedInErrors = 40;

class Resolver {
 public:
  Resolver(const RowSource& rows, const std::string& file, const ImportPreset& preset,
           const ImportOptions& options)
      : rows_(rows), file_(file), preset_(preset), options_(options) {}

  ImportColumns resolve() {
    take_constants();
    take_map();
    take_preset();
    take_own_names();
    take_units();
    take_marks();
    require();
    keep_others();
    return std::move(columns_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(ErrorCode::parse, file_ + ": " + rows_.header_place() + what);
  }
  [[noreturn]] static void refuse_option(const std::string& what) {
    throw Error(ErrorCode::invalid_argument, what);
  }
  std::optional<std::size_t> field(const std::string& name) const {
    const auto& header = rows_.header();
    const auto found = std::find(header.begin(), header.end(), name);
    if (found == header.end()) return std::nullopt;
    return static_cast<std::size_t>(found - header.begin());
  }
  /// The fields of "a" or "a+b"; empty where one is not there.
  std::vector<std::size_t> fields_of(const std::string& name) const {
    if (const auto whole = field(name)) return {*whole};
    std::vector<std::size_t> fields;
    for (const std::string& part : split(name, '+')) {
      const auto index = field(std::string(trim(part)));
      if (!index) return {};
      fields.push_back(*index);
    }
    return fields;
  }
  std::string what_it_has() const {
    std::vector<std::string> names = rows_.header();
    if (names.size() > kColumnsNamedInErrors) {
      const std::size_t more = names.size() - kColumnsNamedInErrors;
      names.resize(kColumnsNamedInErrors);
      names.push_back("and " + std::to_string(more) + " more");
    }
    return "; it has " + join(names, ", ");
  }
  bool is_set(PointColumn column) const {
    const ColumnOrigin& origin = columns_.ours[column];
    return !origin.fields.empty() || origin.constant;
  }

  void take_constants() {
    for (const auto& [ours, value] : options_.constants) {
      const PointColumn column = point_column(ours, "constants");
      const bool usable = is_quantity(column) ? parse_in_unit(value, {}).has_value()
                          : column == kSeed   ? parse_integer(value).has_value()
                                              : !value.empty();
      if (!usable) {
        refuse_option("constants: " + ours + ": must be " +
                      (is_quantity(column) ? "a number > 0"
                       : column == kSeed   ? "an integer"
                                           : "a text") +
                      ", got \"" + value + "\"");
      }
      if (options_.columns.count(ours) != 0) {
        refuse_option("constants: " + ours + " is given as a column, too");
      }
      require_utf8(value, "constants: " + ours);
      columns_.ours[column].constant = value;
    }
  }

  void take_map() {
    for (const auto& [ours, theirs] : options_.columns) {
      const PointColumn column = point_column(ours, "columns");
      const std::vector<std::size_t> fields = fields_of(theirs);
      if (fields.empty()) {
        refuse("has no column " + theirs + " (wanted as " + ours + ")" + what_it_has() +
               did_you_mean(theirs, rows_.header()));
      }
      if (fields.size() > 1 && !is_quantity(column)) {
        refuse_option("columns: " + ours + " is no number and cannot be a sum");
      }
      for (const std::size_t i : fields) {
        if (!mapped_.emplace(i, ours).second) {
          refuse_option("columns: " + rows_.header()[i] + " is wanted as " + mapped_.at(i) +
                        " and as " + ours);
        }
      }
      columns_.ours[column].fields = fields;
    }
  }

  void take_preset() {
    for (const ImportPreset::Choice& choice : preset_.choices) {
      in_preset_.insert(choice.column);
      for (const ForeignColumn& candidate : choice.candidates) {
        const std::vector<std::size_t> fields = fields_of(candidate.name);
        if (is_set(choice.column) || fields.empty()) continue;
        if (std::any_of(fields.begin(), fields.end(),
                        [&](std::size_t i) { return mapped_.count(i) != 0; })) {
          continue;
        }
        ColumnOrigin& origin = columns_.ours[choice.column];
        origin.fields = fields;
        if (!candidate.unit.empty()) origin.unit = unit_of(choice.column, candidate.unit);
        for (const std::size_t i : fields) mapped_.emplace(i, kPointColumnNames[choice.column]);
      }
    }
    if (!is_set(kDataset) && !preset_.dataset.empty()) {
      columns_.ours[kDataset].constant = preset_.dataset;
    }
  }

  void take_own_names() {
    for (std::size_t i = 0; i < kPointColumnCount; ++i) {
      const auto column = static_cast<PointColumn>(i);
      const auto own = field(std::string(kPointColumnNames[i]));
      if (!own || is_set(column) || in_preset_.count(column) != 0 || mapped_.count(*own) != 0) {
        continue;
      }
      columns_.ours[column].fields = {*own};
      mapped_.emplace(*own, kPointColumnNames[i]);
    }
  }

  void take_units() {
    for (const auto& [ours, name] : options_.units) {
      const PointColumn column = point_column(ours, "units");
      const ForeignUnit unit = unit_of(column, name);
      if (columns_.ours[column].fields.empty()) {
        refuse_option("units: " + ours + ": the file has no column for it");
      }
      columns_.ours[column].unit = unit;
    }
    refuse_unsaid_perplexity();
    columns_.loss_is_bits_per_byte = columns_.ours[kLoss].unit.of_bits_per_byte;
    if (columns_.loss_is_bits_per_byte && is_set(kBitsPerByte)) {
      refuse_option("units: loss=" + options_.units.at("loss") +
                    ": the file has bits_per_byte, too; map one of them");
    }
  }

  void refuse_unsaid_perplexity() const {
    if (options_.units.count("loss") != 0 || !columns_.ours[kLoss].unit.is_ours()) return;
    for (const std::size_t i : columns_.ours[kLoss].fields) {
      const std::string& name = rows_.header()[i];
      if (!names_perplexity(name)) continue;
      refuse(
          "column " + name +
          ": holds perplexities, by its name; say --units loss=ppl, or loss=nats if it does not");
    }
  }

  void take_marks() {
    const auto mark = [&](const std::string& name) {
      const auto index = field(name);
      return index && mapped_.count(*index) == 0 ? index : std::nullopt;
    };
    columns_.outlier = mark(preset_.outlier);
    columns_.reason = mark(preset_.reason);
    if (!preset_.state.empty()) columns_.state = field(preset_.state);
    columns_.experiment = field("experiment");
    columns_.convention = field("convention");
    for (const auto& [name, value] : options_.where) {
      const auto index = field(name);
      if (!index) {
        refuse("has no column " + name + " (wanted by where)" + what_it_has() +
               did_you_mean(name, rows_.header()));
      }
      columns_.where.emplace_back(*index, value);
    }
    if (options_.tokens_from_compute && is_set(kTokens)) {
      refuse_option("tokens_from_compute: the file has tokens; leave out one of them");
    }
    columns_.tokens_from_compute =
        options_.tokens_from_compute ||
        (preset_.tokens_from_compute && !is_set(kTokens) && is_set(kCompute) && is_set(kParams));
  }

  void require() const {
    const auto need = [&](std::initializer_list<PointColumn> any_of) {
      std::vector<std::string> ours, theirs;
      for (const PointColumn column : any_of) {
        if (is_set(column)) return;
        ours.emplace_back(kPointColumnNames[column]);
        for (const ImportPreset::Choice& choice : preset_.choices) {
          if (choice.column != column) continue;
          for (const ForeignColumn& candidate : choice.candidates) theirs.push_back(candidate.name);
        }
      }
      const std::string looked = theirs.empty() ? "" : " (by the names " + join(theirs, ", ") + ")";
      const bool can_follow =
          any_of.begin()[0] == kTokens && is_set(kParams) && (is_set(kCompute) || is_set(kBudget));
      refuse("has no column for " + join(ours, " or ") + looked + what_it_has() +
             "; name one with --columns " + ours.front() + "=THEIRS, or give --constants " +
             ours.front() + "=VALUE" +
             (can_follow ? "; --tokens-from-compute takes them as compute or budget / (6 params)"
                         : ""));
    };
    if (columns_.tokens_from_compute) {
      need({kParams});
      need({kCompute, kBudget});
    } else {
      need({kTokens});
    }
    need({kLoss, kBitsPerByte});
    need({kParams, kFlopsPerToken});
  }

  void keep_others() {
    const std::vector<std::string>& header = rows_.header();
    std::set<std::string> taken;
    for (const std::string_view name : kPointColumnNames) taken.emplace(name);
    taken.insert({std::string(kOutlierName), std::string(kOutlierReasonName)});
    // Else the file's own column is the one that a fit reads.
    if (options_.convention || preset_.convention) taken.insert("convention");
    for (std::size_t i = 0; i < header.size(); ++i) {
      if (i == columns_.outlier || i == columns_.reason || is_copied(i)) continue;
      std::string name = header[i];
      for (const auto& [theirs, kept] : preset_.kept_as) {
        if (theirs == name) name = kept;
      }
      if (name.empty()) name = "column_" + std::to_string(i + 1);
      while (!taken.insert(name).second) name = "file_" + name;
      columns_.others.push_back(i);
      columns_.other_names.push_back(name);
    }
  }
  // What is converted or summed is kept as it was, too.
  bool is_copied(std::size_t i) const {
    return std::any_of(columns_.ours.begin(), columns_.ours.end(), [&](const ColumnOrigin& origin) {
      return origin.is_copy() && origin.fields.front() == i;
    });
  }

  const RowSource& rows_;
  const std::string& file_;
  const ImportPreset& preset_;
  const ImportOptions& options_;
  ImportColumns columns_;
  std::map<std::size_t, std::string> mapped_;
  std::set<PointColumn> in_preset_;
};

}  // namespace

std::vector<std::size_t> ImportColumns::measured() const {
  std::vector<std::size_t> fields = ours[kLoss].fields;
  fields.insert(fields.end(), ours[kBitsPerByte].fields.begin(), ours[kBitsPerByte].fields.end());
  return fields;
}

ImportColumns import_columns(const RowSource& rows, const std::string& file,
                             const ImportPreset& preset, const ImportOptions& options) {
  return Resolver(rows, file, preset, options).resolve();
}

}  // namespace isoflop
