// SPDX-License-Identifier: Apache-2.0
#include "command_line.h"

#include <CLI/CLI.hpp>

namespace isoflop::cli {

struct Command::Parser {
  std::unique_ptr<CLI::App> program;  // a subcommand's is its parent's
  CLI::App* app;
  int exit_code = 0;
  std::vector<std::unique_ptr<Command>> subcommands = {};
};

namespace {

/// The texts of the help and of complaints depend on the type in which a range is checked.
template <class T>
CLI::Range checked_range(const Range& range) {
  return CLI::Range(static_cast<T>(range.at_least), static_cast<T>(range.at_most));
}

template <class T>
constexpr bool kIsReal = std::is_same_v<T, double> || std::is_same_v<T, std::optional<double>> ||
                         std::is_same_v<T, std::vector<double>>;

CLI::Range range_of(const Variable& variable, const Range& range) {
  return std::visit(
      [&]<class T>(std::reference_wrapper<T>) {
        return kIsReal<T> ? checked_range<double>(range) : checked_range<std::int64_t>(range);
      },
      variable);
}

CLI::Option* add(CLI::App& app, std::string_view name, const Variable& variable,
                 std::string_view description) {
  return std::visit(
      [&](auto target) {
        return app.add_option(std::string(name), target.get(), std::string(description));
      },
      variable);
}

void restrict_values(CLI::Option& option, const Variable& variable, const OptionRules& rules) {
  const std::vector<std::string> allowed(rules.one_of.begin(), rules.one_of.end());
  if (!allowed.empty()) option.check(CLI::IsMember(allowed));
  if (rules.range) option.check(range_of(variable, *rules.range));
  if (rules.positive) option.check(CLI::PositiveNumber);
  if (rules.non_negative) option.check(CLI::NonNegativeNumber);
}

void shape_list(CLI::Option& option, const OptionRules& rules) {
  if (rules.comma_separated) option.delimiter(',');
  if (rules.one_each) option.allow_extra_args(false);
  if (rules.repeatable) option.expected(1)->take_all();
}

}  // namespace

Command::Command(std::string_view name, std::string_view description) {
  auto program = std::make_unique<CLI::App>(std::string(description), std::string(name));
  program->require_subcommand(0, 1);  // and so, by inheritance, its subcommands
  CLI::App* app = program.get();
  parser_ = std::make_unique<Parser>(Parser{.program = std::move(program), .app = app});
}

Command::Command(std::unique_ptr<Parser> parser) : parser_(std::move(parser)) {}

Command::~Command() = default;

Command& Command::add_subcommand(std::string_view name, std::string_view description) {
  CLI::App* app = parser_->app->add_subcommand(std::string(name), std::string(description));
  auto parser = std::make_unique<Parser>(Parser{.program = nullptr, .app = app});
  parser_->subcommands.emplace_back(new Command(std::move(parser)));
  return *parser_->subcommands.back();
}

void Command::require_subcommand() { parser_->app->require_subcommand(1); }

void Command::add_argument(std::string_view name, Variable variable, std::string_view description) {
  add(*parser_->app, name, variable, description)->required();
}

void Command::add_option(std::string_view name, Variable variable, std::string_view description,
                         const OptionRules& rules) {
  CLI::Option& option = *add(*parser_->app, name, variable, description);
  option.required(rules.required);
  restrict_values(option, variable, rules);
  shape_list(option, rules);
  if (rules.show_default) option.capture_default_str();
  if (!rules.value_name.empty()) option.type_name(std::string(rules.value_name));
  if (rules.excludes.empty()) return;
  option.excludes(parser_->app->get_option(std::string(rules.excludes)));
}

void Command::add_flag(std::string_view name, bool& variable, std::string_view description) {
  parser_->app->add_flag(std::string(name), variable, std::string(description));
}

void Command::set_action(Action action) {
  parser_->app->callback([this, action = std::move(action)] {
    if (!subcommand_given()) parser_->exit_code = action();
  });
}

Command::Parsed Command::parse(int argc, const char* const* argv) {
  try {
    parser_->app->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return parser_->app->exit(error) == 0 ? Parsed::help_was_printed : Parsed::refused;
  }
  return Parsed::ok;
}

int Command::exit_code() const {
  for (const auto& subcommand : parser_->subcommands) {
    if (const int code = subcommand->exit_code(); code != 0) return code;
  }
  return parser_->exit_code;
}

bool Command::given(std::string_view option) const {
  return parser_->app->count(std::string(option)) > 0;
}

bool Command::subcommand_given() const { return !parser_->app->get_subcommands().empty(); }

std::string Command::help() const { return parser_->app->help(); }

}  // namespace isoflop::cli
