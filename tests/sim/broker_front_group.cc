// The half of the brokers that keeps the group's entries: FindCoordinator, OffsetFetch, OffsetCommit.
#include <algorithm>
#include <chrono>
#include <utility>

#include "base/concat.h"
#include "sim/broker_front.h"

namespace penstock::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::ErrorCode;

// Refused as to its partition, not as to who commits.
bool is_of_partition(ErrorCode code) {
  return code == ErrorCode::topic_authorization_failed || code == ErrorCode::unknown_topic_or_partition ||
         code == ErrorCode::offset_metadata_too_large;
}

}  // namespace

void BrokerFront::serve_find_coordinator(const Request& request, RequestReader& body) {
  if (body.string() != options_.group || (request.version >= 1 && body.int8() != 0)) {
    verdict_.fail("the coordinator of another group is asked for");
  }
  expect_whole(request, body);
  const bool known = cluster_.coordinator > 0;
  ResponseWriter out(request.flexible);
  if (request.version >= 1) {
    out.int32(0);  // throttled
  }
  out.code(known ? ErrorCode::none : ErrorCode::coordinator_not_available);
  if (request.version >= 1) {
    out.null_string();
  }
  out.int32(known ? cluster_.coordinator : -1);
  out.string(known ? "127.0.0.1" : "");
  out.int32(known ? Cluster::port_of(cluster_.coordinator) : -1);
  respond(request, out);
}

// OffsetFetch

void BrokerFront::serve_offset_fetch(const Request& request, RequestReader& body) {
  const std::int16_t version = request.version;
  if (body.string() != options_.group) {
    verdict_.fail("entries of another group are asked for");
  }
  const bool elsewhere = request.broker != cluster_.coordinator;
  const ErrorCode failed = elsewhere ? ErrorCode::not_coordinator
                           : random_.chance(faults_[&FaultRates::entry_unread])
                               ? ErrorCode::coordinator_load_in_progress
                               : ErrorCode::none;
  ResponseWriter out(request.flexible);
  if (version >= 3) {
    out.int32(0);  // throttled
  }
  answer_rows(body, out, [&](const TopicPartition& id) {
    const std::optional<GroupEntry> entry = failed == ErrorCode::none ? broker_.read(id) : std::nullopt;
    out.int32(id.partition.value);
    out.int64(entry ? entry->position.value : -1);
    if (version >= 5) {
      out.int32(entry ? entry->leader_epoch : -1);
    }
    out.string(entry ? entry->metadata : "");
    out.code(failed);
  });
  if (version >= 2) {
    out.code(failed);
  }
  expect_whole(request, body);
  respond(request, out);
}

// OffsetCommit

void BrokerFront::serve_offset_commit(const Request& request, RequestReader& body) {
  const std::int16_t version = request.version;
  if (body.string() != options_.group) {
    verdict_.fail("a commit is for another group");
  }
  Stamp stamp;
  stamp.generation = body.int32();
  stamp.member_id = body.string();
  if (version >= 7) {
    stamp.instance_id = body.string();
  }
  if (version <= 4) {
    static_cast<void>(body.int64());  // retention
  }
  std::vector<CommitRow> rows;
  for (std::size_t topics = body.array(); topics > 0; --topics) {
    const std::string topic = body.string();
    for (std::size_t count = body.array(); count > 0; --count) {
      CommitRow row;
      row.id = {topic, Partition{body.int32()}};
      row.position = Position{body.int64()};
      if (version >= 6) {
        row.leader_epoch = body.int32();
      }
      row.metadata = body.string();
      rows.push_back(std::move(row));
    }
  }
  expect_whole(request, body);
  if (options_.mutant == Mutant::commits_stamped_when_sent) {
    take_commit_as_a_library(request, stamp, rows, request.sent + options_.visible_within / 2);
  } else {
    take_commit(request, std::move(stamp), std::move(rows));
  }
}

// Kafka looks at the topics first. What may be committed goes to the coordinator, and the rest is answered
// with its code.
void BrokerFront::take_commit(const Request& request, Stamp stamp, std::vector<CommitRow> rows) {
  const bool loading = random_.chance(faults_[&FaultRates::commit_not_done]);
  std::vector<EntryToCommit> entries;
  std::vector<std::size_t> which;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto topic = cluster_.topics.find(rows[i].id.topic);
    rows[i].code = topic != cluster_.topics.end() && topic->second.committing != ErrorCode::none
                       ? topic->second.committing
                   : !exists(rows[i].id)                    ? ErrorCode::unknown_topic_or_partition
                   : request.broker != cluster_.coordinator ? ErrorCode::not_coordinator
                   : loading                                ? ErrorCode::coordinator_load_in_progress
                                                            : ErrorCode::none;
    if (rows[i].code == ErrorCode::none) {
      entries.push_back({.id = rows[i].id,
                         .position = rows[i].position,
                         .metadata = rows[i].metadata,
                         .leader_epoch = rows[i].leader_epoch});
      which.push_back(i);
    }
  }
  if (entries.empty()) {
    answer_commit(request, rows);
    return;
  }
  broker_.commit(stamp, std::move(entries), request.sent + options_.visible_within,
                 [this, request, rows = std::move(rows), which](const std::vector<ErrorCode>& codes) mutable {
                   // As of a broker that has written it, and lost its partition before it could say so.
                   const bool denied = random_.chance(faults_[&FaultRates::commit_denied]);
                   for (std::size_t i = 0; i < which.size(); ++i) {
                     const bool hides = denied && codes[i] == ErrorCode::none;
                     rows[which[i]].code = hides ? ErrorCode::not_coordinator : codes[i];
                   }
                   answer_commit(request, rows);
                 });
}

// As a library would that has a queue of its own, stamps what leaves it with what its member has then, and
// repeats unasked.
void BrokerFront::take_commit_as_a_library(const Request& request, const Stamp& stamp,
                                           const std::vector<CommitRow>& rows, MonoTime until) {
  agenda_.at(clock_.now() + random_.between(milliseconds(1), seconds(2)),
             [this, request, stamp, rows, until] {
               take_commit(request, broker_.stamp_of_now(stamp), rows);
               if (clock_.now() < until) {
                 take_commit_as_a_library(request, stamp, rows, until);
               }
             });
}

void BrokerFront::answer_commit(const Request& request, const std::vector<CommitRow>& rows) {
  const bool lies = options_.mutant == Mutant::partial_success_taken_for_success && rows.size() > 1;
  ResponseWriter out(request.flexible);
  if (request.version >= 3) {
    out.int32(0);  // throttled
  }
  std::vector<std::pair<std::string, std::size_t>> runs;  // topics, and how many rows of each
  for (const CommitRow& row : rows) {
    if (runs.empty() || runs.back().first != row.id.topic) {
      runs.emplace_back(row.id.topic, 0);
    }
    ++runs.back().second;
  }
  out.array(runs.size());
  std::size_t at = 0;
  for (const auto& [topic, count] : runs) {
    out.string(topic);
    out.array(count);
    for (std::size_t i = 0; i < count; ++i, ++at) {
      out.int32(rows[at].id.partition.value);
      out.code(lies && is_of_partition(rows[at].code) ? ErrorCode::none : rows[at].code);
    }
  }
  respond(request, out);
}

}  // namespace penstock::sim
