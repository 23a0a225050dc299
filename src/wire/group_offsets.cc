// How it works. Both requests go to one broker, the group's coordinator. with_coordinator() gives its
// connection, or asks the cluster which broker that is. Requests that come meanwhile wait in waiting_, so
// that the question is asked once. Each answer is read into one word for the whole request: the first error
// of any partition when reading, the worst outcome of any partition when committing. Nothing is asked a
// second time here.
//
// When the coordinator moves, an answer says so, or the connection breaks. forget_coordinator() then drops
// the connection, and the next request asks the cluster again.
//
// An example: a claim for partitions 0 and 1, while the broker is handing the group over.
//
//   1. commit() writes one OffsetCommit with the stamp for both partitions, and the coordinator's connection
//      sends it.
//   2. The broker answers: partition 0 NONE, partition 1 NOT_COORDINATOR. The rows may come in any order.
//   3. commit_answer() ranks done < not_done < refused < unknown. The worst is partition 1's `not_done`, so
//      this is the outcome, with partition 1's sentence.
//   4. The code says that this is the wrong broker, so the connection is forgotten before `done` runs.
//   5. The caller commits again. FindCoordinator names the new broker, and the commit is sent there.
//
// Had the connection broken after step 1, the outcome would be `unknown`: the broker may have written the
// entries. Had it broken before, while the request was queued, it would be `not_done`. Reply::sent makes the
// difference.
#include "wire/group_offsets.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/concat.h"
#include "wire/broker_errors.h"
#include "wire/offset_commit.h"
#include "wire/offset_fetch.h"

namespace penstock::wire {
namespace {

constexpr Duration k_read_timeout = std::chrono::seconds(20);

// The broker asked is not the group's coordinator, or is not it yet, or not any more.
bool is_wrong_coordinator(ErrorCode code) {
  return code == ErrorCode::coordinator_not_available || code == ErrorCode::not_coordinator;
}

// Indexes into `items` in an order in which each topic's partitions stand together, as a request wants them.
template <class Item>
std::vector<std::size_t> grouped_by_topic(const std::vector<Item>& items,
                                          const std::string& (*topic)(const Item&)) {
  std::vector<std::size_t> order(items.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return topic(items[a]) < topic(items[b]); });
  return order;
}

const std::string& topic_of(const TopicPartition& id) {
  return id.topic;
}
const std::string& topic_of_entry(const EntryToCommit& entry) {
  return entry.id.topic;
}

struct ReadAnswer {
  Result<GroupEntries> entries;
  ErrorCode code = ErrorCode::none;
};

ReadAnswer read_answer(const Reply& reply, const std::vector<TopicPartition>& partitions,
                       const std::string& group) {
  const std::string what = concat("reading what group ", group, " has committed");
  const Result<OffsetFetchResponse> response = decode_offset_fetch(reply.body, reply.version);
  if (!response.ok()) {
    return {response.error()};
  }
  if (response->error_code != ErrorCode::none) {
    return {broker_error(response->error_code, what), response->error_code};
  }
  std::unordered_map<TopicPartition, const CommittedOffset*> answers;
  for (const CommittedOffset& row : response->partitions) {
    answers[{std::string(row.topic), row.partition}] = &row;
  }
  GroupEntries entries;
  for (const TopicPartition& id : partitions) {
    const auto answer = answers.find(id);
    if (answer == answers.end()) {
      return {make_error(ErrorKind::corrupt, Action::retry,
                         concat(what, ": the broker says nothing of ", named(id)), "no answer")};
    }
    const CommittedOffset& row = *answer->second;
    if (row.error_code != ErrorCode::none) {
      return {broker_error(row.error_code, concat(what, " for ", named(id))), row.error_code};
    }
    entries.push_back(row.position.value < 0
                          ? std::nullopt
                          : std::optional(GroupEntry{row.position, std::string(row.metadata)}));
  }
  return {std::move(entries)};
}

// The worst outcome of any partition is that of the commit. Unknown is worse than refused: what is refused
// may be dropped at once, but a commit that may still take effect has to be waited for (PROTOCOL.md, R8).
int rank(CommitOutcome outcome) {
  switch (outcome) {
    case CommitOutcome::done:
      return 0;
    case CommitOutcome::not_done:
      return 1;
    case CommitOutcome::refused:
      return 2;
    case CommitOutcome::unknown:
      return 3;
  }
  return 3;
}

struct CommitRead {
  CommitReply reply;
  bool wrong_coordinator = false;
};

CommitRead commit_answer(const Reply& reply, const std::vector<EntryToCommit>& entries) {
  const Result<OffsetCommitResponse> response = decode_offset_commit(reply.body, reply.version);
  if (!response.ok()) {
    return {{.outcome = CommitOutcome::unknown, .membership_lost = false, .error = response.error()}};
  }
  std::unordered_map<TopicPartition, ErrorCode> codes;
  for (const PartitionCommit& row : response->partitions) {
    codes[{std::string(row.topic), row.partition}] = row.error_code;
  }
  CommitRead out{.reply = {.outcome = CommitOutcome::done, .membership_lost = false, .error = {}}};
  for (const EntryToCommit& entry : entries) {
    const auto found = codes.find(entry.id);
    const std::string what = concat("committing position ", entry.position.value, " of ", named(entry.id));
    const CommitOutcome outcome =
        found == codes.end() ? CommitOutcome::unknown : commit_outcome(found->second);
    out.wrong_coordinator =
        out.wrong_coordinator || (found != codes.end() && is_wrong_coordinator(found->second));
    out.reply.membership_lost =
        out.reply.membership_lost || (found != codes.end() && is_membership_lost(found->second));
    if (rank(outcome) > rank(out.reply.outcome)) {
      out.reply.outcome = outcome;
      out.reply.error =
          found == codes.end()
              ? make_error(ErrorKind::corrupt, Action::retry,
                           concat(what, ": the broker did not say what became of it"), "no answer")
              : broker_error(found->second, what);
    }
  }
  return out;
}

}  // namespace

GroupOffsets::GroupOffsets(io::Loop& loop, const Clock& clock, ClusterClient& cluster, BrokerAccess access,
                           std::string group)
    : loop_(loop), clock_(clock), cluster_(cluster), access_(std::move(access)), group_(std::move(group)) {}

void GroupOffsets::with_coordinator(std::function<void(BrokerConnection&)> use,
                                    std::function<void(Error)> refuse) {
  if (coordinator_) {
    use(*coordinator_);
    return;
  }
  waiting_.push_back({std::move(use), std::move(refuse)});
  if (waiting_.size() == 1) {
    cluster_.find_coordinator(
        group_, alive_.guard([this](Result<BrokerAddress> found) { on_coordinator(std::move(found)); }));
  }
}

void GroupOffsets::on_coordinator(Result<BrokerAddress> found) {
  const std::deque<Waiting> waiting = std::exchange(waiting_, {});
  if (!found.ok()) {
    for (const Waiting& each : waiting) {
      each.refuse(found.error());
    }
    return;
  }
  coordinator_ = std::make_unique<BrokerConnection>(
      loop_, clock_,
      BrokerConnection::Options{
          .host = found->host, .port = found->port, .access = access_, .listens_when_idle = true});
  for (const Waiting& each : waiting) {
    with_coordinator(each.use, each.refuse);
  }
}

// The connection may be the one that calls, so it is destroyed in a later turn. Requests that wait behind the
// one that called are told now, because a connection that is destroyed tells nobody.
void GroupOffsets::forget_coordinator() {
  if (!coordinator_) {
    return;
  }
  const std::shared_ptr<BrokerConnection> gone = std::move(coordinator_);
  loop_.defer([gone] {});
  gone->close(make_error(ErrorKind::unavailable, Action::retry,
                         concat(gone->name(), " does not coordinate group ", group_, " any more"),
                         "coordinator moved"));
}

void GroupOffsets::read(std::vector<TopicPartition> partitions,
                        std::function<void(Result<GroupEntries>)> done) {
  const auto asked = std::make_shared<const std::vector<TopicPartition>>(std::move(partitions));
  const auto send = [this, asked, done](BrokerConnection& coordinator) {
    coordinator.request({.api = ApiKey::offset_fetch,
                         .encode =
                             [this, asked](Buffer& out, std::int16_t version) {
                               std::vector<OffsetFetchPartition> rows;
                               for (const std::size_t i : grouped_by_topic(*asked, topic_of)) {
                                 rows.push_back({(*asked)[i].topic, (*asked)[i].partition});
                               }
                               encode_offset_fetch(out, version, {.group = group_, .partitions = rows});
                             },
                         .timeout = k_read_timeout,
                         .into = nullptr,
                         .done =
                             [this, asked, done](const Reply& reply) {
                               if (reply.error) {
                                 forget_coordinator();
                                 done(*reply.error);
                                 return;
                               }
                               ReadAnswer answer = read_answer(reply, *asked, group_);
                               if (is_wrong_coordinator(answer.code)) {
                                 forget_coordinator();
                               }
                               done(std::move(answer.entries));
                             }});
  };
  with_coordinator(send, [done](Error error) { done(std::move(error)); });
}

void GroupOffsets::commit(MemberStamp stamp, std::vector<EntryToCommit> entries, Duration timeout,
                          std::function<void(CommitReply)> done) {
  const auto sent = std::make_shared<const std::vector<EntryToCommit>>(std::move(entries));
  const auto whose = std::make_shared<const MemberStamp>(std::move(stamp));
  const auto send = [this, sent, whose, timeout, done](BrokerConnection& coordinator) {
    coordinator.request(
        {.api = ApiKey::offset_commit,
         .encode =
             [this, sent, whose](Buffer& out, std::int16_t version) {
               std::vector<OffsetCommitPartition> rows;
               for (const std::size_t i : grouped_by_topic(*sent, topic_of_entry)) {
                 const EntryToCommit& entry = (*sent)[i];
                 rows.push_back({entry.id.topic, entry.id.partition, entry.position, entry.metadata});
               }
               encode_offset_commit(out, version,
                                    {.group = group_,
                                     .generation = whose->generation,
                                     .member_id = whose->member_id,
                                     .instance_id = whose->instance_id,
                                     .partitions = rows});
             },
         .timeout = timeout,
         .into = nullptr,
         .done =
             [this, sent, done](const Reply& reply) {
               if (reply.error) {
                 forget_coordinator();
                 done({.outcome = reply.sent ? CommitOutcome::unknown : CommitOutcome::not_done,
                       .membership_lost = false,
                       .error = reply.error});
                 return;
               }
               CommitRead read = commit_answer(reply, *sent);
               if (read.wrong_coordinator) {
                 forget_coordinator();
               }
               done(std::move(read.reply));
             }});
  };
  with_coordinator(send, [done](Error error) {
    done({.outcome = CommitOutcome::not_done, .membership_lost = false, .error = std::move(error)});
  });
}

}  // namespace penstock::wire
