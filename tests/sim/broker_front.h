// The brokers as a client sees them: bytes of requests in, bytes of responses out. What stands behind is
// Cluster (the logs) and Broker (the group).
//
// It is as strict as Kafka: who asks the wrong broker, with a wrong epoch, for a topic that does not exist,
// gets the code for it. A request that Kafka could not read is a violation.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "sim/broker.h"
#include "sim/credentials.h"
#include "sim/faults.h"
#include "sim/kafka_message.h"
#include "sim/mutants.h"
#include "sim/sim_clock.h"
#include "sim/sim_cluster.h"
#include "sim/sim_network.h"
#include "sim/sim_random.h"
#include "sim/verdict.h"

namespace penstock::sim {

class BrokerFront {
 public:
  struct Options {
    std::string group;
    Duration visible_within{};  // of its sending, a commit is visible, or never
    Mutant mutant = Mutant::none;
    bool sessions_are_kept = false;  // a request behind a session's end is a violation
  };

  // All outlive it.
  BrokerFront(const SimClock& clock, Agenda& agenda, const Faults& faults, Cluster& cluster, Broker& broker,
              const Credentials& credentials, Options options, Random random, Verdict& verdict);

  // A connection has arrived at this broker.
  void accept(std::int32_t broker, const LinkPtr& link);

  // Records were appended, or who leads what has changed: who waits for it is answered.
  void logs_changed();

 private:
  struct Login {
    bool done = false;
    bool shaken = false;      // a mechanism is agreed on, and the login goes on
    bool challenged = false;  // the token is refused, and the client is to say that it has heard
    bool told = false;        // the client knows when the session ends
    MonoTime begun{};
    std::optional<MonoTime> ends = {};
  };
  struct Session {
    std::int32_t broker;
    std::weak_ptr<Link> link;
    std::string received;
    Login login;
  };
  struct Request {
    std::uint64_t session;
    std::int32_t broker;
    Api api;
    std::int16_t version;
    std::int32_t correlation;
    bool flexible;
    MonoTime sent;  // its last byte
  };
  struct FetchRow {
    TopicPartition id;
    std::int32_t epoch = -1;
    Position position;
    std::size_t bytes_max = 0;
  };
  struct Fetch {  // waits for enough
    Request request;
    std::vector<FetchRow> rows;
    std::size_t bytes_min = 0;
    std::size_t bytes_max = 0;
    MonoTime deadline{};
    std::uint64_t number = 0;
  };
  struct CommitRow {
    TopicPartition id;
    Position position;
    std::int32_t leader_epoch = -1;
    std::string metadata;
    wire::ErrorCode code = wire::ErrorCode::none;
  };

  // broker_front.cc: frames.
  void on_bytes(std::uint64_t session, std::string_view bytes, MonoTime sent);
  void on_frame(std::uint64_t session, std::string_view frame, MonoTime sent);
  void serve(const Request& request, RequestReader& body);
  void respond(const Request& request, const ResponseWriter& body);
  bool exists(const TopicPartition& id) const;
  std::int32_t throttle_ms();
  void hang_up(std::uint64_t session);
  void expect_whole(const Request& request, const RequestReader& body);
  void serve_api_versions(const Request& request, RequestReader& body);
  void serve_metadata(const Request& request, RequestReader& body);
  void write_topic(ResponseWriter& out, std::int16_t version, const std::string& name) const;

  // broker_front_login.cc
  bool may_ask(const Request& request);
  void serve_sasl_handshake(const Request& request, RequestReader& body);
  void serve_sasl_authenticate(const Request& request, RequestReader& body);
  void take_login(const Request& request, MonoTime ends);
  void refuse_login(const Request& request);
  void answer_login(const Request& request, wire::ErrorCode code, std::string_view message,
                    std::int64_t session_ms);

  // broker_front_logs.cc
  void serve_fetch(const Request& request, RequestReader& body);
  bool answer_fetch(const Fetch& fetch, bool in_any_case);
  std::string records_of(const Log& log, const FetchRow& row, std::size_t limit, bool first) const;
  void write_fetched(ResponseWriter& out, const Fetch& fetch, const FetchRow& row,
                     const std::string& records) const;
  static std::optional<Position> position_at(const Log& log, std::int64_t time);
  static EpochStart end_of_epoch(const Log& log, std::int32_t asked);
  wire::ErrorCode fetch_code(std::int32_t broker, const FetchRow& row) const;
  void serve_list_offsets(const Request& request, RequestReader& body);
  void serve_epoch_ends(const Request& request, RequestReader& body);
  wire::ErrorCode leader_code(std::int32_t broker, const TopicPartition& id, std::int32_t epoch) const;

  // broker_front_group.cc
  void serve_find_coordinator(const Request& request, RequestReader& body);
  void serve_offset_fetch(const Request& request, RequestReader& body);
  void serve_offset_commit(const Request& request, RequestReader& body);
  void take_commit(const Request& request, Stamp stamp, std::vector<CommitRow> rows);
  void answer_commit(const Request& request, const std::vector<CommitRow>& rows);
  void take_commit_as_a_library(const Request& request, const Stamp& stamp,
                                const std::vector<CommitRow>& rows, MonoTime until);

  const SimClock& clock_;
  Agenda& agenda_;
  const Faults& faults_;
  Cluster& cluster_;
  Broker& broker_;
  const Credentials& credentials_;
  const Options options_;
  Random random_;
  Verdict& verdict_;

  std::uint64_t last_session_ = 0;
  std::map<std::uint64_t, Session> sessions_;
  std::list<Fetch> waiting_;
  std::uint64_t last_wait_ = 0;
};

}  // namespace penstock::sim
