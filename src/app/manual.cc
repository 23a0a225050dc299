// How it works
//
// penstock(1) is a walk over the CLI11 tree: a section per command with its options, then what the footer of
// its --help says. penstock.yaml(5) is a walk over the key table, as the reference page is. The completions
// are the same walk over the tree, written as a `case` of the shell's language.
//
// For example, `verify --topic NAME`:
// 1. command_manual() writes the item "--topic NAME" with the option's description.
// 2. bash_completion() puts "--topic" into the words behind "verify".
// 3. --config FILE is completed with files, as its type is FILE.
#include "app/manual.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include <penstock/penstock.h>

#include "app/roff.h"
#include "base/concat.h"
#include "config/keys.h"

namespace penstock::app {
namespace {

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands({});
}

// "-c, --config FILE"
std::string option_term(const CLI::Option& option) {
  std::string term;
  for (const std::string& name : option.get_snames()) {
    term += concat(term.empty() ? "" : ", ", "-", name);
  }
  for (const std::string& name : option.get_lnames()) {
    term += concat(term.empty() ? "" : ", ", "--", name);
  }
  if (option.get_lnames().empty() && option.get_snames().empty()) {
    return option.get_name();
  }
  const bool takes_value = option.get_items_expected_max() > 0;
  return takes_value ? concat(term, " ", option.get_type_name()) : term;
}

bool takes_file(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  return type == "FILE" || type == "DIR";
}

void write_options(RoffPage& page, const CLI::App& command) {
  for (const CLI::Option* option : command.get_options()) {
    page.item(option_term(*option),
              concat(option->get_description(), option->get_required() ? " Required." : ""));
  }
}

// "penstock verify --config FILE [options]"
std::string usage_of(const CLI::App& command) {
  std::string usage = concat("penstock ", command.get_name());
  bool has_more = false;
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_required()) {
      const bool is_positional = option->get_lnames().empty();
      usage += is_positional ? concat(" ", option->get_name())
                             : concat(" --", option->get_lnames().front(), " ", option->get_type_name());
    } else {
      has_more = true;
    }
  }
  return usage + (has_more ? " [options]" : "");
}

// The names of options of a command: "--config --json --help".
std::string option_words(const CLI::App& command) {
  std::string words;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      words += concat(words.empty() ? "" : " ", "--", name);
    }
  }
  return words;
}

std::string command_words(const CLI::App& app) {
  std::string words;
  for (const CLI::App* command : commands_of(app)) {
    words += concat(words.empty() ? "" : " ", command->get_name());
  }
  return words;
}

// For the shells' single quotes.
std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return out + "'";
}

// A description within zsh's '--option[...]'.
std::string zsh_words(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
  return out;
}

}  // namespace

std::string command_manual(const CLI::App& app) {
  RoffPage page("PENSTOCK", "1", concat("penstock ", version()), "penstock");
  page.section("NAME");
  page.paragraph("penstock - lands Kafka and Event Hubs topics as files in Azure Blob Storage");
  page.section("SYNOPSIS");
  for (const CLI::App* command : commands_of(app)) {
    page.paragraph(concat("`", usage_of(*command), "`"));
  }
  page.section("DESCRIPTION");
  page.paragraph(app.get_description());
  page.paragraph("The configuration is one YAML file, which `penstock.yaml`(5) describes.");
  page.section("COMMANDS");
  for (const CLI::App* command : commands_of(app)) {
    page.subsection(usage_of(*command));
    page.paragraph(command->get_description());
    write_options(page, *command);
    // The exit codes have a section of their own.
    const std::string footer = command->get_footer();
    const std::string more = footer.substr(0, footer.find("Exit codes:"));
    if (more.find_first_not_of('\n') != std::string::npos) {
      page.verbatim(more.substr(0, more.find_last_not_of('\n') + 1));
    }
  }
  page.section("EXIT STATUS");
  const std::string footer = app.get_footer();
  const std::size_t codes = footer.find("Exit codes:\n");
  if (codes != std::string::npos) {
    page.verbatim(footer.substr(codes + std::string_view("Exit codes:\n").size()));
  }
  page.section("SEE ALSO");
  page.paragraph("`penstock.yaml`(5), `systemd.exec`(5) on LoadCredential=");
  return page.text();
}

std::string configuration_manual() {
  RoffPage page("PENSTOCK.YAML", "5", concat("penstock ", version()), "penstock");
  page.section("NAME");
  page.paragraph("penstock.yaml - the configuration of penstock");
  page.section("DESCRIPTION");
  page.paragraph(
      "One YAML file is one deployment. Unknown keys, wrong types and impossible combinations are errors, "
      "all "
      "reported at once. Any value may hold `${NAME}` or `${NAME:-default}` (environment), `${file:/path}` "
      "(a "
      "file's text without the line end at its end) and `${credential:name}` (systemd's LoadCredential=). "
      "`$${` "
      "is a literal `${`. Sizes are a whole number and B, KiB, MiB, GiB or TiB. Durations are a whole number "
      "and "
      "ms, s, m, h or d.");
  page.section("KEYS");
  for (const config::Key& key : config::all_keys()) {
    page.subsection(key.path);
    page.paragraph(key.help);
    page.paragraph(concat("Allowed: ", config::allowed_values(key), "."));
    if (!key.fallback.empty()) {
      page.paragraph(concat("Default: `", key.fallback, "`."));
    } else if (!key.fallback_note.empty()) {
      page.paragraph(concat("Default: ", key.fallback_note, "."));
    }
  }
  page.section("SEE ALSO");
  page.paragraph("`penstock`(1)");
  return page.text();
}

std::string bash_completion(const CLI::App& app) {
  std::string script = concat(
      "# Completion of penstock for bash.\n"
      "_penstock() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words=''\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    words='",
      command_words(app),
      " help --help --version'\n"
      "  else\n"
      "    case ${COMP_WORDS[1]} in\n");
  std::string files;
  for (const CLI::App* command : commands_of(app)) {
    script += concat("      ", command->get_name(), ") words='", option_words(*command), "' ;;\n");
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        const std::string pattern = concat("--", name);
        if (takes_file(*option) && files.find(concat("|", pattern, "|")) == std::string::npos) {
          files += concat(files.empty() ? "|" : "", pattern, "|");
        }
      }
    }
  }
  script += concat("      help) words='", command_words(app), "' ;;\n    esac\n  fi\n");
  script += concat("  case $before in\n    -c", files.empty() ? "|" : files.substr(0, files.size() - 1),
                   ") mapfile -t COMPREPLY < <(compgen -f -- \"$word\"); return ;;\n  esac\n");
  script +=
      "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
      "}\n"
      "complete -o filenames -F _penstock penstock\n";
  return script;
}

std::string zsh_completion(const CLI::App& app) {
  std::string script =
      "#compdef penstock\n"
      "local -a commands\n"
      "commands=(\n";
  for (const CLI::App* command : commands_of(app)) {
    script += concat(
        "  ", shell_quoted(concat(command->get_name(), ":", zsh_words(command->get_description()))), "\n");
  }
  script +=
      ")\n"
      "if (( CURRENT == 2 )); then\n"
      "  _describe command commands\n"
      "  return\n"
      "fi\n"
      "case $words[2] in\n";
  for (const CLI::App* command : commands_of(app)) {
    script += concat("  ", command->get_name(), ") _arguments");
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        const std::string value = option->get_items_expected_max() == 0 ? ""
                                  : takes_file(*option)                 ? ":file:_files"
                                                                        : ":value:";
        script += concat(
            " ", shell_quoted(concat("--", name, "[", zsh_words(option->get_description()), "]", value)));
      }
    }
    script += " ;;\n";
  }
  return script + "esac\n";
}

std::string fish_completion(const CLI::App& app) {
  std::string script = "# Completion of penstock for fish.\ncomplete -c penstock -f\n";
  for (const CLI::App* command : commands_of(app)) {
    script += concat("complete -c penstock -n __fish_use_subcommand -a ", command->get_name(), " -d ",
                     shell_quoted(command->get_description()), "\n");
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        const std::string value = option->get_items_expected_max() == 0 ? ""
                                  : takes_file(*option)                 ? " -r -F"
                                                                        : " -x";
        script += concat("complete -c penstock -n '__fish_seen_subcommand_from ", command->get_name(),
                         "' -l ", name, value, " -d ", shell_quoted(option->get_description()), "\n");
      }
    }
  }
  return script;
}

}  // namespace penstock::app
