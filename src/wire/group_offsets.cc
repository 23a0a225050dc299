// How it works. All requests go to one broker, the group's coordinator. with_coordinator() gives its
// connection, or asks the cluster which broker that is. Requests that come meanwhile wait in waiting_, so
// that the question is asked once. Each answer is read into one word per partition: its entry or its error
// when reading, its outcome when committing. Nothing is asked a second time here.
//
// When the coordinator moves, an answer says so, or the connection breaks. forget_coordinator() then drops
// the connection, and the next request asks the cluster again.
//
// An example: a claim for partitions 0 to 2, while the broker is handing the group over, and the topic of
// partition 2 was deleted.
//
//   1. commit() writes one OffsetCommit with the stamp for the three partitions, and the coordinator's
//      connection sends it.
//   2. The broker answers: 0 NONE, 1 NOT_COORDINATOR, 2 UNKNOWN_TOPIC_OR_PARTITION. The rows may come in any
//      order.
//   3. commit_answer() puts them into the order of the entries: done, not_done, rejected. The latter two have
//      a sentence each.
//   4. One code says that this is the wrong broker, so the connection is forgotten before `done` runs.
//   5. The caller commits partition 1 again. FindCoordinator names the new broker, and the commit is sent
//      there.
//
// Had the connection broken after step 1, all three would be `unknown`: the broker may have written the
// entries. Had it broken before, while the request was queued, they would be `not_done`. Reply::sent makes
// the difference.
//
// A commit that is `unknown` must not be written much later. So the connection is reset when it is given up
// with a request under way, and the kernel gives up by itself on bytes that nobody has acknowledged for
// unacknowledged_max (broker_connection.h).
#include "wire/group_offsets.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/concat.h"
#include "wire/broker_errors.h"
#include "wire/delete_groups.h"
#include "wire/leave_group.h"
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

std::string reading(const std::string& group) {
  return concat("reading what group ", group, " has committed");
}

struct ReadAnswer {
  Result<ApartEntries> entries;
  bool wrong_coordinator = false;
};

Result<std::optional<GroupEntry>> entry_of(const CommittedOffset& row, const std::string& what) {
  if (row.error_code != ErrorCode::none) {
    return broker_error(row.error_code, what);
  }
  if (row.position.value < 0) {
    return std::optional<GroupEntry>();
  }
  return std::optional(GroupEntry{
      .position = row.position, .metadata = std::string(row.metadata), .leader_epoch = row.leader_epoch});
}

ReadAnswer read_answer(const Reply& reply, const std::vector<TopicPartition>& partitions,
                       const std::string& group) {
  const Result<OffsetFetchResponse> response = decode_offset_fetch(reply.body, reply.version);
  if (!response.ok()) {
    return {response.error()};
  }
  if (response->error_code != ErrorCode::none) {
    return {broker_error(response->error_code, reading(group)), is_wrong_coordinator(response->error_code)};
  }
  std::unordered_map<TopicPartition, const CommittedOffset*> answers;
  ReadAnswer out{ApartEntries()};
  for (const CommittedOffset& row : response->partitions) {
    answers[{std::string(row.topic), row.partition}] = &row;
    out.wrong_coordinator = out.wrong_coordinator || is_wrong_coordinator(row.error_code);
  }
  for (const TopicPartition& id : partitions) {
    const auto answer = answers.find(id);
    if (answer == answers.end()) {
      out.entries->push_back(make_error(ErrorKind::corrupt, Action::retry,
                                        concat(reading(group), ": the broker says nothing of ", named(id)),
                                        "no answer"));
    } else {
      out.entries->push_back(entry_of(*answer->second, concat(reading(group), " for ", named(id))));
    }
  }
  return out;
}

Result<GroupEntries> together(const Result<ApartEntries>& apart) {
  if (!apart.ok()) {
    return apart.error();
  }
  GroupEntries entries;
  for (const Result<std::optional<GroupEntry>>& entry : *apart) {
    if (!entry.ok()) {
      return entry.error();
    }
    entries.push_back(*entry);
  }
  return entries;
}

struct CommitRead {
  CommitReply reply;
  bool wrong_coordinator = false;
};

CommitRead commit_answer(const Reply& reply, const std::vector<EntryToCommit>& entries) {
  const Result<OffsetCommitResponse> response = decode_offset_commit(reply.body, reply.version);
  if (!response.ok()) {
    return {.reply = CommitReply::alike(entries.size(), CommitOutcome::unknown, response.error())};
  }
  std::unordered_map<TopicPartition, ErrorCode> codes;
  for (const PartitionCommit& row : response->partitions) {
    codes[{std::string(row.topic), row.partition}] = row.error_code;
  }
  CommitRead out;
  for (const EntryToCommit& entry : entries) {
    const auto found = codes.find(entry.id);
    const std::string what = concat("committing position ", entry.position.value, " of ", named(entry.id));
    if (found == codes.end()) {
      out.reply.items.push_back(
          {.outcome = CommitOutcome::unknown,
           .error = make_error(ErrorKind::corrupt, Action::retry,
                               concat(what, ": the broker did not say what became of it"), "no answer")});
    } else if (found->second == ErrorCode::none) {
      out.reply.items.push_back({.outcome = CommitOutcome::done, .error = {}});
    } else {
      out.reply.items.push_back(
          {.outcome = commit_outcome(found->second), .error = broker_error(found->second, what)});
      out.wrong_coordinator = out.wrong_coordinator || is_wrong_coordinator(found->second);
      out.reply.membership_lost = out.reply.membership_lost || is_membership_lost(found->second);
    }
  }
  return out;
}

Result<void> leave_answer(const Reply& reply, const std::string& what) {
  const Result<LeaveGroupResponse> response = decode_leave_group(reply.body, reply.version);
  if (!response.ok()) {
    return response.error();
  }
  if (response->error_code != ErrorCode::none) {
    return broker_error(response->error_code, what);
  }
  for (const ErrorCode code : response->member_codes) {
    if (code != ErrorCode::none) {
      return broker_error(code, what);
    }
  }
  return {};
}

Result<void> remove_answer(const Reply& reply, const std::string& what) {
  const Result<DeleteGroupsResponse> response = decode_delete_groups(reply.body, reply.version);
  if (!response.ok()) {
    return response.error();
  }
  for (const ErrorCode code : response->codes) {
    if (code != ErrorCode::none && code != ErrorCode::group_id_not_found) {
      return broker_error(code, what);
    }
  }
  return {};
}

}  // namespace

GroupOffsets::GroupOffsets(io::Loop& loop, const Clock& clock, ClusterClient& cluster, BrokerAccess access,
                           std::string group, Duration unacknowledged_max)
    : loop_(loop),
      clock_(clock),
      cluster_(cluster),
      access_(std::move(access)),
      group_(std::move(group)),
      unacknowledged_max_(unacknowledged_max) {}

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
  coordinator_ =
      std::make_unique<BrokerConnection>(loop_, clock_,
                                         BrokerConnection::Options{.host = found->host,
                                                                   .port = found->port,
                                                                   .access = access_,
                                                                   .unacknowledged_max = unacknowledged_max_,
                                                                   .listens_when_idle = true});
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
  read_apart(std::move(partitions),
             [done = std::move(done)](const Result<ApartEntries>& apart) { done(together(apart)); });
}

void GroupOffsets::read_apart(std::vector<TopicPartition> partitions,
                              std::function<void(Result<ApartEntries>)> done) {
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
                               if (answer.wrong_coordinator) {
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
                 rows.push_back({entry.id.topic, entry.id.partition, entry.position, entry.metadata,
                                 entry.leader_epoch});
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
                 done(CommitReply::alike(sent->size(),
                                         reply.sent ? CommitOutcome::unknown : CommitOutcome::not_done,
                                         reply.error));
                 return;
               }
               CommitRead read = commit_answer(reply, *sent);
               if (read.wrong_coordinator) {
                 forget_coordinator();
               }
               done(std::move(read.reply));
             }});
  };
  with_coordinator(send, [sent, done](Error error) {
    done(CommitReply::alike(sent->size(), CommitOutcome::not_done, std::move(error)));
  });
}

void GroupOffsets::leave(MemberStamp stamp, Duration timeout, std::function<void(Result<void>)> done) {
  tell_coordinator(
      ApiKey::leave_group,
      [this, who = std::move(stamp)](Buffer& out, std::int16_t version) {
        encode_leave_group(out, version,
                           {.group = group_, .member_id = who.member_id, .instance_id = who.instance_id});
      },
      timeout, [this](const Reply& reply) { return leave_answer(reply, concat("leaving group ", group_)); },
      std::move(done));
}

void GroupOffsets::remove(Duration timeout, std::function<void(Result<void>)> done) {
  tell_coordinator(
      ApiKey::delete_groups,
      [this](Buffer& out, std::int16_t version) { encode_delete_groups(out, version, {.group = group_}); },
      timeout, [this](const Reply& reply) { return remove_answer(reply, concat("deleting group ", group_)); },
      std::move(done));
}

void GroupOffsets::tell_coordinator(ApiKey api, std::function<void(Buffer&, std::int16_t)> encode,
                                    Duration timeout, std::function<Result<void>(const Reply&)> answer,
                                    std::function<void(Result<void>)> done) {
  const auto send = [this, api, encode = std::move(encode), timeout, answer = std::move(answer),
                     done](BrokerConnection& coordinator) {
    coordinator.request({.api = api,
                         .encode = encode,
                         .timeout = timeout,
                         .into = nullptr,
                         .done = [this, answer, done](const Reply& reply) {
                           if (reply.error) {
                             forget_coordinator();
                             done(*reply.error);
                             return;
                           }
                           done(answer(reply));
                         }});
  };
  with_coordinator(send, [done](Error error) { done(std::move(error)); });
}

}  // namespace penstock::wire
