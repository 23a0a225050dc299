// How it works
//
// The session (source/group_session.h) knows which assignment there is. The fetcher knows how to read it.
// This file lies between them: it finds where partitions start, and what to do when a position is not in its
// log any more.
//
// The worked case is an assignment of "orders 0" and "orders 1" to a new worker, with source.start: latest:
//
//   1. The session asks to resolve. The fetcher begins with both partitions held, and looks for their
//      leaders.
//   2. The group's entries are read from its coordinator. "orders 0" has one, at 40: it starts there.
//      "orders 1" has none. An error here is never read as "no entry": the question is asked again, each
//      second. direct_source_starts.cc tells how its start is found: 70.
//   3. The session activates. The pipeline hears `assigned` with 40 and 70, settles the claims that it finds
//      in the entries, and says by fetch_from() where to read each.
//   4. While it reads, retention deletes what lies before 60. The leader answers the Fetch at 40 with
//      OFFSET_OUT_OF_RANGE. So the log's start and end are looked up. With on_data_loss: continue the
//      pipeline gets a span that says "lost, up to 60", and reading goes on at 60 when it was taken. With
//      stop the partition fails.
//   5. The topic is deleted and made anew. The fetcher notices (fetcher_history.cc), and hands over nothing
//      more of "orders 0". With stop the partition fails. With continue the pipeline hears `moved` to the new
//      log's start, 0. It publishes what it was given of the former log, and then says fetch_from(0). Until
//      then the partition is noted in moves_, and no other place is read.
//
// All of this is asked over the network, and the group may take the assignment back meanwhile. So each answer
// is bound to the assignment of its question (for_this_epoch()), and what comes too late is dropped.
#include "kafka/direct_source.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/concat.h"
#include "kafka/broker_access.h"

namespace penstock::kafka {
DirectSource::DirectSource(io::Loop& loop, const Clock& clock, DirectSourceOptions options)
    : loop_(loop),
      clock_(clock),
      options_(std::move(options)),
      session_(clock, options_,
               {.resolve = [this] { resolve(); },
                .ending = [this] { end_records(); },
                .over = [this] { forget_assignment(); }}) {}

DirectSource::~DirectSource() {
  close();
}

Result<void> DirectSource::start(source::SourceHandlers handlers) {
  CHECK(!session_.started());
  if (Result<void> connected = connect(); !connected.ok()) {
    return connected;
  }
  Result<std::unique_ptr<source::Membership>> membership = options_.join();
  if (!membership.ok()) {
    return std::move(membership).error();
  }
  session_.start(std::move(membership).value(), std::move(handlers));
  // About no topic: the answer names every broker. A worker that is assigned nothing for long would know but
  // those of the configuration, and have nobody to ask when these are away by then.
  cluster_->ask_leaders({}, [](const Result<wire::ClusterView>&) {});
  return {};
}

// Our own connections; each opens when it is needed.
Result<void> DirectSource::connect() {
  Result<wire::BrokerAccess> access = broker_access(options_.consumer);
  if (!access.ok()) {
    return std::move(access).error();
  }
  Result<std::vector<std::string>> brokers = broker_addresses(options_.consumer);
  if (!brokers.ok()) {
    return std::move(brokers).error();
  }
  auto cluster = wire::ClusterClient::make(loop_, clock_, *brokers, *access);
  if (!cluster.ok()) {
    return std::move(cluster).error();
  }
  cluster_ = std::move(cluster).value();
  offsets_ = std::make_unique<wire::GroupOffsets>(loop_, clock_, *cluster_, *access, options_.consumer.group,
                                                  options_.commit_timeout);
  fetcher_ = std::make_unique<Fetcher>(
      loop_, clock_, *cluster_,
      FetcherOptions{.access = *access,
                     .wait = options_.consumer.fetch_wait,
                     .batch_bytes_max = options_.batch_bytes_max,
                     .lanes_per_broker = std::max(options_.lanes_per_broker, 1U),
                     .headers = options_.headers},
      FetcherEvents{
          .failed = [this](PartitionSlot slot, Error error) { on_partition_failed(slot, std::move(error)); },
          .position_lost =
              [this](PartitionSlot slot, Position wanted) {
                search_->find(slot, wanted, [this, slot, wanted](const source::LogBounds& log) {
                  recover(slot, wanted, log);
                });
              },
          .anew = [this](PartitionSlot slot, Position wanted) { on_anew(slot, wanted); },
          .cut = [this](PartitionSlot slot, Position wanted,
                        Position cut_at) { find_place(slot, source::LossKind::cut, wanted, cut_at); },
          .doubtful = [this](PartitionSlot slot,
                             const LogEvidence& evidence) { on_doubtful(slot, evidence); },
          .waits = [this](PartitionSlot slot, Error error) { session_.tell_waits(slot, std::move(error)); },
          .goes_on = [this](PartitionSlot slot) { session_.tell_goes_on(slot); },
          .answered = [this] { find_starts(); },
          .trouble = [this](Error error) { session_.report_passing(std::move(error)); }});
  lookup_ = std::make_unique<OffsetLookup>(loop_, clock_, *fetcher_);
  search_ = std::make_unique<LogBoundsSearch>(
      loop_, *lookup_, [this](Error error) { session_.report_passing(std::move(error)); });
  starts_ = std::make_unique<StartFinder>(
      loop_, *lookup_,
      StartFinder::Events{.found = [this](PartitionSlot slot, Position start) { on_start(slot, start); },
                          .not_yet = [this](PartitionSlot slot,
                                            const OffsetAnswer& answer) { on_no_start_yet(slot, answer); }});
  return {};
}

void DirectSource::poll() {
  if (!session_.started()) {
    return;
  }
  session_.poll();
  if (session_.resolving() || session_.held()) {
    fetcher_->poll();
  }
}

void DirectSource::on_partition_failed(PartitionSlot slot, Error error) {
  lost_.drop(slot);
  session_.tell_failed(slot, std::move(error));
}

// Records

const source::RecordSpan* DirectSource::front() {
  if (!session_.held()) {
    return nullptr;
  }
  const source::RecordSpan* lost = lost_.front();
  return lost != nullptr ? lost : fetcher_->front();
}

void DirectSource::taken(std::size_t count) {
  if (!lost_.offered()) {
    fetcher_->taken(count);
  } else if (const auto lost = lost_.take()) {
    fetcher_->skip(lost->slot, fetcher_->position(lost->slot));
    fetcher_->fetch_from(lost->slot, lost->next);
  }
}

void DirectSource::fetch_from(PartitionSlot slot, Position position) {
  CHECK(session_.has_slots());
  if (!session_.held()) {
    return;
  }
  lost_.drop(slot);
  const auto move = moves_.find(session_.partition(slot));
  if (move == moves_.end()) {
    fetcher_->fetch_from(slot, position);
  } else if (move->second == position) {
    moves_.erase(move);
    fetcher_->fetch_from(slot, position);
  } else {
    fetcher_->hold(slot);
    find_place(slot, source::LossKind::made_anew, position, {});
  }
}

void DirectSource::read_elsewhere(PartitionSlot slot, Position from) {
  CHECK(session_.has_slots());
  if (session_.held()) {
    fetcher_->skip(slot, from);
  }
}

void DirectSource::hold(PartitionSlot slot) {
  CHECK(session_.has_slots());
  if (session_.held()) {
    lost_.drop(slot);
    fetcher_->hold(slot);
  }
}

void DirectSource::distrust(PartitionSlot slot, Position position) {
  CHECK(session_.has_slots());
  if (session_.held()) {
    lost_.drop(slot);
    fetcher_->hold(slot);
    on_anew(slot, position);
  }
}

// Positions that do not belong to their log

// Also while the assignment is resolved: then the first fetch_from() finds that the partition is to move.
void DirectSource::on_anew(PartitionSlot slot, Position wanted) {
  moves_[session_.partition(slot)].reset();
  find_place(slot, source::LossKind::made_anew, wanted, {});
}

// For a partition that is to move: where its log begins, then move(). One search at a time.
void DirectSource::find_place(PartitionSlot slot, source::LossKind kind, Position wanted, Position cut_at) {
  if (!session_.held() || fetcher_->failed(slot) || !places_sought_.insert(slot).second) {
    return;
  }
  search_->find(slot, Position{0}, [this, slot, kind, wanted, cut_at](const source::LogBounds& log) {
    places_sought_.erase(slot);
    move(slot, {.kind = kind, .wanted = wanted, .log = log, .cut_at = std::max(cut_at, log.start)});
  });
}

void DirectSource::move(PartitionSlot slot, const source::Loss& loss) {
  const TopicPartition& id = session_.partition(slot);
  if (!session_.held() || fetcher_->failed(slot)) {
    return;
  }
  if (options_.consumer.on_data_loss == source::OnDataLoss::stop) {
    moves_.erase(id);
    fail(slot, source::data_loss_stop(id, loss));
    return;
  }
  lost_.drop(slot);
  fetcher_->hold(slot);
  fetcher_->forget_log(slot);
  const Position place = source::resumed_at(loss);
  moves_[id] = place;
  session_.report(source::data_loss_warning(id, loss));
  session_.tell_moved(slot, place, fetcher_->leaders().topic_id(slot));
}

void DirectSource::recover(PartitionSlot slot, Position wanted, const source::LogBounds& log) {
  // It may have failed, been rewound or held meanwhile, and even been lost and searched for a second time.
  if (!session_.held() || fetcher_->failed(slot) || !fetcher_->waits_for_position(slot) ||
      lost_.contains(slot)) {
    return;
  }
  const TopicPartition& id = session_.partition(slot);
  const std::optional<source::LossKind> kind = source::loss_of(wanted, log);
  if (!kind) {
    fetcher_->fetch_from(slot, wanted);  // a new leader has it again
    return;
  }
  source::Loss loss{.kind = *kind, .wanted = wanted, .log = log};
  if (kind == source::LossKind::end_lost) {
    if (is_of_this_topic(slot, wanted)) {  // so its log was cut
      loss.kind = source::LossKind::cut;
      loss.cut_at = log.end;
    }
    move(slot, loss);
  } else if (options_.consumer.on_data_loss == source::OnDataLoss::stop) {
    fail(slot, source::data_loss_stop(id, loss));
  } else {
    session_.report(source::data_loss_warning(id, loss));
    lost_.add(slot, source::resumed_at(loss));
  }
}

// An entry that names no topic may be of an earlier one.
bool DirectSource::is_of_this_topic(PartitionSlot slot, Position position) const {
  const std::string& topic_id = fetcher_->leaders().topic_id(slot);
  const std::optional<GroupEntry>& entry = assigned_.at(slot.value).entry;
  const bool from_entry = entry && entry->position == position;
  return !topic_id.empty() && (!from_entry || entry->metadata.find(topic_id) != std::string::npos);
}

// The ends are asked for until they are not before what was seen, or for some seconds.
void DirectSource::on_doubtful(PartitionSlot slot, const LogEvidence& evidence) {
  search_->find(slot, evidence.end_seen, [this, slot, evidence](const source::LogBounds& log) {
    LogEvidence weighed = evidence;
    weighed.now = log;
    weigh(slot, weighed);
  });
}

void DirectSource::weigh(PartitionSlot slot, const LogEvidence& evidence) {
  if (!session_.held() || fetcher_->failed(slot) || !fetcher_->waits_for_position(slot)) {
    return;
  }
  const Position position = fetcher_->position(slot);
  const Verdict verdict = judge(evidence);
  if (verdict == Verdict::anew) {
    const bool outside = position > evidence.now.end;
    move(slot, {.kind = outside ? source::LossKind::end_lost : source::LossKind::made_anew,
                .wanted = position,
                .log = evidence.now});
    return;
  }
  if (verdict == Verdict::unproven) {
    session_.report(source::perhaps_anew(session_.partition(slot), position, evidence.now));
  }
  fetcher_->believe_log(slot);
  fetcher_->fetch_from(slot, position);
}

void DirectSource::fail(PartitionSlot slot, Error error) {
  fetcher_->fail(slot);
  session_.tell_failed(slot, std::move(error));
}

// Entries, commits, state, end

void DirectSource::read_entries(std::vector<TopicPartition> partitions,
                                std::function<void(Result<std::vector<std::optional<GroupEntry>>>)> done) {
  CHECK(session_.started());
  offsets_->read(std::move(partitions),
                 alive_.guard([this, done = std::move(done)](Result<wire::GroupEntries> entries) {
                   if (!entries.ok()) {
                     session_.report_passing(entries.error());
                   }
                   done(std::move(entries));
                 }));
}

void DirectSource::commit(std::span<const CommitItem> commits, std::function<void(CommitReply)> done) {
  std::vector<EntryToCommit> entries = session_.entries_of(commits);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    entries[i].leader_epoch = fetcher_->epoch_before(commits[i].slot, commits[i].covers);
  }
  offsets_->commit(session_.stamp(), std::move(entries), options_.commit_timeout,
                   [done = std::move(done), alive = alive_.watch()](CommitReply reply) {
                     if (!alive.gone()) {
                       done(std::move(reply));
                     }
                   });
}

void DirectSource::release() {
  session_.release();
}

void DirectSource::close() {
  if (!session_.started()) {
    return;
  }
  ++epoch_;
  alive_.renew();
  loop_.cancel_timer(std::exchange(again_timer_, io::TimerId::none));
  const MemberStamp stamp = session_.last_stamp();
  const std::unique_ptr<source::Membership> left = session_.close();
  starts_.reset();
  search_.reset();
  lookup_.reset();
  fetcher_.reset();
  if (options_.leaves_group && stamp.instance_id && !stamp.member_id.empty()) {
    leave_group(stamp);
  }
  offsets_.reset();
  cluster_.reset();
  assigned_.clear();
  lost_.clear();
}

// A library that is closed does not leave for a static member, which the group would keep until its session
// ends. So we say it, once nobody is left who would join again.
void DirectSource::leave_group(const MemberStamp& stamp) {
  std::optional<Result<void>> answer;
  offsets_->leave(stamp, options_.close_timeout, [&answer](Result<void> left) { answer = std::move(left); });
  const MonoTime deadline = clock_.now() + options_.close_timeout;
  while (!answer && clock_.now() < deadline) {
    loop_.run_once(std::min<Duration>(deadline - clock_.now(), std::chrono::milliseconds(100)));
  }
  if (options_.consumer.log && (!answer || !answer->ok())) {
    constexpr int k_warning = 4;
    options_.consumer.log(
        k_warning, concat("the group ", options_.consumer.group,
                          " was not left, and keeps this instance's "
                          "partitions until its session ends: ",
                          answer ? answer->error().message : std::string("its coordinator does not answer")));
  }
}

void DirectSource::partition_states(std::vector<source::PartitionState>& states) const {
  states.clear();
  if (!session_.has_slots()) {
    return;
  }
  for (std::uint32_t i = 0; i < fetcher_->size(); ++i) {
    const PartitionSlot slot{i};
    const Position position = fetcher_->position(slot);
    states.push_back({.slot = slot,
                      .position = position,
                      .log_end = fetcher_->log_end(slot),
                      .log_end_at = fetcher_->log_end_at(slot),
                      .at_end_mark = session_.at_end_mark(slot, position, fetcher_->log_end(slot))});
  }
}

source::SourceCounters DirectSource::counters() const {
  source::SourceCounters counters{.errors = session_.error_count()};
  if (fetcher_) {
    counters.throttled_ms = fetcher_->throttled_ms();
    counters.last_answer = fetcher_->last_answer();
    counters.overdue_since = fetcher_->overdue_since();
  }
  return counters;
}

}  // namespace penstock::kafka
