#include "rdkafka/librdkafka_source.h"

#include <algorithm>
#include <array>
#include <utility>

#include <librdkafka/rdkafka.h>

#include "base/check.h"
#include "base/concat.h"
#include "rdkafka/kafka_errors.h"

namespace penstock::rdkafka {

LibrdkafkaSource::LibrdkafkaSource(io::Loop& loop, const Clock& clock, LibrdkafkaSourceOptions options)
    : loop_(loop), clock_(clock), options_(std::move(options)) {}

LibrdkafkaSource::~LibrdkafkaSource() {
  close();
}

Result<void> LibrdkafkaSource::start(source::SourceHandlers handlers) {
  CHECK(client_ == nullptr);
  handlers_ = std::move(handlers);
  auto client = ConsumerClient::join(
      options_.client, options_.end_marks ? EndOfPartition::reported : EndOfPartition::silent, loop_);
  if (!client) {
    return client.error();
  }
  client_ = std::move(*client);
  return {};
}

bool LibrdkafkaSource::poll(Room room, std::size_t records_max) {
  if (client_ == nullptr) {
    return false;
  }
  events_.clear();
  client_->poll_group(events_);
  for (GroupEvent& event : events_) {
    on_event(event);
  }
  serve_resolvers();
  if (reassign_due_ && state_ == State::held) {
    reassign();
  }
  return room == Room::some && hand_over(records_max);
}

// Group

void LibrdkafkaSource::on_event(GroupEvent& event) {
  switch (event.kind) {
    case GroupEvent::Kind::assigned:
      return on_assigned(std::move(event.partitions));
    case GroupEvent::Kind::revoked:
      return on_revoked(source::RevokeReason::rebalance);
    case GroupEvent::Kind::lost:
      return on_revoked(source::RevokeReason::lost);
    case GroupEvent::Kind::error:
      return on_group_error(event);
  }
}

void LibrdkafkaSource::on_assigned(std::vector<TopicPartition> partitions) {
  seen_assignment_ = true;
  // An empty assignment is replaced without having been revoked.
  if (state_ == State::held) {
    next_assignment_ = std::move(partitions);
    end_assignment(source::RevokeReason::rebalance);
  } else if (state_ == State::ending) {
    next_assignment_ = std::move(partitions);
  } else {
    begin(std::move(partitions));
  }
}

void LibrdkafkaSource::on_revoked(source::RevokeReason reason) {
  if (state_ == State::held) {
    end_assignment(reason);
  } else if (state_ == State::ending) {
    next_assignment_.reset();  // release() answers
  } else {
    // The pipeline never had it.
    cancel_resolvers();
    state_ = State::none;
    client_->unassign();
  }
}

void LibrdkafkaSource::end_assignment(source::RevokeReason reason) {
  cancel_resolvers();
  batch_.clear();
  state_ = State::ending;
  handlers_.revoked(reason);
}

void LibrdkafkaSource::release() {
  CHECK(state_ == State::ending);
  assignment_.clear();
  state_ = State::none;
  if (next_assignment_) {
    begin(*std::exchange(next_assignment_, std::nullopt));
    return;
  }
  client_->unassign();
  client_->discard_messages();
}

void LibrdkafkaSource::on_group_error(const GroupEvent& event) {
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
  Error error = kafka_error(code, concat("Kafka consumer group ", options_.client.group, ": ", what));
  if (event.code == RD_KAFKA_RESP_ERR__FATAL) {
    error.action = Action::fatal;
  } else if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART && seen_assignment_) {
    // A topic that was deleted does not end the others; it may come back.
    error.action = Action::retry;
  }
  report(std::move(error));
}

// Positions

std::unique_ptr<PositionResolver> LibrdkafkaSource::resolve(ResolveRequest request) {
  return std::make_unique<PositionResolver>(client_->handle(), std::move(request),
                                            [loop = &loop_] { loop->wake(); });
}

void LibrdkafkaSource::begin(std::vector<TopicPartition> partitions) {
  cancel_resolvers();
  client_->discard_messages();
  state_ = State::resolving;
  if (partitions.empty()) {
    activate({}, {});
    return;
  }
  resolver_ = resolve({.partitions = std::move(partitions), .wanted = {}, .start = options_.client.start});
}

void LibrdkafkaSource::cancel_resolvers() {
  if (resolver_) {
    resolver_->cancel();
    canceled_.push_back(std::move(resolver_));
  }
  for (Recovery& recovery : recoveries_) {
    recovery.resolver->cancel();
    canceled_.push_back(std::move(recovery.resolver));
  }
  recoveries_.clear();
}

void LibrdkafkaSource::serve_resolvers() {
  std::erase_if(canceled_, [](const auto& resolver) { return resolver->finished(); });
  if (resolver_) {
    PositionResolver::News news = resolver_->take();
    if (news.error) {
      report(*std::move(news.error));
    }
    if (news.facts) {
      const std::unique_ptr<PositionResolver> answered = std::move(resolver_);
      activate(answered->request().partitions, *news.facts);
    }
  }
  for (std::size_t i = 0; i < recoveries_.size();) {
    PositionResolver::News news = recoveries_[i].resolver->take();
    if (news.error) {
      report(*std::move(news.error));
    }
    if (!news.facts) {
      ++i;
      continue;
    }
    const Recovery answered = std::move(recoveries_[i]);
    recoveries_.erase(recoveries_.begin() + static_cast<std::ptrdiff_t>(i));
    recover(answered.slot, news.facts->front());
  }
}

void LibrdkafkaSource::activate(const std::vector<TopicPartition>& partitions,
                                const std::vector<source::StartFacts>& facts) {
  std::vector<source::Assigned> assigned;
  std::vector<source::StartDecision> decisions;
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    decisions.push_back(
        source::decide_start(facts[i], options_.client.start.at, options_.client.on_data_loss));
    assigned.push_back({.id = partitions[i], .start = decisions[i].start, .entry = {}});
    if (facts[i].committed) {
      assigned.back().entry = GroupEntry{.position = *facts[i].committed, .metadata = {}};
    }
  }
  assignment_.start(assigned);
  const bool stops = options_.client.on_data_loss == source::OnDataLoss::stop;
  for (std::uint32_t i = 0; i < decisions.size(); ++i) {
    Assignment::Slot& slot = assignment_[PartitionSlot{i}];
    slot.log_end = facts[i].log.end;
    slot.failed = decisions[i].lost && stops;
  }
  state_ = State::held;
  reassign_due_ = false;
  handlers_.assigned(assigned);
  for (std::uint32_t i = 0; i < decisions.size(); ++i) {
    if (!decisions[i].lost) {
      continue;
    }
    if (stops) {
      handlers_.partition_failed(PartitionSlot{i},
                                 source::data_loss_stop(partitions[i], *facts[i].committed, facts[i].log));
    } else {
      report(source::data_loss_warning(partitions[i], *facts[i].committed, facts[i].log, decisions[i].start));
    }
  }
}

void LibrdkafkaSource::fetch_from(PartitionSlot slot, Position position) {
  CHECK(state_ == State::held);
  Assignment::Slot& partition = assignment_[slot];
  partition.held = false;
  partition.position = position;
  batch_.clear();  // what is in it is fetched again
  reassign_due_ = true;
}

void LibrdkafkaSource::hold(PartitionSlot slot) {
  CHECK(state_ == State::held);
  assignment_[slot].held = true;
  batch_.clear();
  reassign_due_ = true;
}

void LibrdkafkaSource::read_entries(
    std::span<const PartitionSlot> /*slots*/,
    std::function<void(Result<std::vector<std::optional<GroupEntry>>>)> done) {
  loop_.defer([done = std::move(done)] {
    done(make_error(ErrorKind::unsupported, Action::fatal,
                    "librdkafka alone does not serve exactly_once: write source.fetch: direct"));
  });
}

// Fetching starts, or starts again, at every partition's position.
void LibrdkafkaSource::reassign() {
  reassign_due_ = false;
  std::vector<PositionedPartition> partitions;
  for (const Assignment::Slot& slot : assignment_.slots()) {
    if (slot.fetching()) {
      partitions.push_back({.id = slot.id, .position = slot.position});
    }
  }
  if (Result<void> assigned = client_->assign(partitions); !assigned) {
    report(std::move(assigned).error());
  }
}

// Records

bool LibrdkafkaSource::hand_over(std::size_t records_max) {
  std::size_t count = 0;
  while (state_ == State::held && count < records_max) {
    if (batch_.empty()) {
      client_->take_messages(batch_, records_max - count);
      if (batch_.empty()) {
        return false;
      }
    }
    bool refused = false;
    count += offer_front(refused);
    if (refused) {
      return true;
    }
  }
  return state_ == State::held && (!batch_.empty() || client_->messages_wait());
}

// Offers what is at the front of the batch; returns how many messages that took care of. `refused`: there was
// no room for all.
std::size_t LibrdkafkaSource::offer_front(bool& refused) {
  const std::optional<PartitionSlot> slot = assignment_.find(batch_.front_topic(), batch_.front_partition());
  if (!slot || !assignment_[*slot].fetching()) {
    batch_.drop(1);
    return 1;
  }
  if (batch_.front_code() != 0) {
    on_message_error(*slot);
    return 1;
  }
  const Position position = assignment_[*slot].position;
  if (batch_.front_offset().value < position.value) {
    ++counters_.stale_records;
    batch_.drop(1);
    return 1;
  }
  const std::span<const RecordView> run = batch_.front_run(options_.headers);
  const std::size_t offered = run.size();
  const std::size_t taken =
      handlers_.records({.slot = *slot, .records = run, .next = after(run.back().offset)});
  CHECK(taken <= offered);
  if (taken > 0) {
    assignment_[*slot].position = after(run[taken - 1].offset);
    batch_.drop(taken);
  }
  refused = taken < offered;
  return taken;
}

// Behind the last record of a transaction lies its marker: the end of the partition is the only word about
// it.
void LibrdkafkaSource::offer_hole(PartitionSlot slot, Position next, bool lost) {
  if (next > assignment_[slot].position) {
    assignment_[slot].position = next;
    handlers_.records({.slot = slot, .records = {}, .next = next, .lost = lost});
  }
}

// Takes the error at the front of the batch.
void LibrdkafkaSource::on_message_error(PartitionSlot slot) {
  const int code = batch_.front_code();
  if (code == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    const Position end{batch_.front_offset().value};
    batch_.drop(1);
    offer_hole(slot, end, false);
    return;
  }
  if (is_corrupt_batch(code)) {
    on_corrupt_batch(slot);
    return;
  }
  const std::string what = concat(named(assignment_[slot].id), ": ", batch_.front_reason());
  batch_.drop(1);
  if (is_data_loss(code)) {
    on_position_lost(slot);
  } else if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
    fail(slot, kafka_error(code, what));
  } else {
    Error error = kafka_error(code, what);
    error.action = Action::retry;  // of one partition; the library goes on trying
    report(std::move(error));
  }
}

void LibrdkafkaSource::on_position_lost(PartitionSlot slot) {
  const bool under_way = std::any_of(recoveries_.begin(), recoveries_.end(),
                                     [&](const Recovery& recovery) { return recovery.slot == slot; });
  if (!under_way) {
    const Assignment::Slot& lost = assignment_[slot];
    recoveries_.push_back(
        {slot,
         resolve({.partitions = {lost.id}, .wanted = {lost.position}, .start = options_.client.start})});
  }
}

void LibrdkafkaSource::recover(PartitionSlot slot, const source::StartFacts& facts) {
  const TopicPartition id = assignment_[slot].id;
  const source::StartDecision decision =
      source::decide_start(facts, options_.client.start.at, options_.client.on_data_loss);
  // Within an assignment a position never goes back: a log that lost its end stops until the next assignment.
  const bool backwards = decision.start < assignment_[slot].position;
  if (decision.lost && (backwards || options_.client.on_data_loss == source::OnDataLoss::stop)) {
    fail(slot, source::data_loss_stop(id, *facts.committed, facts.log));
    return;
  }
  assignment_[slot].log_end = facts.log.end;
  if (decision.lost) {
    report(source::data_loss_warning(id, *facts.committed, facts.log, decision.start));
    offer_hole(slot, decision.start, true);
  }
  // The library fetches a partition again that it gave up only after a new assignment.
  batch_.clear();
  reassign();
}

// The library skips a batch that fails its checksum. What came after it is dropped, and the batch is fetched
// once more; then the partition stops.
void LibrdkafkaSource::on_corrupt_batch(PartitionSlot slot) {
  Assignment::Slot& corrupt = assignment_[slot];
  Error error = kafka_error(batch_.front_code(), concat(named(corrupt.id), ", position ",
                                                        corrupt.position.value, ": ", batch_.front_reason()));
  if (corrupt.refetched == corrupt.position) {
    fail(slot, std::move(error));
    return;
  }
  corrupt.refetched = corrupt.position;
  batch_.drop_partition_of_front();
  client_->seek(corrupt.id, corrupt.position);
  error.action = Action::retry;
  error.message += "; fetching it again";
  report(std::move(error));
}

void LibrdkafkaSource::fail(PartitionSlot slot, Error error) {
  assignment_[slot].failed = true;
  client_->pause(assignment_[slot].id);
  handlers_.partition_failed(slot, std::move(error));
}

// Commits, state, end

void LibrdkafkaSource::commit(std::span<const CommitItem> commits, std::function<void(CommitReply)> done) {
  CHECK(!commits.empty());
  const bool assigned = state_ == State::held || state_ == State::ending;
  CHECK(assigned);
  std::vector<EntryToCommit> positioned;
  for (const CommitItem& commit : commits) {
    CHECK(commit.slot.value < assignment_.size());
    positioned.push_back(
        {.id = assignment_[commit.slot].id, .position = commit.position, .metadata = commit.metadata});
  }
  client_->commit(positioned, std::move(done));
}

void LibrdkafkaSource::close() {
  if (client_ == nullptr) {
    return;
  }
  cancel_resolvers();
  canceled_.clear();  // joins: they use the client
  batch_.clear();
  client_->close(options_.close_timeout);
  client_.reset();
  assignment_.clear();
  next_assignment_.reset();
  state_ = State::none;
}

bool LibrdkafkaSource::at_end_mark(const Assignment::Slot& slot) const {
  if (!options_.end_marks) {
    return false;
  }
  const auto mark = options_.end_marks->find(slot.id);
  return mark == options_.end_marks->end() || slot.position >= mark->second;
}

void LibrdkafkaSource::partition_states(std::vector<source::PartitionState>& states) const {
  states.clear();
  for (std::uint32_t i = 0; i < assignment_.size(); ++i) {
    const Assignment::Slot& slot = assignment_[PartitionSlot{i}];
    const Position fetched_end = client_ ? client_->log_end(slot.id) : Position{-1};
    states.push_back({.slot = PartitionSlot{i},
                      .position = slot.position,
                      .log_end = std::max(fetched_end, slot.log_end),
                      .at_end_mark = at_end_mark(slot)});
  }
}

void LibrdkafkaSource::report(Error error) {
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

}  // namespace penstock::rdkafka
