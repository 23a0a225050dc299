// The way to the brokers, link by link: name, TCP, TLS, versions, login.
#pragma once

#include <string>
#include <vector>

#include "appliance/check.h"
#include "config/settings.h"

namespace penstock::appliance {

struct BrokerWay {
  // "kafka dns", "kafka tcp", "kafka tls", "kafka versions" and "kafka login", for each broker that
  // source.brokers names, up to the first that fails. A broker that fails is a warning where another one
  // lets us in, and a fault otherwise.
  std::vector<CheckRow> rows;
  // One lets us in.
  bool is_open = false;
};

// Over our own connections, with the options that the service has. Where source.librdkafka sets what only
// the library's connections follow, the way ends behind TCP, and is open. Blocks for half a minute a
// broker at most.
BrokerWay walk_to_brokers(const config::Settings& settings);

// "kafka advertised": name, TCP and TLS of the brokers that the cluster names itself by, but for those
// that source.brokers names. All can be reached: one row, or none where there is none of them. Otherwise
// a warning for each that cannot: what it leads is not read. The first sixteen are tried.
std::vector<CheckRow> reach_advertised(const config::Settings& settings,
                                       const std::vector<std::string>& advertised);

}  // namespace penstock::appliance
