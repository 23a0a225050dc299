// How it works. There is one connection, made for the first question and kept. It goes to brokers_[next_ %
// size]. An example with two brokers, the first of which is down:
//
//   1. ask_leaders() makes the connection to the first broker and puts its request there. find_coordinator()
//      adds another.
//   2. The connection fails, and tells both requests. The first of them turns to the second broker: next_ is
//      1, and the connection goes. The second finds that it has gone already, and does not turn again.
//   3. Both callers hear the error. When one of them asks again, the connection to the second broker is made.
//
// Nothing ever turns back to the first broker but a failure of the second.
#include "wire/cluster_client.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/concat.h"
#include "wire/broker_errors.h"
#include "wire/find_coordinator.h"
#include "wire/metadata.h"

namespace penstock::wire {
namespace {

constexpr Duration k_answer_timeout = std::chrono::seconds(20);

// "broker:9092", "[::1]:9092"; nullopt for anything else.
std::optional<BrokerAddress> parse_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    return std::nullopt;
  }
  BrokerAddress address{.id = BrokerId{-1}, .host = std::string(text.substr(0, colon)), .port = 0};
  if (address.host.size() > 2 && address.host.front() == '[' && address.host.back() == ']') {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size() || address.port == 0) {
    return std::nullopt;
  }
  return address;
}

BrokerAddress owned(const Broker& broker) {
  return {.id = broker.id, .host = std::string(broker.host), .port = static_cast<std::uint16_t>(broker.port)};
}

ClusterView view_of(const MetadataResponse& response) {
  ClusterView view;
  for (const TopicMetadata& topic : response.topics) {
    if (topic.error_code != ErrorCode::none) {
      view.topic_errors.emplace(topic.name, topic.error_code);
    }
    for (const PartitionMetadata& partition : topic.partitions) {
      const auto leader = std::find_if(response.brokers.begin(), response.brokers.end(),
                                       [&](const Broker& broker) { return broker.id == partition.leader; });
      if (leader != response.brokers.end()) {
        view.leaders.emplace(
            TopicPartition{.topic = std::string(topic.name), .partition = partition.partition},
            PartitionLeader{.broker = owned(*leader), .epoch = partition.leader_epoch});
      }
    }
  }
  return view;
}

}  // namespace

Result<std::unique_ptr<ClusterClient>> ClusterClient::make(io::Loop& loop, const Clock& clock,
                                                           const std::vector<std::string>& brokers,
                                                           BrokerAccess access) {
  CHECK(!brokers.empty());
  std::vector<BrokerAddress> addresses;
  for (const std::string& broker : brokers) {
    auto address = parse_address(broker);
    if (!address) {
      return make_error(ErrorKind::invalid_input, Action::fatal,
                        concat("source.brokers: ", broker, " is not host:port"));
    }
    addresses.push_back(*std::move(address));
  }
  return std::unique_ptr<ClusterClient>(
      new ClusterClient(loop, clock, std::move(addresses), std::move(access)));
}

ClusterClient::ClusterClient(io::Loop& loop, const Clock& clock, std::vector<BrokerAddress> brokers,
                             BrokerAccess access)
    : loop_(loop), clock_(clock), brokers_(std::move(brokers)), access_(std::move(access)) {}

BrokerConnection& ClusterClient::connection() {
  if (!connection_) {
    const BrokerAddress& broker = brokers_[next_ % brokers_.size()];
    connection_ = std::make_unique<BrokerConnection>(
        loop_, clock_,
        BrokerConnection::Options{
            .host = broker.host, .port = broker.port, .access = access_, .listens_when_idle = true});
  }
  return *connection_;
}

// A connection that fails tells every request that waits on it, one after the other. Only the first of them
// turns to the next broker. The connection is destroyed in a later turn, because it is the one that calls.
void ClusterClient::turn_to_next(const BrokerConnection* failed) {
  if (connection_.get() == failed) {
    ++next_;
    loop_.defer([gone = std::shared_ptr<BrokerConnection>(std::move(connection_))] {});
  }
}

void ClusterClient::ask_leaders(std::vector<std::string> topics,
                                std::function<void(Result<ClusterView>)> done) {
  BrokerConnection& broker = connection();
  broker.request({.api = ApiKey::metadata,
                  .encode =
                      [topics = std::move(topics)](Buffer& out, std::int16_t version) {
                        const std::vector<std::string_view> names(topics.begin(), topics.end());
                        encode_metadata(out, version, {.topics = names});
                      },
                  .timeout = k_answer_timeout,
                  .into = nullptr,
                  .done =
                      [this, asked = &broker, done = std::move(done)](const Reply& reply) {
                        if (reply.error) {
                          turn_to_next(asked);
                          done(*reply.error);
                          return;
                        }
                        const Result<MetadataResponse> response = decode_metadata(reply.body, reply.version);
                        done(response.ok() ? Result<ClusterView>(view_of(*response)) : response.error());
                      }});
}

void ClusterClient::find_coordinator(const std::string& group,
                                     std::function<void(Result<BrokerAddress>)> done) {
  BrokerConnection& broker = connection();
  broker.request(
      {.api = ApiKey::find_coordinator,
       .encode = [group](Buffer& out,
                         std::int16_t version) { encode_find_coordinator(out, version, {.group = group}); },
       .timeout = k_answer_timeout,
       .into = nullptr,
       .done =
           [this, group, asked = &broker, done = std::move(done)](const Reply& reply) {
             if (reply.error) {
               turn_to_next(asked);
               done(*reply.error);
               return;
             }
             const Result<FindCoordinatorResponse> response =
                 decode_find_coordinator(reply.body, reply.version);
             if (!response.ok()) {
               done(response.error());
             } else if (response->error_code != ErrorCode::none) {
               done(broker_error(response->error_code,
                                 concat("looking for the coordinator of group ", group)));
             } else {
               done(owned(response->coordinator));
             }
           }});
}

}  // namespace penstock::wire
