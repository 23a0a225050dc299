// `penstock new`: what config/new_topic.h makes of an existing configuration, as a new file.
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/exit_code.h"
#include "base/concat.h"
#include "base/os_error.h"
#include "base/unique_fd.h"
#include "config/address_of.h"
#include "config/environment.h"
#include "config/new_topic.h"
#include "obs/log.h"

namespace penstock::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* k_instances = "/etc/penstock";
constexpr const char* k_drop_ins = "/etc/systemd/system";

// The ports of the configurations that lie where the new one will.
std::set<std::uint16_t> ports_in(const fs::path& directory) {
  std::set<std::uint16_t> ports;
  std::error_code unreadable;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, unreadable)) {
    if (entry.path().extension() != ".yaml") {
      continue;
    }
    if (const Result<config::AdminSettings> address = config::admin_address_in(entry.path()); address.ok()) {
      ports.insert(address->port);
    }
  }
  return ports;
}

// Never over a file that is there.
Result<void> write_new(const fs::path& path, const std::string& text) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file.valid()) {
    return os_error(errno, concat("making ", path.string()));
  }
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t count = ::write(file.get(), text.data() + written, text.size() - written);
    if (count < 0 && errno != EINTR) {
      const int fault = errno;
      ::unlink(path.c_str());
      return os_error(fault, concat("writing ", path.string()));
    }
    written += count > 0 ? static_cast<std::size_t>(count) : 0;
  }
  return {};
}

// penstock@api-gateway.service.d, where the former instance's credentials may be.
fs::path drop_ins_of(const std::string& name) {
  return fs::path(k_drop_ins) / concat("penstock@", name, ".service.d");
}

// The new instance gets the credentials of the former one. Says what it did.
void copy_drop_ins(const std::string& former, const std::string& name, bool dry_run) {
  const fs::path from = drop_ins_of(former);
  const fs::path to = drop_ins_of(name);
  std::error_code fault;
  if (!fs::is_directory(from, fault) || fs::exists(to, fault)) {
    return;
  }
  if (!dry_run) {
    fs::copy(from, to, fs::copy_options::recursive, fault);
  }
  if (fault) {
    std::printf("not copied: %s (%s)\n", from.c_str(), fault.message().c_str());
  } else {
    std::printf("%s %s, with the same credentials, to %s\n", dry_run ? "would copy" : "copied", from.c_str(),
                to.c_str());
  }
}

void print_changes(const config::NewConfiguration& made) {
  for (const config::ChangedLine& change : made.changes) {
    if (!change.before.empty()) {
      std::printf("%4d - %s\n", change.line, change.before.c_str());
    }
    std::printf("%4d + %s\n", change.line, change.after.c_str());
  }
  for (const std::string& note : made.notes) {
    std::printf("note: %s\n", note.c_str());
  }
}

int fail(const Error& error) {
  obs::say_lines(obs::Level::error, error.message);
  return k_wrong_usage;
}

}  // namespace

int run_new(const NewCommand& command) {
  const config::Environment environment = config::process_environment();
  const Result<std::string> text = environment.read_file(command.from);
  if (!text.ok()) {
    return fail(text.error());
  }
  const std::string name = command.name.empty() ? command.topic : command.name;
  const fs::path beside = fs::path(command.from).parent_path() / concat(name, ".yaml");
  const fs::path out = command.out.empty() ? beside : fs::path(command.out);
  const fs::path directory = out.parent_path().empty() ? fs::path(".") : out.parent_path();
  const bool is_instance = fs::absolute(directory) == fs::path(k_instances);
  const Result<config::NewConfiguration> made = config::configuration_for(
      {.topic = command.topic,
       .name = name,
       .brokers = command.brokers,
       .sink_url = command.sink,
       .ports_taken = ports_in(directory),
       .is_from_example = is_instance && fs::absolute(fs::path(command.from)).parent_path() != k_instances},
      *text, command.from);
  if (!made.ok()) {
    return fail(made.error());
  }
  if (std::error_code unknown; fs::exists(out, unknown)) {
    return fail(invalid_input(
        concat(out.string(), " is there already: nothing is overwritten; write --out or --name")));
  }
  if (!command.dry_run) {
    if (const Result<void> written = write_new(out, made->text); !written.ok()) {
      return fail(written.error());
    }
  }
  std::printf("%s %s, a copy of %s with these lines changed:\n", command.dry_run ? "would write" : "wrote",
              out.c_str(), command.from.c_str());
  print_changes(*made);
  if (is_instance) {
    copy_drop_ins(made->former_name, name, command.dry_run);
  }
  std::printf("next: penstock check --config %s\n", out.c_str());
  if (is_instance) {
    std::printf("then: systemctl enable --now penstock@%s\n", out.stem().c_str());
  }
  return k_done;
}

}  // namespace penstock::app
