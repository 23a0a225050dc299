#include "kafka/direct_source.h"

#include <algorithm>
#include <array>
#include <utility>

#include <librdkafka/rdkafka.h>

#include "base/check.h"
#include "base/concat.h"
#include "kafka/broker_access.h"
#include "rdkafka/kafka_errors.h"
#include "rdkafka/rd_handles.h"
#include "wire/list_offsets.h"

namespace penstock::kafka {
namespace {

constexpr Duration k_pause = std::chrono::seconds(1);               // between questions that failed
constexpr Duration k_short_pause = std::chrono::milliseconds(100);  // while the leaders are being asked for

// Elections take seconds; a partition without a leader for longer is worth a line.
constexpr Duration k_without_leader_until_told = std::chrono::seconds(10);

// A leader elected a moment ago may answer with an end that is behind what was read from its predecessor: ask
// again before calling it a loss.
constexpr int k_tries_beyond_end = 3;

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

std::string why_not_direct(const source::ConsumerOptions& options) {
  for (const auto& [name, value] : options.passthrough) {
    for (const std::string_view own :
         {"ssl.", "enable.ssl.", "sasl.", "enable.sasl.", "client.dns.", "client.rack"}) {
      if (name.starts_with(own)) {
        return concat("source.librdkafka sets ", name, ", which only librdkafka's own connections follow");
      }
    }
  }
  return {};
}

DirectSource::DirectSource(io::Loop& loop, const Clock& clock, DirectSourceOptions options)
    : loop_(loop), clock_(clock), options_(std::move(options)) {}

DirectSource::~DirectSource() {
  close();
}

Result<void> DirectSource::start(source::SourceHandlers handlers) {
  CHECK(client_ == nullptr);
  handlers_ = std::move(handlers);
  Result<wire::BrokerAccess> access = broker_access(options_.client);
  if (!access.ok()) {
    return std::move(access).error();
  }
  Result<std::vector<std::string>> brokers = broker_addresses(options_.client);
  if (!brokers.ok()) {
    return std::move(brokers).error();
  }
  auto cluster = wire::ClusterClient::make(loop_, clock_, *brokers, *access);
  if (!cluster.ok()) {
    return std::move(cluster).error();
  }
  cluster_ = std::move(cluster).value();
  offsets_ = std::make_unique<wire::GroupOffsets>(loop_, clock_, *cluster_, *access, options_.client.group);
  fetcher_ = std::make_unique<Fetcher>(
      loop_, clock_, *cluster_,
      FetcherOptions{.access = *access,
                     .wait = options_.client.fetch_wait,
                     .batch_bytes_max = options_.batch_bytes_max,
                     .lanes_per_broker = std::max(options_.lanes_per_broker, 1U),
                     .headers = options_.headers},
      FetcherEvents{
          .records = [this](const source::RecordSpan& span) { return handlers_.records(span); },
          .failed = [this](PartitionSlot slot, Error error) { on_partition_failed(slot, std::move(error)); },
          .position_lost = [this](PartitionSlot slot, Position wanted) { on_position_lost(slot, wanted); },
          .trouble = [this](Error error) { report_passing(std::move(error)); }});
  auto client = rdkafka::ConsumerClient::join(options_.client, rdkafka::EndOfPartition::silent, loop_);
  if (!client.ok()) {
    return std::move(client).error();
  }
  client_ = std::move(client).value();
  return {};
}

bool DirectSource::poll(Room room, std::size_t records_max) {
  if (client_ == nullptr) {
    return false;
  }
  events_.clear();
  client_->poll_group(events_);
  for (rdkafka::GroupEvent& event : events_) {
    on_event(event);
  }
  if (state_ == State::resolving) {
    fetcher_->poll(0);  // finds the leaders
  }
  return room == Room::some && state_ == State::held && fetcher_->poll(records_max);
}

// Group

void DirectSource::on_event(rdkafka::GroupEvent& event) {
  switch (event.kind) {
    case rdkafka::GroupEvent::Kind::assigned:
      return on_assigned(event);
    case rdkafka::GroupEvent::Kind::revoked:
      return on_revoked(source::RevokeReason::rebalance);
    case rdkafka::GroupEvent::Kind::lost:
      return on_revoked(source::RevokeReason::lost);
    case rdkafka::GroupEvent::Kind::error:
      return on_group_error(event);
  }
}

void DirectSource::on_assigned(rdkafka::GroupEvent& event) {
  seen_assignment_ = true;
  CHECK(event.stamp.has_value());
  if (!event.stamp->ok()) {
    report(event.stamp->error());
    return;
  }
  Given given{.partitions = std::move(event.partitions), .stamp = **event.stamp};
  // An empty assignment is replaced without having been revoked.
  if (state_ == State::held) {
    next_assignment_ = std::move(given);
    end_assignment(source::RevokeReason::rebalance);
  } else if (state_ == State::ending) {
    next_assignment_ = std::move(given);
  } else {
    begin(std::move(given));
  }
}

void DirectSource::on_revoked(source::RevokeReason reason) {
  if (state_ == State::held) {
    end_assignment(reason);
  } else if (state_ == State::ending) {
    next_assignment_.reset();  // release() answers
  } else {                     // the pipeline never had it
    ++epoch_;
    fetcher_->end();
    state_ = State::none;
    client_->unassign();
  }
}

void DirectSource::end_assignment(source::RevokeReason reason) {
  state_ = State::ending;
  handlers_.revoked(reason);
}

void DirectSource::release() {
  CHECK(state_ == State::ending);
  ++epoch_;
  fetcher_->end();
  assigned_.clear();
  state_ = State::none;
  if (next_assignment_) {
    begin(*std::exchange(next_assignment_, std::nullopt));
    return;
  }
  client_->unassign();
}

void DirectSource::on_group_error(const rdkafka::GroupEvent& event) {
  int code = event.code;
  std::string what = event.reason;
  if (code == RD_KAFKA_RESP_ERR__FATAL) {
    std::array<char, 512> sentence{};
    code = rd_kafka_fatal_error(client_->handle(), sentence.data(), sentence.size());
    what = sentence.data();
  }
  if (!event.topic.empty()) {
    what = concat("topic ", event.topic);
  }
  Error error =
      rdkafka::kafka_error(code, concat("Kafka consumer group ", options_.client.group, ": ", what));
  if (event.code == RD_KAFKA_RESP_ERR__FATAL) {
    error.action = Action::fatal;
  } else if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART && seen_assignment_) {
    // A topic that was deleted does not end the others; it may come back.
    error.action = Action::retry;
  }
  report(std::move(error));
}

// Resolving

void DirectSource::begin(Given given) {
  ++epoch_;
  fetcher_->end();
  state_ = State::resolving;
  begun_ = clock_.now();
  given_ = std::move(given);
  failed_early_.clear();
  fetcher_->begin(given_.partitions);
  if (given_.partitions.empty()) {
    assigned_.clear();
    activate();
    return;
  }
  read_assigned_entries();
}

void DirectSource::again(void (DirectSource::*step)()) {
  loop_.cancel_timer(again_timer_);
  again_timer_ = loop_.start_timer(k_pause, for_this_epoch([this, step] { (this->*step)(); }));
}

void DirectSource::read_assigned_entries() {
  offsets_->read(given_.partitions, for_this_epoch([this](Result<wire::GroupEntries> entries) {
                   on_assigned_entries(std::move(entries));
                 }));
}

void DirectSource::on_assigned_entries(Result<wire::GroupEntries> entries) {
  if (!entries.ok()) {
    report_passing(std::move(entries).error());
    again(&DirectSource::read_assigned_entries);
    return;
  }
  assigned_.clear();
  without_entry_.clear();
  for (std::uint32_t i = 0; i < given_.partitions.size(); ++i) {
    source::Assigned& assigned = assigned_.emplace_back();
    assigned.id = given_.partitions[i];
    assigned.entry = std::move((*entries)[i]);
    if (assigned.entry) {
      assigned.start = assigned.entry->position;
    } else {
      without_entry_.push_back(PartitionSlot{i});
    }
  }
  if (without_entry_.empty()) {
    activate();
    return;
  }
  list_starts(timestamp_of(options_.client.start));
}

void DirectSource::list_starts(std::int64_t timestamp_ms) {
  std::erase_if(without_entry_, [this](PartitionSlot slot) { return fetcher_->failed(slot); });
  if (without_entry_.empty()) {
    activate();
    return;
  }
  fetcher_->list_offsets(without_entry_, timestamp_ms,
                         for_this_epoch([this, timestamp_ms](Result<Fetcher::Positions> starts) {
                           on_starts(timestamp_ms, std::move(starts));
                         }));
}

void DirectSource::on_starts(std::int64_t timestamp_ms, Result<Fetcher::Positions> starts) {
  if (!starts.ok()) {
    const bool soon = starts.error().code == "no leader";
    if (!soon || clock_.now() - begun_ > k_without_leader_until_told) {
      report_passing(std::move(starts).error());
    }
    loop_.cancel_timer(again_timer_);
    again_timer_ = loop_.start_timer(soon ? k_short_pause : k_pause,
                                     for_this_epoch([this, timestamp_ms] { list_starts(timestamp_ms); }));
    return;
  }
  std::vector<PartitionSlot> older;  // every record is older than the time asked for: they begin at the end
  for (std::size_t i = 0; i < without_entry_.size(); ++i) {
    if ((*starts)[i]) {
      assigned_[without_entry_[i].value].start = *(*starts)[i];
    } else {
      older.push_back(without_entry_[i]);
    }
  }
  without_entry_ = std::move(older);
  if (without_entry_.empty()) {
    activate();
  } else {
    list_starts(wire::k_timestamp_end);
  }
}

void DirectSource::activate() {
  state_ = State::held;
  auto failed = std::exchange(failed_early_, {});
  for (const auto& [slot, error] : failed) {
    source::Assigned& partition = assigned_[slot.value];
    partition.start_known = partition.entry.has_value();
  }
  handlers_.assigned(assigned_);
  for (auto& [slot, error] : failed) {
    handlers_.partition_failed(slot, std::move(error));
  }
}

// Records

void DirectSource::fetch_from(PartitionSlot slot, Position position) {
  CHECK(state_ == State::held);
  fetcher_->fetch_from(slot, position);
}

void DirectSource::hold(PartitionSlot slot) {
  CHECK(state_ == State::held);
  fetcher_->hold(slot);
}

void DirectSource::on_position_lost(PartitionSlot slot, Position wanted) {
  look_for_position(slot, wanted, k_tries_beyond_end);
}

void DirectSource::look_for_position(PartitionSlot slot, Position wanted, int tries_left) {
  const auto again_later = [this, slot, wanted](int tries) {
    loop_.start_timer(
        k_pause, for_this_epoch([this, slot, wanted, tries] { look_for_position(slot, wanted, tries); }));
  };
  const auto on_end = [this, slot, wanted, tries_left, again_later](Position start,
                                                                    Result<Fetcher::Positions> ends) {
    if (!ends.ok() || !ends->front()) {
      if (!ends.ok()) {
        report_passing(std::move(ends).error());
      }
      again_later(tries_left);
    } else if (wanted > *ends->front() && tries_left > 1) {
      again_later(tries_left - 1);
    } else {
      recover(slot, wanted, {.start = start, .end = *ends->front()});
    }
  };
  fetcher_->list_offsets(
      {slot}, wire::k_timestamp_start,
      for_this_epoch([this, slot, on_end, again_later, tries_left](Result<Fetcher::Positions> starts) {
        if (!starts.ok() || !starts->front()) {
          if (!starts.ok()) {
            report_passing(std::move(starts).error());
          }
          again_later(tries_left);
          return;
        }
        fetcher_->list_offsets(
            {slot}, wire::k_timestamp_end,
            for_this_epoch([start = *starts->front(), on_end](Result<Fetcher::Positions> ends) mutable {
              on_end(start, std::move(ends));
            }));
      }));
}

void DirectSource::recover(PartitionSlot slot, Position wanted, const source::LogBounds& log) {
  if (state_ != State::held || !fetcher_->waits_for_position(slot)) {  // rewound or held meanwhile
    return;
  }
  const TopicPartition& id = given_.partitions[slot.value];
  const source::StartDecision decision =
      source::decide_start({.committed = wanted, .log = log, .at_time = {}}, options_.client.start.at,
                           options_.client.on_data_loss);
  // Within an assignment a position never goes back: a log that lost its end stops until the next assignment.
  if (decision.lost &&
      (decision.start < wanted || options_.client.on_data_loss == source::OnDataLoss::stop)) {
    fail(slot, source::data_loss_stop(id, wanted, log));
    return;
  }
  if (decision.lost) {
    report(source::data_loss_warning(id, wanted, log, decision.start));
    handlers_.records({.slot = slot, .records = {}, .next = decision.start, .lost = true});
  }
  fetcher_->fetch_from(slot, decision.start);
}

void DirectSource::on_partition_failed(PartitionSlot slot, Error error) {
  if (state_ == State::held) {
    handlers_.partition_failed(slot, std::move(error));
  } else if (state_ == State::resolving) {
    failed_early_.emplace_back(slot, std::move(error));
  }
}

void DirectSource::fail(PartitionSlot slot, Error error) {
  fetcher_->fail(slot);
  handlers_.partition_failed(slot, std::move(error));
}

// Offsets, state, end

void DirectSource::read_entries(std::span<const PartitionSlot> slots,
                                std::function<void(Result<std::vector<std::optional<GroupEntry>>>)> done) {
  const bool has_assignment = state_ == State::held || state_ == State::ending;
  CHECK(has_assignment);
  std::vector<TopicPartition> partitions;
  for (const PartitionSlot slot : slots) {
    partitions.push_back(given_.partitions.at(slot.value));
  }
  offsets_->read(std::move(partitions), for_this_epoch(std::move(done)));
}

void DirectSource::commit(std::span<const CommitItem> commits, std::function<void(CommitReply)> done) {
  CHECK(!commits.empty());
  const bool has_assignment = state_ == State::held || state_ == State::ending;
  CHECK(has_assignment);
  std::vector<EntryToCommit> entries;
  for (const CommitItem& commit : commits) {
    entries.push_back({.id = given_.partitions.at(commit.slot.value),
                       .position = commit.position,
                       .metadata = commit.metadata});
  }
  offsets_->commit(given_.stamp, std::move(entries), options_.commit_timeout,
                   [done = std::move(done), alive = std::weak_ptr(alive_)](CommitReply reply) {
                     if (!alive.expired()) {
                       done({.outcome = reply.outcome,
                             .membership_lost = reply.membership_lost,
                             .error = std::move(reply.error)});
                     }
                   });
}

void DirectSource::close() {
  if (client_ == nullptr) {
    return;
  }
  ++epoch_;
  alive_ = std::make_shared<char>();
  loop_.cancel_timer(std::exchange(again_timer_, io::TimerId::none));
  client_->close(options_.close_timeout);
  fetcher_.reset();
  offsets_.reset();
  cluster_.reset();
  client_.reset();
  assigned_.clear();
  next_assignment_.reset();
  state_ = State::none;
}

bool DirectSource::at_end_mark(PartitionSlot slot) const {
  if (!options_.end_marks) {
    return false;
  }
  const auto mark = options_.end_marks->find(given_.partitions[slot.value]);
  return mark == options_.end_marks->end() || fetcher_->position(slot) >= mark->second;
}

void DirectSource::partition_states(std::vector<source::PartitionState>& states) const {
  states.clear();
  if (state_ != State::held && state_ != State::ending) {
    return;
  }
  for (std::uint32_t i = 0; i < fetcher_->size(); ++i) {
    const PartitionSlot slot{i};
    states.push_back({.slot = slot,
                      .position = fetcher_->position(slot),
                      .log_end = fetcher_->log_end(slot),
                      .at_end_mark = at_end_mark(slot)});
  }
}

source::SourceCounters DirectSource::counters() const {
  source::SourceCounters counters = counters_;
  counters.throttled_ms = fetcher_ ? fetcher_->throttled_ms() : 0;
  return counters;
}

// A running worker waits for a rotated password, a renewed certificate or a right that was taken away; what is wrong
// from the beginning is found before it starts (probe_cluster).
void DirectSource::report_passing(Error error) {
  error.action = Action::retry;
  report(std::move(error));
}

void DirectSource::report(Error error) {
  if (error.action == Action::fatal) {
    if (!std::exchange(fatal_, true)) {
      handlers_.failed(std::move(error));
    }
    return;
  }
  ++counters_.errors;
  if (gate_.passes(error.code, clock_.now())) {
    handlers_.failed(std::move(error));
  }
}

}  // namespace penstock::kafka
