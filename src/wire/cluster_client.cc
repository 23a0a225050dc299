// How it works. There is one connection, made for the first question and kept. It goes to the broker at next_
// of a row: those that the configuration names, then those that the cluster has named in its last answer. An
// example: the configuration names a:9092, and the cluster has b:9092 as well.
//
//   1. ask_leaders() makes the connection to a and puts its request there. The answer names both brokers, and
//      b is learnt.
//   2. a goes down. ask_leaders() and find_coordinator() are asked, and the connection tells both that it has
//      failed. The first of them turns to the next broker: next_ is 1, and the connection goes. The second
//      finds that it has gone already, and does not turn again.
//   3. Both callers hear the error. When one of them asks again, the connection to b is made. So penstock
//      learns of the moved leaders and coordinator while a is down.
//
// Nothing ever turns back to a but a failure of b.
#include "wire/cluster_client.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/concat.h"
#include "base/hex.h"
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

void add_partitions(ClusterView& view, const MetadataResponse& response, const TopicMetadata& topic) {
  for (const PartitionMetadata& partition : topic.partitions) {
    TopicPartition id{.topic = std::string(topic.name), .partition = partition.partition};
    const auto leader = std::ranges::find(response.brokers, partition.leader, &Broker::id);
    if (leader != response.brokers.end()) {
      view.leaders.emplace(std::move(id),
                           PartitionLeader{.broker = owned(*leader), .epoch = partition.leader_epoch});
    } else {
      view.partition_errors.emplace(std::move(id), partition.error_code == ErrorCode::none
                                                       ? ErrorCode::leader_not_available
                                                       : partition.error_code);
    }
  }
}

ClusterView view_of(const MetadataResponse& response) {
  ClusterView view;
  for (const TopicMetadata& topic : response.topics) {
    if (topic.error_code != ErrorCode::none) {
      view.topic_errors.emplace(topic.name, topic.error_code);
    }
    // Zeros, or nothing: the broker has none.
    if (std::string id = to_hex(topic.id); id.find_first_not_of('0') != std::string::npos) {
      view.topic_ids.emplace(topic.name, std::move(id));
    }
    add_partitions(view, response, topic);
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
    : loop_(loop), clock_(clock), named_(std::move(brokers)), access_(std::move(access)) {}

BrokerConnection& ClusterClient::connection() {
  if (!connection_) {
    const std::size_t at = next_ % (named_.size() + learnt_.size());
    const BrokerAddress& broker = at < named_.size() ? named_[at] : learnt_[at - named_.size()];
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

// A broker that tells none knows less than we do.
void ClusterClient::learn(const std::vector<Broker>& brokers) {
  if (brokers.empty()) {
    return;
  }
  learnt_.clear();
  for (const Broker& broker : brokers) {
    const bool usable = !broker.host.empty() && broker.port > 0 && broker.port <= UINT16_MAX;
    const bool named = std::ranges::any_of(named_, [&](const BrokerAddress& each) {
      return each.host == broker.host && each.port == broker.port;
    });
    if (usable && !named) {
      learnt_.push_back(owned(broker));
    }
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
                        if (!response.ok()) {
                          turn_to_next(asked);
                          done(response.error());
                          return;
                        }
                        learn(response->brokers);
                        done(view_of(*response));
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
               turn_to_next(asked);
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
