// How it works. Each broker has a chain of its own, walked from its first link on. For example,
// source.brokers names a:9092, which nobody listens at, and b:9092:
//
// 1. a: "kafka dns" is ok, "kafka tcp" fails. The chain of a ends.
// 2. b: every link is ok.
// 3. As b lets us in, what a lacks is a warning, and its links behind are left out. Had b failed as well,
//    both would be faults, and the links that neither has reached would be rows "not tried".
//
// Three sockets are made for each broker: one for TCP and TLS (reach.h), and one by kafka/broker_trial.h,
// which is the very connection that the service makes.
#include "appliance/check_kafka_chain.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <penstock/result.h>

#include "appliance/check_chain.h"
#include "appliance/reach.h"
#include "appliance/wiring_source.h"
#include "base/clock.h"
#include "base/concat.h"
#include "crypto/tls_context.h"
#include "io/loop.h"
#include "kafka/broker_access.h"
#include "kafka/broker_trial.h"

namespace penstock::appliance {
namespace {

constexpr Duration k_link_wait = std::chrono::seconds(5);
constexpr Duration k_broker_login_wait = std::chrono::seconds(10);

constexpr std::size_t k_advertised_max = 16;

constexpr const char* k_where = ": see source.brokers";

class BrokerWalk {
 public:
  BrokerWalk(const config::Settings& settings, io::Loop& loop)
      : options_(kafka_options(settings, 0)),
        is_direct_(fetch_choice(settings).direct),
        library_only_(kafka::why_not_direct(options_)),
        loop_(loop) {}

  CheckChain walk(const std::string& broker) {
    CheckChain chain = reach(broker);
    if (chain.holds() && library_only_.empty()) {
      try_login(chain, *parse_host_port(broker));
    }
    return chain;
  }

  // As far as TLS.
  CheckChain reach(const std::string& broker) {
    CheckChain chain({"kafka dns", "kafka tcp", "kafka tls", "kafka versions", "kafka login"});
    const Result<HostPort> at = parse_host_port(broker);
    if (!at.ok()) {
      chain.fault("kafka dns", concat("source.brokers: ", at.error().message));
      return chain;
    }
    const io::Addresses addresses = look_up(*at, k_link_wait, loop_);
    if (!addresses.ok()) {
      chain.fault("kafka dns", concat(addresses.error().message, k_where));
      return chain;
    }
    chain.ok("kafka dns", concat(at->host, " is ", told(*addresses)));
    Result<Reached> reached = connect_to(*at, *addresses, k_link_wait);
    if (!reached.ok()) {
      chain.fault("kafka tcp", concat(reached.error().message, k_where));
      return chain;
    }
    chain.ok("kafka tcp", reached->told);
    if (!library_only_.empty()) {
      chain.ok("kafka tls", concat("left to librdkafka: ", library_only_));
      return chain;
    }
    try_tls(chain, std::move(reached).value(), *at);
    return chain;
  }

 private:
  void try_tls(CheckChain& chain, Reached reached, const HostPort& at) {
    if (!source::wants_tls(options_)) {
      chain.ok("kafka tls", concat(at.text(), ": source.tls.enabled is false, nothing is encrypted"));
      return;
    }
    auto context = crypto::TlsContext::make({.ca = options_.tls_ca, .section = "source"});
    if (!context.ok()) {
      chain.fault("kafka tls", concat("source.tls.ca: ", context.error().message));
      return;
    }
    const Result<crypto::TlsFacts> facts =
        shake_hands(std::move(reached), std::move(context).value(), at, k_link_wait);
    if (facts.ok()) {
      chain.ok("kafka tls", concat(at.text(), ": ", told(*facts)));
    } else {
      chain.fault("kafka tls", facts.error().message);
    }
  }

  void try_login(CheckChain& chain, const HostPort& at) {
    const kafka::BrokerTrial trial =
        kafka::try_broker(options_, at.host, at.port, k_broker_login_wait, loop_, system_clock());
    if (trial.versions.ok()) {
      chain.ok("kafka versions", concat(at.text(), ": ", *trial.versions));
    } else if (is_direct_ || !trial.login.ok()) {
      chain.fault("kafka versions", trial.versions.error().message);
      return;
    } else {
      chain.warning("kafka versions",
                    concat(trial.versions.error().message, ". source.fetch leaves it to librdkafka"));
    }
    if (trial.login.ok()) {
      chain.ok("kafka login", concat(at.text(), ": ", *trial.login));
    } else {
      chain.fault("kafka login", trial.login.error().message);
    }
  }

  const source::ConsumerOptions options_;
  const bool is_direct_;
  // Why our connections are not those that the service makes. Empty: they are.
  const std::string library_only_;
  io::Loop& loop_;
};

// Of the brokers beside one that lets us in: what they lack, without the links behind.
void add_as_warnings(const CheckChain& chain, std::vector<CheckRow>& rows) {
  for (CheckRow& row : chain.rows()) {
    if (row.severity != CheckSeverity::not_tried) {
      row.severity = row.severity == CheckSeverity::fault ? CheckSeverity::warning : row.severity;
      rows.push_back(std::move(row));
    }
  }
}

}  // namespace

BrokerWay walk_to_brokers(const config::Settings& settings) {
  const auto loop = io::make_loop(io::LoopOptions{.choice = io::Choice::portable}, system_clock());
  const auto brokers = kafka::broker_addresses(kafka_options(settings, 0));
  if (!loop.ok() || !brokers.ok()) {
    return {.rows = {{.name = "kafka dns",
                      .severity = CheckSeverity::fault,
                      .text = (loop.ok() ? brokers.error() : loop.error()).message}}};
  }
  BrokerWalk walk(settings, **loop);
  std::vector<CheckChain> chains;
  for (const std::string& broker : *brokers) {
    chains.push_back(walk.walk(broker));
  }
  BrokerWay way;
  way.is_open = std::ranges::any_of(chains, &CheckChain::holds);
  for (const CheckChain& chain : chains) {
    if (way.is_open) {
      add_as_warnings(chain, way.rows);
    } else {
      std::ranges::move(chain.rows(), std::back_inserter(way.rows));
    }
  }
  return way;
}

std::vector<CheckRow> reach_advertised(const config::Settings& settings,
                                       const std::vector<std::string>& advertised) {
  const auto loop = io::make_loop(io::LoopOptions{.choice = io::Choice::portable}, system_clock());
  const auto named = kafka::broker_addresses(kafka_options(settings, 0));
  if (!loop.ok() || !named.ok()) {
    return {};
  }
  BrokerWalk walk(settings, **loop);
  std::vector<CheckRow> rows;
  std::size_t tried = 0;
  for (const std::string& broker : advertised) {
    if (std::ranges::find(*named, broker) != named->end() || tried == k_advertised_max) {
      continue;
    }
    ++tried;
    for (const CheckRow& row : walk.reach(broker).rows()) {
      if (row.severity == CheckSeverity::fault) {
        rows.push_back(
            {.name = "kafka advertised",
             .severity = CheckSeverity::warning,
             .text = concat("the cluster names a broker ", broker, ", and what that leads cannot be ",
                            "read from here (advertised.listeners): ", row.text)});
      }
    }
  }
  if (tried > 0 && rows.empty()) {
    rows.push_back({.name = "kafka advertised",
                    .severity = CheckSeverity::ok,
                    .text = concat(tried, tried == 1 ? " more broker" : " more brokers", " can be reached")});
  }
  return rows;
}

}  // namespace penstock::appliance
