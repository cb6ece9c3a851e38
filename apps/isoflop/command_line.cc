// SPDX-License-Identifier: Apache-2.0
#include "command_line.h"

#include <cmath>
#include <limits>
#include <type_traits>

#include <CLI/CLI.hpp>

#include "base/text.h"

namespace isoflop::cli {

struct Command::Parser {
  std::unique_ptr<CLI::App> program;  // a subcommand's is its parent's
  CLI::App* app;
  int exit_code = 0;
  std::vector<std::unique_ptr<Command>> subcommands = {};
};

namespace {

template <class T>
struct Unwrapped {
  using Type = T;
};
template <class T>
struct Unwrapped<std::optional<T>> : Unwrapped<T> {};
template <class T>
struct Unwrapped<std::vector<T>> : Unwrapped<T> {};

/// Whether an option's values are numbers; the package would read texts such as 0x10, 010 for 8,
/// nan and nothing at all as some, and cut those that are too large.
template <class T>
constexpr bool kIsNumber = std::is_arithmetic_v<typename Unwrapped<T>::Type>;

std::string got(const std::string& text) { return ", got " + (text.empty() ? "nothing" : text); }

template <class T>
std::optional<T> parse_number(const std::string& text) {
  if constexpr (std::is_same_v<T, double>) {
    const std::optional<double> value = parse_double(text);
    return value && std::isfinite(*value) ? value : std::nullopt;
  } else {
    const std::optional<std::int64_t> value = parse_integer(text);
    if (!value || !std::in_range<T>(*value)) return std::nullopt;
    return static_cast<T>(*value);
  }
}

template <class T>
std::string number_text(T value) {
  if constexpr (std::is_same_v<T, double>) {
    return exact_text(value);
  } else {
    return std::to_string(value);
  }
}

/// What is read of an integer's type: a seed is stored as a JSON integer, below 2^63.
template <class T>
std::string range_of_type() {
  if (std::is_same_v<T, double>) return "must be a finite decimal number";
  constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
  const bool is_wide = sizeof(T) == sizeof kLargest;
  return "must be a whole decimal number from " +
         std::to_string(std::is_unsigned_v<T>
                            ? std::int64_t{0}
                            : static_cast<std::int64_t>(std::numeric_limits<T>::lowest())) +
         " to " +
         std::to_string(is_wide ? kLargest
                                : static_cast<std::int64_t>(std::numeric_limits<T>::max()));
}

template <class T>
std::string text_of_end(double end) {
  return number_text(static_cast<T>(end));
}

/// The complaint about a text; empty where there is none.
template <class T>
std::string complaint_about(const std::string& text, const OptionRules& rules) {
  const std::optional<T> value = parse_number<T>(text);
  if (!value) return range_of_type<T>() + got(text);
  const auto real = static_cast<double>(*value);
  if (rules.range && !(real >= rules.range->at_least && real <= rules.range->at_most)) {
    return "must be from " + text_of_end<T>(rules.range->at_least) + " to " +
           text_of_end<T>(rules.range->at_most) + got(text);
  }
  if (rules.positive && !(real > 0)) return "must be > 0" + got(text);
  if (rules.non_negative && !(real >= 0)) return "must be >= 0" + got(text);
  return "";
}

/// In the help, behind the option's name.
template <class T>
std::string number_name(const OptionRules& rules) {
  std::string name = std::is_same_v<T, double> ? "FLOAT" : std::is_unsigned_v<T> ? "UINT" : "INT";
  if (rules.range) {
    name +=
        ":" + text_of_end<T>(rules.range->at_least) + " to " + text_of_end<T>(rules.range->at_most);
  }
  if (rules.positive) name += ":POSITIVE";
  if (rules.non_negative) name += ":NONNEGATIVE";
  return name;
}

template <class T>
void assign(T& variable, const std::vector<std::string>& texts) {
  using Number = typename Unwrapped<T>::Type;
  if constexpr (std::is_same_v<T, std::vector<Number>>) {
    variable.clear();
    for (const std::string& text : texts) variable.push_back(parse_number<Number>(text).value());
  } else {
    variable = parse_number<Number>(texts.back()).value();
  }
}

template <class T>
std::string default_text(const T& variable) {
  if constexpr (std::is_arithmetic_v<T>) {
    return number_text(variable);
  } else {
    return "";  // absent, or a list that nobody has named
  }
}

template <class T>
CLI::Option* add_number(CLI::App& app, const std::string& name, T& variable,
                        const std::string& description, const OptionRules& rules) {
  using Number = typename Unwrapped<T>::Type;
  const auto read = [&variable](const std::vector<std::string>& texts) {
    assign(variable, texts);
    return true;
  };
  CLI::Option* option = app.add_option(name, read, description, false,
                                       [&variable] { return default_text(variable); });
  if (std::is_same_v<T, std::vector<Number>>) {
    option->expected(CLI::detail::expected_max_vector_size);
  }
  option->type_name(number_name<Number>(rules));
  option->check([rules](const std::string& text) { return complaint_about<Number>(text, rules); });
  return option;
}

template <class T>
CLI::Option* add_text(CLI::App& app, const std::string& name, T& variable,
                      const std::string& description, const OptionRules& rules) {
  CLI::Option* option = app.add_option(name, variable, description);
  option->check(
      [](const std::string& text) { return text.empty() ? "must not be empty" : std::string(); });
  const std::vector<std::string> allowed(rules.one_of.begin(), rules.one_of.end());
  if (!allowed.empty()) option->check(CLI::IsMember(allowed));
  return option;
}

CLI::Option* add(CLI::App& app, std::string_view name, const Variable& variable,
                 std::string_view description, const OptionRules& rules) {
  return std::visit(
      [&]<class T>(std::reference_wrapper<T> target) {
        if constexpr (kIsNumber<T>) {
          return add_number(app, std::string(name), target.get(), std::string(description), rules);
        } else {
          return add_text(app, std::string(name), target.get(), std::string(description), rules);
        }
      },
      variable);
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
  add(*parser_->app, name, variable, description, {})->required();
}

void Command::add_option(std::string_view name, Variable variable, std::string_view description,
                         const OptionRules& rules) {
  CLI::Option& option = *add(*parser_->app, name, variable, description, rules);
  option.required(rules.required);
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
