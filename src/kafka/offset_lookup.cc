#include "kafka/offset_lookup.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/concat.h"
#include "wire/broker_errors.h"

namespace penstock::kafka {
namespace {

constexpr Duration k_answer_timeout = std::chrono::seconds(20);

}  // namespace

// One question, to all the leaders that it concerns. A row is one partition of it.
struct OffsetLookup::Query {
  struct Row {
    TopicPartition id;
    std::int32_t leader_epoch = 0;
    std::optional<Position> position = {};
  };

  std::vector<Row> rows;
  std::int64_t timestamp_ms = 0;
  std::optional<Error> error;
  std::size_t leaders_left = 0;
  Done done;

  void encode(wire::Buffer& out, std::int16_t version, const std::vector<std::size_t>& which) const {
    std::vector<wire::ListOffsetsPartition> asked;
    for (const std::size_t row : which) {
      asked.push_back({.topic = rows[row].id.topic,
                       .partition = rows[row].id.partition,
                       .timestamp_ms = timestamp_ms,
                       .leader_epoch = rows[row].leader_epoch});
    }
    std::stable_sort(asked.begin(), asked.end(),
                     [](const auto& a, const auto& b) { return a.topic < b.topic; });
    wire::encode_list_offsets(out, version, {.partitions = asked});
  }

  void read(const wire::Reply& reply, const std::vector<std::size_t>& which) {
    if (reply.error) {
      error = reply.error;
      return;
    }
    const auto response = wire::decode_list_offsets(reply.body, reply.version);
    if (!response.ok()) {
      error = response.error();
      return;
    }
    std::size_t answers = 0;
    for (const wire::ListedOffset& listed : response->partitions) {
      for (const std::size_t row : which) {
        if (rows[row].id.partition == listed.partition && rows[row].id.topic == listed.topic) {
          ++answers;
          read_row(listed, rows[row]);
        }
      }
    }
    if (answers < which.size() && !error) {
      error = make_error(ErrorKind::corrupt, Action::retry,
                         "a broker left partitions out of its answer about offsets", "no answer");
    }
  }

  void read_row(const wire::ListedOffset& listed, Row& row) {
    if (listed.error_code != wire::ErrorCode::none) {
      error = wire::broker_error(listed.error_code, concat("asking for offsets of ", named(row.id)));
    } else if (listed.position.value >= 0) {
      row.position = listed.position;
    }
  }

  void leader_answered() {
    if (--leaders_left > 0) {
      return;
    }
    OffsetAnswer answer{.kind = error ? OffsetAnswer::Kind::failed : OffsetAnswer::Kind::positions,
                        .error = error};
    for (const Row& row : rows) {
      answer.positions.push_back(row.position);
    }
    done(std::move(answer));
  }
};

OffsetLookup::OffsetLookup(io::Loop& loop, const Clock& clock, Fetcher& fetcher)
    : loop_(loop), clock_(clock), fetcher_(fetcher) {}

void OffsetLookup::ask(std::vector<PartitionSlot> slots, std::int64_t timestamp_ms, Done done) {
  const auto query = std::make_shared<Query>();
  query->timestamp_ms = timestamp_ms;
  std::map<wire::BrokerConnection*, std::vector<std::size_t>> by_leader;
  for (const PartitionSlot slot : slots) {
    const std::optional<Fetcher::Route> route = fetcher_.route_to_leader(slot);
    if (!route) {
      refuse_without_leader(fetcher_.id(slot), std::move(done));
      return;
    }
    by_leader[route->connection].push_back(query->rows.size());
    query->rows.push_back({.id = fetcher_.id(slot), .leader_epoch = route->leader_epoch});
  }
  query->leaders_left = by_leader.size();
  query->done = std::move(done);
  for (const auto& [leader, rows] : by_leader) {
    send(*leader, query, rows);
  }
}

void OffsetLookup::refuse_without_leader(const TopicPartition& id, Done done) {
  if (!fetcher_.leaders().needed()) {  // else they are being asked for, with a pause that grows
    fetcher_.leaders().need(clock_.now());
  }
  loop_.defer([done = std::move(done), id] {
    done({.kind = OffsetAnswer::Kind::no_leader,
          .error = make_error(ErrorKind::unavailable, Action::retry,
                              concat(named(id), ": who leads it is not known yet"), "no leader")});
  });
}

void OffsetLookup::send(wire::BrokerConnection& leader, const std::shared_ptr<Query>& query,
                        const std::vector<std::size_t>& rows) {
  leader.request({.api = wire::ApiKey::list_offsets,
                  .encode = [query, rows](wire::Buffer& out,
                                          std::int16_t version) { query->encode(out, version, rows); },
                  .timeout = k_answer_timeout,
                  .into = nullptr,
                  .done =
                      [this, query, rows, alive = alive_.watch()](const wire::Reply& reply) {
                        if (alive.gone()) {
                          return;
                        }
                        query->read(reply, rows);
                        if (query->error) {
                          fetcher_.leaders().need(clock_.now());
                        }
                        query->leader_answered();
                      }});
}

}  // namespace penstock::kafka
