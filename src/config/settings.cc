#include "config/settings.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "base/concat.h"
#include "config/memory_plan.h"

namespace penstock::config {
namespace {

bool is_event_hubs(std::string_view broker) {
  constexpr std::string_view k_domains[] = {
      ".servicebus.windows.net:", ".servicebus.usgovcloudapi.net:", ".servicebus.chinacloudapi.cn:"};
  return std::any_of(std::begin(k_domains), std::end(k_domains),
                     [&](std::string_view domain) { return broker.find(domain) != std::string_view::npos; });
}

// "batch.path" for "batch.path.x", "overrides" for "overrides[0]"; empty at the top.
std::string_view enclosing(std::string_view path) {
  const std::size_t cut = path.find_last_of(".[");
  return cut == std::string_view::npos ? std::string_view{} : path.substr(0, cut);
}

template <class Has>
bool any_batch(const Settings& settings, const Has& has) {
  return has(settings.batch) || std::any_of(settings.overrides.begin(), settings.overrides.end(),
                                            [&has](const Override& entry) { return has(entry.batch); });
}

}  // namespace

const BatchSettings& Settings::batch_for(const std::string& topic) const {
  for (const Override& entry : overrides) {
    if (entry.match.matches(topic)) {
      return entry.batch;
    }
  }
  return batch;
}

bool has_event_hubs(const SourceSettings& source) {
  return std::any_of(source.brokers.begin(), source.brokers.end(), [&](const std::string& broker) {
    return is_event_hubs(broker) ||
           (source.auth.type == source::AuthType::event_hubs && broker.ends_with(":9093"));
  });
}

bool uses_registry(const Settings& settings) {
  return any_batch(settings, [](const BatchSettings& batch) { return batch.decodes_by_id(); });
}

std::string registry_url(const Settings& settings) {
  if (!settings.registry.url.empty() || !names_event_hubs(settings.source)) {
    return settings.registry.url;
  }
  const std::string& broker = settings.source.brokers.front();
  return concat("https://", broker.substr(0, broker.rfind(':')));
}

IdentitySettings registry_identity(const Settings& settings) {
  if (settings.source.auth.type == source::AuthType::entra) {
    IdentitySettings identity = settings.source.auth.identity;
    identity.token_file = settings.source.auth.token_file;
    return identity;
  }
  return settings.sink.auth.type == SinkAuthType::entra ? settings.sink.auth.identity : IdentitySettings{};
}

bool writes_parquet(const Settings& settings) {
  return any_batch(settings, [](const BatchSettings& batch) { return batch.format == Format::parquet; });
}

bool writes_tables(const Settings& settings) {
  return any_batch(settings, [](const BatchSettings& batch) {
    return batch.format == Format::parquet && batch.decode != Decode::none;
  });
}

EncoderMemory encoder_memory(const Settings& settings) {
  EncoderMemory memory = writes_tables(settings)    ? k_parquet_tables_memory
                         : writes_parquet(settings) ? k_parquet_memory
                                                    : EncoderMemory{};
  memory.has_registry = uses_registry(settings);
  memory.bytes += memory.has_registry ? k_registry_bytes : 0;
  return memory;
}

std::string namespace_of(const SourceSettings& source) {
  const std::string broker = source.brokers.empty() ? std::string() : source.brokers.front();
  std::string host = broker.substr(0, broker.rfind(':'));
  std::erase_if(host, [](char c) { return c == '[' || c == ']'; });
  const bool is_v6 = host.find(':') != std::string::npos;
  const bool is_v4 = host.find_first_not_of("0123456789.") == std::string::npos;
  if (!is_v6 && !is_v4) {
    return host.substr(0, host.find('.'));
  }
  std::replace(host.begin(), host.end(), ':', '-');
  return host;
}

bool names_event_hubs(const SourceSettings& source) {
  return !source.brokers.empty() && is_event_hubs(source.brokers.front());
}

bool uses_tls(const SourceSettings& source) {
  return source.tls.enabled.value_or(source.auth.type == source::AuthType::entra || has_event_hubs(source));
}

Duration fetch_wait(const Settings& settings) {
  if (settings.source.fetch_wait) {
    return *settings.source.fetch_wait;
  }
  Duration shortest = settings.batch.max_age;
  for (const Override& entry : settings.overrides) {
    shortest = std::min(shortest, entry.batch.max_age);
  }
  return std::min<Duration>(shortest / 100, std::chrono::milliseconds(500));
}

int line_of(const Settings& settings, std::string_view path) {
  for (std::string_view known = path; !known.empty(); known = enclosing(known)) {
    const auto found = settings.lines.find(std::string(known));
    if (found != settings.lines.end()) {
      return found->second;
    }
  }
  return 1;
}

std::string at(const Settings& settings, std::string_view path) {
  return concat(settings.file, ":", line_of(settings, path), ": ", path);
}

}  // namespace penstock::config
