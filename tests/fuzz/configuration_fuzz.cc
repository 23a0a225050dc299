// A configuration file. Its environment is made up here: two variables and a file hold secrets, and nothing
// else is there. Every fault is a line that names file and place and shows no secret; what is taken keeps to
// the limits of its keys.
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/concat.h"
#include "config/document.h"
#include "config/environment.h"
#include "config/keys.h"
#include "config/load.h"
#include "config/memory_plan.h"
#include "config/names.h"

namespace penstock::config {
namespace {

constexpr std::string_view k_file = "f.yaml";
constexpr std::string_view k_secret = "aHVudGVyMgIs0ursxyz1";  // of 20 characters, so that it is base64

Environment environment() {
  return Environment{
      .variable = [](const std::string& name) -> std::optional<std::string> {
        if (name == "SECRET") {
          return std::string(k_secret);
        }
        return name == "TOPICS" ? std::optional<std::string>("a, b,c") : std::nullopt;
      },
      .read_file = [](const std::string& path) -> Result<std::string> {
        if (path == "/secret") {
          return concat("Endpoint=sb://x.example/;SharedAccessKeyName=r;SharedAccessKey=", k_secret, "\n");
        }
        return make_error(ErrorKind::not_found, Action::give_up, concat("reading ", path, ": there is none"));
      }};
}

int line_count(std::string_view text) {
  return 1 + static_cast<int>(std::count(text.begin(), text.end(), '\n') +
                              std::count(text.begin(), text.end(), '\r'));
}

// "f.yaml:12: what it is", a line each, in the order of the file.
void check_message(std::string_view message, std::string_view text) {
  CHECK(!message.empty());
  CHECK((message.find(k_secret) == std::string_view::npos || text.find(k_secret) != std::string_view::npos));
  int line_before = 1;
  while (!message.empty()) {
    std::string_view line = message.substr(0, message.find('\n'));
    message.remove_prefix(std::min(message.size(), line.size() + 1));
    CHECK(line.starts_with(concat(k_file, ":")));
    line.remove_prefix(k_file.size() + 1);
    int number = 0;
    const auto [end, problem] = std::from_chars(line.data(), line.data() + line.size(), number);
    CHECK((problem == std::errc{}));
    CHECK(number >= line_before);
    CHECK(number <= line_count(text));
    line.remove_prefix(static_cast<std::size_t>(end - line.data()));
    CHECK(line.starts_with(": "));
    CHECK(line.size() > 10U);
    CHECK(std::none_of(line.begin(), line.end(), [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; }));
    line_before = number;
  }
}

void check_limits(std::string_view path, std::uint64_t value) {
  const Key* key = find_key(path);
  CHECK(key != nullptr);
  CHECK(value >= key->limits.min);
  CHECK(value <= key->limits.max);
}

void check_batch(const BatchSettings& batch, std::uint64_t block_bytes) {
  check_limits("batch.max_age", static_cast<std::uint64_t>(batch.max_age.count()));
  check_limits("batch.max_bytes", batch.max_bytes);
  CHECK(batch.max_bytes <= 50'000U * block_bytes);
  CHECK(!batch.path.empty());
  CHECK(!batch.path.starts_with('/'));
  CHECK((batch.group_by == GroupBy::partition || batch.path.find("{partition}") == std::string::npos));
}

// A NUL would end what the kernel or librdkafka takes for the text.
void check_text(const std::string& text) {
  CHECK(text.find('\0') == std::string::npos);
}

void check_source(const SourceSettings& source) {
  CHECK(!source.brokers.empty());
  for (const std::string& broker : source.brokers) {
    CHECK(broker.find(':') != std::string::npos);
    check_text(broker);
  }
  CHECK(source.topics.empty() != source.topics_regex.empty());
  CHECK(check_topics(source.topics).empty());
  CHECK((source.topics_regex.empty() || source.topics_regex.front() == '^'));
  CHECK(check_group(source.group).empty());
  for (const std::string* text :
       {&source.topics_regex, &source.instance, &source.auth.username, &source.auth.token_file,
        &source.tls.ca, &source.auth.password.reveal(), &source.auth.value.reveal()}) {
    check_text(*text);
  }
  for (const auto& [property, value] : source.librdkafka) {
    check_text(property);
    check_text(value.reveal());
  }
  check_limits("source.fence_wait", static_cast<std::uint64_t>(source.fence_wait.count()));
  check_limits("source.max_batch_bytes", source.max_batch_bytes);
  (void)uses_tls(source);
}

void check_sink(const SinkSettings& sink) {
  CHECK(!sink.url.empty());
  CHECK((sink.kind == SinkKind::directory) == !sink.directory.empty());
  CHECK((sink.directory.empty() || sink.directory.front() == '/'));
  CHECK((sink.kind == SinkKind::azure) == (sink.auth.type != SinkAuthType::none));
  check_text(sink.url);
  check_text(sink.auth.account);
  check_text(sink.auth.key.reveal());
  check_text(sink.auth.value.reveal());
  check_text(sink.auth.token.reveal());
  check_limits("sink.block_bytes", sink.block_bytes);
  check_limits("sink.connections", sink.connections);
}

void check_settings(const Settings& settings, std::string_view text) {
  CHECK(check_name(settings.name).empty());
  check_source(settings.source);
  check_sink(settings.sink);
  check_batch(settings.batch, settings.sink.block_bytes);
  Duration shortest = settings.batch.max_age;
  for (const Override& entry : settings.overrides) {
    check_batch(entry.batch, settings.sink.block_bytes);
    shortest = std::min(shortest, entry.batch.max_age);
  }
  (void)settings.batch_for("orders");
  CHECK((fetch_wait(settings) <= shortest));
  CHECK(settings.stage.dir.starts_with('/'));
  check_text(settings.stage.dir);
  check_limits("stage.max_bytes", settings.stage.max_bytes);
  check_limits("runtime.memory", settings.runtime.memory);
  const std::uint32_t workers = settings.runtime.workers.value_or(1);
  check_limits("runtime.workers", workers);
  CHECK(workers <= workers_that_fit(settings.runtime.memory, settings.sink.block_bytes,
                                    settings.sink.connections, settings.source.topics.size()));
  CHECK(settings.stage.max_bytes >= stage_bytes_min(workers, settings.sink.block_bytes));
  CHECK(
      !(settings.guarantee == ledger::Guarantee::exactly_once && settings.source.fetch == Fetch::librdkafka));
  for (const auto& [path, line] : settings.lines) {
    CHECK(line >= 1);
    CHECK(line <= line_count(text));
    CHECK(line_of(settings, path) == line);
  }
}

void check_lines(const Node& node, int line_max) {
  CHECK(node.line >= 1);
  CHECK(node.line <= line_max);
  CHECK((node.items.empty() || node.kind == NodeKind::list || node.kind == NodeKind::map));
  for (const Node& item : node.items) {
    check_lines(item, line_max);
  }
}

// Whatever holds no expression, or only escaped ones, stands for itself.
void check_escapes(std::string_view text) {
  std::string escaped(text);
  for (std::size_t at = escaped.find("${"); at != std::string::npos; at = escaped.find("${", at + 3)) {
    escaped.insert(at, 1, '$');
  }
  const auto expanded = expand(escaped, environment());
  CHECK(expanded.ok());
  CHECK(*expanded == text);
}

void run(std::string_view input) {
  const std::string text(input);
  const std::string file(k_file);
  check_escapes(text);
  if (const auto document = parse_document(text, file); document.ok()) {
    check_lines(*document, line_count(text));
  }
  const auto settings = load_text(text, file, environment());
  if (settings.ok()) {
    check_settings(*settings, text);
  } else {
    CHECK((settings.error().kind == ErrorKind::invalid_input));
    CHECK((settings.error().action == Action::fatal));
    check_message(settings.error().message, text);
  }
}

}  // namespace
}  // namespace penstock::config

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::config::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
