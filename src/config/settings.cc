#include "config/settings.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "base/concat.h"

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
