// How it works. ask() sorts the partitions by who leads them, and sends each leader one question (Query),
// which has a row for each of its partitions. When a leader answers, or does not, each row of its question
// is told.
//
// For example, "orders 0" and "orders 2" are led by broker 1, "orders 1" by nobody who is known:
//
//   1. "orders 1" is answered at the loop's next turn: no_leader. Leaders are asked for.
//   2. Broker 1 is asked for the other two in one request, behind the Fetch that is under way.
//   3. Its answer has "orders 0" at 47, and leaves "orders 2" out. The latter is told as failed.
//
// The fetcher hears of each answer and each silence, so that a partition whose leader never tells is named.
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

// One question to one leader. A row is one partition of it.
struct OffsetLookup::Query {
  struct Row {
    PartitionSlot slot;
    TopicPartition id;
    std::int32_t leader_epoch = 0;
    OffsetAnswer answer = {};
    bool answered = false;
  };

  std::vector<Row> rows;
  std::int64_t timestamp_ms = 0;
  Answered answered;

  void encode(wire::Buffer& out, std::int16_t version) const {
    std::vector<wire::ListOffsetsPartition> asked;
    for (const Row& row : rows) {
      asked.push_back({.topic = row.id.topic,
                       .partition = row.id.partition,
                       .timestamp_ms = timestamp_ms,
                       .leader_epoch = row.leader_epoch});
    }
    std::stable_sort(asked.begin(), asked.end(),
                     [](const auto& a, const auto& b) { return a.topic < b.topic; });
    wire::encode_list_offsets(out, version, {.partitions = asked});
  }

  void read(const wire::Reply& reply) {
    if (reply.error) {
      fail_unanswered(*reply.error);
      return;
    }
    const auto response = wire::decode_list_offsets(reply.body, reply.version);
    if (!response.ok()) {
      fail_unanswered(response.error());
      return;
    }
    for (const wire::ListedOffset& listed : response->partitions) {
      for (Row& row : rows) {
        if (row.id.partition == listed.partition && row.id.topic == listed.topic) {
          read_row(listed, row);
        }
      }
    }
    fail_unanswered(make_error(ErrorKind::corrupt, Action::retry,
                               "a broker left partitions out of its answer about offsets", "no answer"));
  }

  static void read_row(const wire::ListedOffset& listed, Row& row) {
    row.answered = true;
    if (listed.error_code != wire::ErrorCode::none) {
      row.answer.error =
          wire::broker_error(listed.error_code, concat("asking for offsets of ", named(row.id)));
    } else if (listed.position.value >= 0) {
      row.answer = {.kind = OffsetAnswer::Kind::position, .position = listed.position};
    } else {
      row.answer.kind = OffsetAnswer::Kind::no_record;
    }
  }

  void fail_unanswered(const Error& error) {
    for (Row& row : rows) {
      if (!std::exchange(row.answered, true)) {
        row.answer.error = error;
      }
    }
  }
};

OffsetLookup::OffsetLookup(io::Loop& loop, const Clock& clock, Fetcher& fetcher)
    : loop_(loop), clock_(clock), fetcher_(fetcher) {}

void OffsetLookup::ask(const std::vector<PartitionSlot>& slots, std::int64_t timestamp_ms,
                       Answered answered) {
  std::map<wire::BrokerConnection*, std::shared_ptr<Query>> by_leader;
  for (const PartitionSlot slot : slots) {
    const std::optional<Fetcher::Route> route = fetcher_.route_to_leader(slot);
    if (!route) {
      refuse_without_leader(slot, answered);
      continue;
    }
    std::shared_ptr<Query>& query = by_leader[route->connection];
    if (!query) {
      query = std::make_shared<Query>();
      query->timestamp_ms = timestamp_ms;
      query->answered = answered;
    }
    query->rows.push_back({.slot = slot, .id = fetcher_.id(slot), .leader_epoch = route->leader_epoch});
  }
  for (const auto& [leader, query] : by_leader) {
    send(*leader, query);
  }
}

void OffsetLookup::refuse_without_leader(PartitionSlot slot, Answered answered) {
  if (!fetcher_.leaders().needed()) {  // else they are being asked for, with a pause that grows
    fetcher_.leaders().need(clock_.now());
  }
  loop_.defer([slot, id = fetcher_.id(slot), answered = std::move(answered)] {
    answered(slot, {.kind = OffsetAnswer::Kind::no_leader,
                    .error = make_error(ErrorKind::unavailable, Action::retry,
                                        concat(named(id), ": who leads it is not known"), "no leader")});
  });
}

void OffsetLookup::send(wire::BrokerConnection& leader, std::shared_ptr<Query> query) {
  leader.request({.api = wire::ApiKey::list_offsets,
                  .encode = [query](wire::Buffer& out, std::int16_t version) { query->encode(out, version); },
                  .timeout = k_answer_timeout,
                  .into = nullptr,
                  .done =
                      [this, query, alive = alive_.watch()](const wire::Reply& reply) {
                        if (alive.gone()) {
                          return;
                        }
                        query->read(reply);
                        for (const Query::Row& row : query->rows) {
                          if (!alive.gone()) {
                            heard(row.slot, row.id, row.answer);
                          }
                          query->answered(row.slot, row.answer);
                        }
                      }});
}

void OffsetLookup::heard(PartitionSlot slot, const TopicPartition& id, const OffsetAnswer& answer) {
  if (answer.error) {
    fetcher_.leaders().need(clock_.now());
  }
  if (slot.value < fetcher_.size() && fetcher_.id(slot) == id) {  // else the assignment has ended
    fetcher_.leader_told(slot, answer.error);
  }
}

}  // namespace penstock::kafka
