// How it works
//
// A session is one connection that has arrived. Its bytes are gathered until a frame is whole, and a frame is
// served at once. Two requests are answered later: a Fetch that waits for enough records, and an OffsetCommit
// that waits until its entries are visible.
//
//   1. The bytes of a Fetch arrive in two parts. After the second the frame is whole: position 40 of api:0,
//      at least 1 byte, wait for 500 ms. The log ends at 40, so the Fetch is put into waiting_.
//   2. 200 ms later records are appended, and logs_changed() looks at all that wait. There is enough now.
//   3. The response goes out as bytes of the link, which cuts and delays them as it likes. Had the client
//      gone meanwhile, its session would not be there, and respond() would do nothing.
//
// A version that was not offered is answered as Kafka does it: by closing the connection. There is one
// exception, ApiVersions, whose question is asked before anything is known.
#include "sim/broker_front.h"

#include <algorithm>
#include <utility>

#include "base/concat.h"
#include "wire/byte_writer.h"

namespace penstock::sim {
namespace {

using wire::ErrorCode;

constexpr std::size_t k_size_bytes = 4;

// The first version of each whose messages are flexible.
bool is_flexible(Api api, std::int16_t version) {
  switch (api) {
    case Api::fetch:
      return version >= 12;
    case Api::list_offsets:
    case Api::offset_fetch:
      return version >= 6;
    case Api::metadata:
      return version >= 9;
    case Api::offset_commit:
      return version >= 8;
    case Api::find_coordinator:
    case Api::api_versions:
      return version >= 3;
    case Api::offset_for_leader_epoch:
      return version >= 4;
    case Api::sasl_handshake:
    case Api::sasl_authenticate:
      return false;
  }
  return false;
}

}  // namespace

BrokerFront::BrokerFront(const SimClock& clock, Agenda& agenda, const Faults& faults, Cluster& cluster,
                         Broker& broker, const Credentials& credentials, Options options, Random random,
                         Verdict& verdict)
    : clock_(clock),
      agenda_(agenda),
      faults_(faults),
      cluster_(cluster),
      broker_(broker),
      credentials_(credentials),
      options_(std::move(options)),
      random_(random),
      verdict_(verdict) {}

void BrokerFront::accept(std::int32_t broker, const LinkPtr& link) {
  const std::uint64_t session = ++last_session_;
  sessions_.emplace(session, Session{.broker = broker, .link = link, .received = {}, .login = {}});
  link->on_bytes = [this, session](std::string_view bytes, MonoTime sent) { on_bytes(session, bytes, sent); };
  link->on_gone = [this, session] { sessions_.erase(session); };
}

void BrokerFront::on_bytes(std::uint64_t session, std::string_view bytes, MonoTime sent) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) {
    return;
  }
  std::string& received = found->second.received;
  received.append(bytes);
  wire::ByteReader reader(as_bytes(received));
  const auto size = static_cast<std::size_t>(reader.int32());
  if (reader.ok() && received.size() >= k_size_bytes + size) {
    const std::string frame = received.substr(k_size_bytes, size);
    received.erase(0, k_size_bytes + size);
    on_frame(session, frame, sent);
  }
}

void BrokerFront::on_frame(std::uint64_t session, std::string_view frame, MonoTime sent) {
  constexpr std::size_t k_fixed_bytes = 2 + 2 + 4;
  wire::ByteReader head(as_bytes(frame));
  Request request{.session = session,
                  .broker = sessions_.at(session).broker,
                  .api = Api{head.int16()},
                  .version = head.int16(),
                  .correlation = head.int32(),
                  .flexible = false,
                  .sent = sent};
  static_cast<void>(head.string());  // the client's id
  request.flexible = is_flexible(request.api, request.version);
  if (request.flexible) {
    static_cast<void>(head.unsigned_varint());  // tagged fields: none
  }
  if (!head.ok() || frame.size() < k_fixed_bytes) {
    verdict_.fail("a request has no whole header");
    return;
  }
  const Versions offered = cluster_.offered[request.api];
  const bool known = request.version >= offered.lowest && request.version <= offered.highest;
  RequestReader body(head.rest(), request.flexible);
  if (!may_ask(request)) {
    return;
  }
  if (request.api == Api::api_versions) {
    serve_api_versions(request, body);
  } else if (known) {
    serve(request, body);
  } else {
    verdict_.fail("request ", static_cast<int>(request.api), " came in version ", request.version,
                  ", which was not offered");
  }
}

void BrokerFront::serve(const Request& request, RequestReader& body) {
  switch (request.api) {
    case Api::fetch:
      return serve_fetch(request, body);
    case Api::list_offsets:
      return serve_list_offsets(request, body);
    case Api::metadata:
      return serve_metadata(request, body);
    case Api::offset_commit:
      return serve_offset_commit(request, body);
    case Api::offset_fetch:
      return serve_offset_fetch(request, body);
    case Api::find_coordinator:
      return serve_find_coordinator(request, body);
    case Api::offset_for_leader_epoch:
      return serve_epoch_ends(request, body);
    case Api::sasl_handshake:
      return serve_sasl_handshake(request, body);
    case Api::sasl_authenticate:
      return serve_sasl_authenticate(request, body);
    case Api::api_versions:
      return;
  }
}

void BrokerFront::expect_whole(const Request& request, const RequestReader& body) {
  if (!body.whole()) {
    verdict_.fail("request ", static_cast<int>(request.api), " of version ", request.version,
                  " is not what Kafka could read");
  }
}

void BrokerFront::respond(const Request& request, const ResponseWriter& body) {
  const auto found = sessions_.find(request.session);
  const LinkPtr link = found == sessions_.end() ? nullptr : found->second.link.lock();
  if (link == nullptr) {
    return;
  }
  const bool tagged_head = request.flexible && request.api != Api::api_versions;
  const std::string text = body.text();
  wire::Buffer frame;
  wire::ByteWriter writer(frame);
  writer.int32(static_cast<std::int32_t>(4 + (tagged_head ? 1 : 0) + text.size()));
  writer.int32(request.correlation);
  if (tagged_head) {
    writer.unsigned_varint(0);
  }
  writer.raw(as_bytes(text));
  link->answer(std::string(as_text(frame)));
}

void BrokerFront::hang_up(std::uint64_t session) {
  if (const auto gone = sessions_.extract(session); !gone.empty()) {
    if (const LinkPtr link = gone.mapped().link.lock()) {
      link->close();
    }
  }
}

// ApiVersions. Its own unknown version is answered in version 0, with the code for it.
void BrokerFront::serve_api_versions(const Request& request, RequestReader& body) {
  const bool known = request.version <= cluster_.offered[Api::api_versions].highest;
  if (!known && cluster_.closes_on_unknown_versions) {
    hang_up(request.session);
    return;
  }
  if (known && request.flexible) {
    static_cast<void>(body.string());  // the client's software
    static_cast<void>(body.string());
    body.tags();
  }
  if (known) {
    expect_whole(request, body);
  }
  const bool flexible = known && request.flexible;
  ResponseWriter out(flexible);
  out.code(known ? ErrorCode::none : ErrorCode::unsupported_version);
  out.array(cluster_.offered.size());
  for (const auto& [api, versions] : cluster_.offered) {
    out.int16(static_cast<std::int16_t>(api));
    out.int16(versions.lowest);
    out.int16(versions.highest);
    out.tags();
  }
  if (known && request.version >= 1) {
    out.int32(0);  // throttled
  }
  out.tags();
  respond(request, out);
}

bool BrokerFront::exists(const TopicPartition& id) const {
  const auto log = cluster_.logs.find(id);
  return log != cluster_.logs.end() && log->second.exists;
}

std::int32_t BrokerFront::throttle_ms() {
  return random_.chance(faults_[&FaultRates::throttled]) ? static_cast<std::int32_t>(random_.between(1, 500))
                                                         : 0;
}

void BrokerFront::serve_metadata(const Request& request, RequestReader& body) {
  const std::int16_t version = request.version;
  std::vector<std::string> asked;
  for (std::size_t i = body.array(); i > 0; --i) {
    const TopicId id = version >= 10 ? body.topic_id() : TopicId{};
    const std::optional<std::string> name = body.nullable_string();
    body.tags();
    const auto by_id =
        std::ranges::find_if(cluster_.topics, [&](const auto& each) { return each.second.id == id; });
    asked.push_back(name ? *name : by_id == cluster_.topics.end() ? "" : by_id->first);
  }
  static_cast<void>(body.boolean());  // create what is absent
  if (version >= 8 && version <= 10) {
    static_cast<void>(body.boolean());  // the cluster's operations
  }
  if (version >= 8) {
    static_cast<void>(body.boolean());  // the topics' operations
  }
  body.tags();
  expect_whole(request, body);
  ResponseWriter out(request.flexible);
  out.int32(0);  // throttled
  out.array(static_cast<std::size_t>(cluster_.brokers));
  for (std::int32_t broker = 1; broker <= cluster_.brokers; ++broker) {
    out.int32(broker);
    out.string("127.0.0.1");
    out.int32(Cluster::port_of(broker));
    out.null_string();  // rack
    out.tags();
  }
  out.string("cluster");
  out.int32(1);  // controller
  out.array(asked.size());
  for (const std::string& name : asked) {
    write_topic(out, version, name);
  }
  if (version >= 8 && version <= 10) {
    out.int32(INT32_MIN);  // operations: not asked for
  }
  out.tags();
  respond(request, out);
}

void BrokerFront::write_topic(ResponseWriter& out, std::int16_t version, const std::string& name) const {
  const auto topic = cluster_.topics.find(name);
  const bool exists =
      topic != cluster_.topics.end() && std::ranges::any_of(cluster_.logs, [&name](const auto& each) {
        return each.first.topic == name && each.second.exists;
      });
  const ErrorCode code = exists ? topic->second.reading : ErrorCode::unknown_topic_or_partition;
  std::vector<std::pair<Partition, const Log*>> logs;
  for (const auto& [id, log] : cluster_.logs) {
    if (code == ErrorCode::none && id.topic == name && log.exists) {
      logs.emplace_back(id.partition, &log);
    }
  }
  out.code(code);
  out.string(name);
  if (version >= 10) {
    out.topic_id(exists ? topic->second.id : TopicId{});
  }
  out.boolean(false);  // internal
  out.array(logs.size());
  for (const auto& [partition, log] : logs) {
    out.code(log->leader < 0 ? ErrorCode::leader_not_available : ErrorCode::none);
    out.int32(partition.value);
    out.int32(log->leader);
    if (version >= 7) {
      out.int32(log->epoch);
    }
    out.array(1);  // replicas, in sync, offline
    out.int32(log->leader < 0 ? 1 : log->leader);
    out.array(0);
    if (version >= 5) {
      out.array(0);
    }
    out.tags();
  }
  if (version >= 8) {
    out.int32(INT32_MIN);  // operations: not asked for
  }
  out.tags();
}

}  // namespace penstock::sim
