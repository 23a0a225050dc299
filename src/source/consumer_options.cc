#include "source/consumer_options.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/concat.h"

namespace penstock::source {
namespace {

// The value of `key` in "a=b;c=d"; a key's case does not matter to the service.
std::optional<std::string_view> connection_field(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(';'), text.size());
    const std::string_view field = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto same = [](char a, char b) { return (a | 0x20) == (b | 0x20); };
    if (field.size() > key.size() && field[key.size()] == '=' &&
        std::equal(key.begin(), key.end(), field.begin(), same)) {
      return field.substr(key.size() + 1);
    }
  }
  return std::nullopt;
}

bool is_emulator(const ConsumerOptions& options) {
  return connection_field(options.auth.connection_string, "UseDevelopmentEmulator") == "true";
}

bool names_event_hubs(const ConsumerOptions& options) {
  return std::any_of(options.brokers.begin(), options.brokers.end(), [](const std::string& broker) {
    return broker.find(".servicebus.") != std::string::npos;
  });
}

}  // namespace

bool wants_tls(const ConsumerOptions& options) {
  if (options.tls != Tls::automatic) {
    return options.tls == Tls::enabled;
  }
  return (options.auth.type == AuthType::event_hubs && !is_emulator(options)) || names_event_hubs(options);
}

Result<std::string> event_hubs_broker(std::string_view connection_string) {
  const auto endpoint = connection_field(connection_string, "Endpoint");
  constexpr std::string_view k_scheme = "sb://";
  if (!endpoint || !endpoint->starts_with(k_scheme) ||
      !(connection_field(connection_string, "SharedAccessKey") ||
        connection_field(connection_string, "SharedAccessSignature"))) {
    return invalid_input(
        "source.auth: this is no Event Hubs connection string; it has the form "
        "Endpoint=sb://<namespace>.servicebus.windows.net/;SharedAccessKeyName=<name>;SharedAccessKey=<key>");
  }
  std::string_view host = endpoint->substr(k_scheme.size());
  host = host.substr(0, host.find_first_of("/:"));
  if (host.empty()) {
    return invalid_input("source.auth: the connection string's Endpoint names no host");
  }
  const bool emulator = connection_field(connection_string, "UseDevelopmentEmulator") == "true";
  return concat(host, emulator ? ":9092" : ":9093");
}

bool is_topic_pattern(const ConsumerOptions& options) {
  return options.topics.size() == 1 && options.topics[0].starts_with('^');
}

}  // namespace penstock::source
