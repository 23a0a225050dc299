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
//      second.
//   3. The leader of "orders 1" is asked for the end of its log: 70. While nobody knows who leads it, that
//      is tried again each 100 ms, and is worth a line only after ten seconds.
//   4. The session activates. The pipeline hears `assigned` with 40 and 70, settles the claims that it finds
//      in the entries, and says by fetch_from() where to read each.
//   5. While it reads, retention deletes what lies before 60. The leader answers the Fetch at 40 with
//      OFFSET_OUT_OF_RANGE. So the log's start and end are looked up. With on_data_loss: continue the
//      pipeline gets a span that says "lost, up to 60", and reading goes on at 60 when it was taken. With
//      stop the partition fails.
//
// All of this is asked over the network, and the group may take the assignment back meanwhile. So each answer
// is bound to the assignment of its question (for_this_epoch()), and what comes too late is dropped.
#include "kafka/direct_source.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/concat.h"
#include "kafka/broker_access.h"
#include "wire/list_offsets.h"

namespace penstock::kafka {
namespace {

constexpr Duration k_pause = std::chrono::seconds(1);               // between questions that failed
constexpr Duration k_short_pause = std::chrono::milliseconds(100);  // while the leaders are being asked for

// Elections take seconds; a partition without a leader for longer is worth a line.
constexpr Duration k_without_leader_until_told = std::chrono::seconds(10);

std::int64_t timestamp_of(const source::StartPoint& start) {
  switch (start.at) {
    case source::StartAt::earliest:
      return wire::k_timestamp_start;
    case source::StartAt::latest:
      return wire::k_timestamp_end;
    case source::StartAt::timestamp:
      break;
  }
  return start.timestamp_ms;
}

}  // namespace

DirectSource::DirectSource(io::Loop& loop, const Clock& clock, DirectSourceOptions options)
    : loop_(loop),
      clock_(clock),
      options_(std::move(options)),
      session_(clock, options_,
               {.resolve = [this] { resolve(); },
                .ending = [this] { lost_.clear(); },
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
  offsets_ = std::make_unique<wire::GroupOffsets>(loop_, clock_, *cluster_, *access, options_.consumer.group);
  fetcher_ = std::make_unique<Fetcher>(
      loop_, clock_, *cluster_,
      FetcherOptions{.access = *access,
                     .wait = options_.consumer.fetch_wait,
                     .batch_bytes_max = options_.batch_bytes_max,
                     .lanes_per_broker = std::max(options_.lanes_per_broker, 1U),
                     .headers = options_.headers},
      FetcherEvents{
          .failed = [this](PartitionSlot slot, Error error) { on_partition_failed(slot, std::move(error)); },
          .position_lost = [this](PartitionSlot slot, Position wanted) { on_position_lost(slot, wanted); },
          .trouble = [this](Error error) { session_.report_passing(std::move(error)); }});
  lookup_ = std::make_unique<OffsetLookup>(loop_, clock_, *fetcher_);
  search_ = std::make_unique<LogBoundsSearch>(
      loop_, *lookup_, [this](Error error) { session_.report_passing(std::move(error)); });
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

// Resolving

void DirectSource::resolve() {
  begun_ = clock_.now();
  fetcher_->begin(session_.partitions());
  read_assigned_entries();
}

void DirectSource::forget_assignment() {
  ++epoch_;
  search_->cancel();
  fetcher_->end();
  assigned_.clear();
  failed_early_.clear();
  lost_.clear();
}

void DirectSource::again_after(Duration pause, std::function<void()> step) {
  loop_.cancel_timer(again_timer_);
  again_timer_ = loop_.start_timer(pause, for_this_epoch(std::move(step)));
}

void DirectSource::read_assigned_entries() {
  offsets_->read(session_.partitions(), for_this_epoch([this](Result<wire::GroupEntries> entries) {
                   on_assigned_entries(std::move(entries));
                 }));
}

void DirectSource::on_assigned_entries(Result<wire::GroupEntries> entries) {
  if (!entries.ok()) {
    session_.report_passing(std::move(entries).error());
    again_after(k_pause, [this] { read_assigned_entries(); });
    return;
  }
  assigned_.clear();
  without_entry_.clear();
  const std::vector<TopicPartition>& ids = session_.partitions();
  for (std::uint32_t i = 0; i < ids.size(); ++i) {
    source::Assigned& assigned = assigned_.emplace_back();
    assigned.id = ids[i];
    assigned.entry = std::move((*entries)[i]);
    if (assigned.entry) {
      assigned.start = assigned.entry->position;
    } else {
      without_entry_.push_back(PartitionSlot{i});
    }
  }
  list_starts(timestamp_of(options_.consumer.start));
}

void DirectSource::list_starts(std::int64_t timestamp_ms) {
  std::erase_if(without_entry_, [this](PartitionSlot slot) { return fetcher_->failed(slot); });
  if (without_entry_.empty()) {
    activate();
    return;
  }
  lookup_->ask(without_entry_, timestamp_ms, for_this_epoch([this, timestamp_ms](const OffsetAnswer& starts) {
                 on_starts(timestamp_ms, starts);
               }));
}

void DirectSource::on_starts(std::int64_t timestamp_ms, const OffsetAnswer& starts) {
  if (starts.error) {
    const bool soon = starts.kind == OffsetAnswer::Kind::no_leader;
    if (!soon || clock_.now() - begun_ > k_without_leader_until_told) {
      session_.report_passing(*starts.error);
    }
    again_after(soon ? k_short_pause : k_pause, [this, timestamp_ms] { list_starts(timestamp_ms); });
    return;
  }
  std::vector<PartitionSlot> older;  // every record is older than the time asked for: they begin at the end
  for (std::size_t i = 0; i < without_entry_.size(); ++i) {
    if (starts.positions[i]) {
      assigned_[without_entry_[i].value].start = *starts.positions[i];
    } else {
      older.push_back(without_entry_[i]);
    }
  }
  without_entry_ = std::move(older);
  list_starts(wire::k_timestamp_end);
}

void DirectSource::activate() {
  auto failed = std::exchange(failed_early_, {});
  for (const auto& [slot, error] : failed) {
    source::Assigned& partition = assigned_[slot.value];
    partition.start_known = partition.entry.has_value();
  }
  session_.activate(assigned_);
  for (auto& [slot, error] : failed) {
    session_.tell_failed(slot, std::move(error));
  }
}

void DirectSource::on_partition_failed(PartitionSlot slot, Error error) {
  lost_.drop(slot);
  if (session_.held()) {
    session_.tell_failed(slot, std::move(error));
  } else if (session_.resolving()) {
    failed_early_.emplace_back(slot, std::move(error));
  }
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
    fetcher_->fetch_from(lost->slot, lost->next);
  }
}

void DirectSource::fetch_from(PartitionSlot slot, Position position) {
  CHECK(session_.held());
  lost_.drop(slot);
  fetcher_->fetch_from(slot, position);
}

void DirectSource::hold(PartitionSlot slot) {
  CHECK(session_.held());
  lost_.drop(slot);
  fetcher_->hold(slot);
}

// Lost positions

void DirectSource::on_position_lost(PartitionSlot slot, Position wanted) {
  search_->find(slot, wanted,
                [this, slot, wanted](const source::LogBounds& log) { recover(slot, wanted, log); });
}

void DirectSource::recover(PartitionSlot slot, Position wanted, const source::LogBounds& log) {
  // It may have failed, been rewound or held meanwhile, and even been lost and searched for a second time.
  if (!session_.held() || fetcher_->failed(slot) || !fetcher_->waits_for_position(slot) ||
      lost_.contains(slot)) {
    return;
  }
  source::Recovery recovery =
      source::recover_position(session_.partition(slot), wanted, log, options_.consumer.on_data_loss);
  if (recovery.stop) {
    fetcher_->fail(slot);
    session_.tell_failed(slot, *std::move(recovery.stop));
  } else if (recovery.warning) {
    session_.report(*std::move(recovery.warning));
    lost_.add(slot, recovery.next);
  } else {
    fetcher_->fetch_from(slot, recovery.next);
  }
}

// Entries, commits, state, end

void DirectSource::read_entries(std::span<const PartitionSlot> slots,
                                std::function<void(Result<std::vector<std::optional<GroupEntry>>>)> done) {
  CHECK(session_.has_slots());
  std::vector<TopicPartition> partitions;
  for (const PartitionSlot slot : slots) {
    partitions.push_back(session_.partition(slot));
  }
  offsets_->read(std::move(partitions), for_this_epoch(std::move(done)));
}

void DirectSource::commit(std::span<const CommitItem> commits, std::function<void(CommitReply)> done) {
  offsets_->commit(session_.stamp(), session_.entries_of(commits), options_.commit_timeout,
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
  const std::unique_ptr<source::Membership> left = session_.close();
  search_.reset();
  lookup_.reset();
  fetcher_.reset();
  offsets_.reset();
  cluster_.reset();
  assigned_.clear();
  lost_.clear();
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
                      .at_end_mark = session_.at_end_mark(slot, position)});
  }
}

source::SourceCounters DirectSource::counters() const {
  return {.errors = session_.error_count(), .throttled_ms = fetcher_ ? fetcher_->throttled_ms() : 0};
}

}  // namespace penstock::kafka
