// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace isoflop::cli {

/// What an option's value is read into. Numbers are decimal and finite, integers within their type
/// and below 2^63; no value is empty: all else is refused by the option's name. The variable must
/// live until the command has run; one that is not named on the command line keeps what it holds.
using Variable = std::variant<
    std::reference_wrapper<std::string>, std::reference_wrapper<int>,
    std::reference_wrapper<std::int64_t>, std::reference_wrapper<std::uint64_t>,
    std::reference_wrapper<double>, std::reference_wrapper<std::optional<std::int64_t>>,
    std::reference_wrapper<std::optional<double>>, std::reference_wrapper<std::vector<std::string>>,
    std::reference_wrapper<std::vector<double>>,
    std::reference_wrapper<std::vector<std::pair<std::string, std::string>>>>;

/// Both ends are allowed; of an integer's option they are whole.
struct Range {
  double at_least, at_most;
};

/// What is asked of an option. A list takes any number of values each time it is named, unless a
/// rule says otherwise.
struct OptionRules {
  bool required = false;
  bool show_default = false;  // in the help, as the variable holds it when the option is added

  std::initializer_list<const char*> one_of = {};
  std::optional<Range> range = {};
  bool positive = false;
  bool non_negative = false;

  bool comma_separated = false;  // a list's values, within one argument
  bool one_each = false;         // a list takes one value each time; the help has its "..."
  bool repeatable = false;       // as one_each, but the help is that of a single value

  std::string_view value_name = {};  // in the help, for the name of the type
  std::string_view excludes = {};    // an option added before, not to be named beside this one
};

/// The program, or one of its commands: what it takes from the command line, and what it does.
/// The package that parses takes seconds to compile: command_line.cc alone includes it.
class Command {
 public:
  using Action = std::function<int()>;
  enum class Parsed { ok, help_was_printed, refused };

  /// The program, whose help begins with `description`.
  Command(std::string_view name, std::string_view description);
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;
  ~Command();

  /// At most one of a command's subcommands may be named. Lives as long as this command.
  Command& add_subcommand(std::string_view name, std::string_view description);
  /// One of the subcommands must be named.
  void require_subcommand();

  /// A required value that goes without a name; a list takes all of them.
  void add_argument(std::string_view name, Variable variable, std::string_view description);
  /// `name` is "--with-dashes".
  void add_option(std::string_view name, Variable variable, std::string_view description,
                  const OptionRules& rules = {});
  void add_flag(std::string_view name, bool& variable, std::string_view description);

  /// What parse() does where this command was named and none of its subcommands. Returns the
  /// process's exit code; throws where it cannot.
  void set_action(Action action);

  /// Reads the command line and does what it names. Help goes to stdout, a complaint to stderr.
  [[nodiscard]] Parsed parse(int argc, const char* const* argv);
  /// Of the action that parse() did; 0 where it did none.
  [[nodiscard]] int exit_code() const;
  /// Whether the command line has the option.
  [[nodiscard]] bool given(std::string_view option) const;
  [[nodiscard]] bool subcommand_given() const;
  [[nodiscard]] std::string help() const;

 private:
  struct Parser;
  explicit Command(std::unique_ptr<Parser> parser);

  std::unique_ptr<Parser> parser_;
};

}  // namespace isoflop::cli
