#include "source/consumer_options.h"

#include <algorithm>
#include <utility>

#include "base/concat.h"
#include "base/connection_parts.h"
#include "base/letter_case.h"

namespace penstock::source {
namespace {

using Parts = std::vector<ConnectionPart>;

// Empty if the text cannot be taken apart.
Parts parts_of(std::string_view connection_string) {
  Result<Parts> parts = connection_parts(connection_string);
  return parts.ok() ? std::move(parts).value() : Parts{};
}

bool is_emulator(const Parts& parts) {
  return same_word(value_of_part(parts, "UseDevelopmentEmulator"), "true");
}

bool has_scheme(std::string_view endpoint, std::string_view scheme) {
  return endpoint.size() >= scheme.size() && same_word(endpoint.substr(0, scheme.size()), scheme);
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
  const bool by_string = options.auth.type == AuthType::event_hubs;
  return (by_string && !is_emulator(parts_of(options.auth.connection_string))) || names_event_hubs(options);
}

Result<std::string> event_hubs_broker(std::string_view connection_string) {
  const Parts parts = parts_of(connection_string);
  const std::string endpoint = value_of_part(parts, "Endpoint");
  constexpr std::string_view k_scheme = "sb://";
  const bool by_key = !value_of_part(parts, "SharedAccessKeyName").empty() &&
                      !value_of_part(parts, "SharedAccessKey").empty();
  const bool by_signature = !value_of_part(parts, "SharedAccessSignature").empty();
  if (!has_scheme(endpoint, k_scheme) || !(by_key || by_signature)) {
    return invalid_input(
        "is not a connection string of Event Hubs; write all of "
        "Endpoint=sb://<namespace>.servicebus.windows.net/;SharedAccessKeyName=<name>;SharedAccessKey=<key>");
  }
  std::string_view host = std::string_view(endpoint).substr(k_scheme.size());
  host = host.substr(0, host.find_first_of("/:"));
  if (host.empty()) {
    return invalid_input("names no host in its Endpoint; copy the whole connection string again");
  }
  return concat(host, is_emulator(parts) ? ":9092" : ":9093");
}

std::string event_hubs_entity(std::string_view connection_string) {
  return value_of_part(parts_of(connection_string), "EntityPath");
}

std::string event_hubs_password(std::string_view connection_string) {
  return joined(parts_of(connection_string));
}

bool is_topic_pattern(const ConsumerOptions& options) {
  return options.topics.size() == 1 && options.topics[0].starts_with('^');
}

Auth with_newest_secret(Auth auth) {
  if (auth.secret_now) {
    (auth.type == AuthType::event_hubs ? auth.connection_string : auth.password) = auth.secret_now();
  }
  return auth;
}

}  // namespace penstock::source
