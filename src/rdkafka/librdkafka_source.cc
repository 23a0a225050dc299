// How it works
//
// The library fetches ahead into one queue, and this source takes messages from there in batches of up to
// 1,000. front() looks at the message at the front of the batch. It is the first of a run of records of one
// partition, which become a span. Or it is an error of its partition, or the end of the partition, which is
// the only word about a marker behind the last record of a transaction.
//
// The library's idea of where a partition stands is not trusted. Each partition has a position of ours. What
// lies below it is stale and dropped. What lies above it leaves a hole, over which the position moves.
//
// The worked case is retention that overtakes a slow reader of "orders 0", with on_data_loss: continue:
//
//   1. The position is 100, and the log begins at 9,000 now. The library puts _AUTO_OFFSET_RESET into the
//      queue, and stops fetching the partition.
//   2. front() meets that error. A PositionResolver asks for the ends of the log, on a thread of its own, as
//      the library answers only by blocking.
//   3. poll() finds the answer. The loss is told as a warning, and waits in lost_. Meanwhile the partition
//      counts as not fetching.
//   4. front() gives a span without records, with next = 9,000 and lost = true. The pipeline takes it, so
//      that the gap is written down where the records would be.
//   5. taken() moves the position and assigns all partitions again: the library starts a partition that it
//      gave up only with a new assignment. What was fetched so far of the others is dropped, and fetched
//      again.
//
// So a rewind, a hold and a loss all end in reassign(), with each partition at our position. That costs what
// was fetched ahead. It is rare: a start, what the ledger asks for, and a topic that waits for a schema.
#include "rdkafka/librdkafka_source.h"

#include <algorithm>
#include <utility>

#include <librdkafka/rdkafka.h>

#include "base/check.h"
#include "base/concat.h"
#include "rdkafka/kafka_errors.h"

namespace penstock::rdkafka {

LibrdkafkaSource::LibrdkafkaSource(io::Loop& loop, const Clock& clock, source::SourceOptions options)
    : loop_(loop),
      options_(std::move(options)),
      session_(clock, options_,
               {.resolve = [this] { resolve(); },
                .ending = [this] { end_records(); },
                .over = [this] { forget_assignment(); }}) {}

LibrdkafkaSource::~LibrdkafkaSource() {
  close();
}

Result<void> LibrdkafkaSource::start(source::SourceHandlers handlers) {
  CHECK(!session_.started());
  auto joined = RdMembership::join(options_.consumer, loop_, Stamps::skipped,
                                   options_.end_marks ? EndOfPartition::reported : EndOfPartition::silent);
  if (!joined) {
    return joined.error();
  }
  membership_ = joined->get();
  consumer_ = std::make_unique<RdConsumer>(*membership_, loop_);
  membership_->let({.leave =
                        [this] {
                          consumer_->give_up_commit();
                          stop_using_client();
                          consumer_.reset();
                        },
                    .enter = [this] { consumer_ = std::make_unique<RdConsumer>(*membership_, loop_); }});
  session_.start(std::move(*joined), std::move(handlers));
  return {};
}

void LibrdkafkaSource::poll() {
  if (!session_.started()) {
    return;
  }
  consumer_->poll();
  session_.poll();
  serve_resolver();
  serve_recoveries();
  if (reassign_due_ && session_.held()) {
    reassign();
  }
}

// What the session asks for

void LibrdkafkaSource::resolve() {
  consumer_->discard_messages();
  resolver_ = ask({.partitions = session_.partitions(), .wanted = {}, .start = options_.consumer.start});
}

void LibrdkafkaSource::end_records() {
  cancel_resolvers();
  batch_.clear();
  front_offered_ = false;
  lost_.clear();
  consumer_->forget_assignment();
}

void LibrdkafkaSource::forget_assignment() {
  end_records();
  assignment_.clear();
  reassign_due_ = false;
}

void LibrdkafkaSource::release() {
  session_.release();
  if (session_.state() == source::GroupSession::State::none) {
    consumer_->discard_messages();
  }
}

// Positions

std::unique_ptr<PositionResolver> LibrdkafkaSource::ask(ResolveRequest request) {
  return std::make_unique<PositionResolver>(membership_->client(), std::move(request),
                                            [loop = &loop_] { loop->wake(); });
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

void LibrdkafkaSource::serve_resolver() {
  std::erase_if(canceled_, [](const auto& resolver) { return resolver->finished(); });
  if (!resolver_) {
    return;
  }
  PositionResolver::News news = resolver_->take();
  if (news.error) {
    session_.report(*std::move(news.error));
  }
  if (news.facts) {
    resolver_.reset();
    activate(*std::move(news.facts));
    if (!seen_at_first_) {
      seen_at_first_.emplace(news.existing.begin(), news.existing.end());
    }
  }
}

void LibrdkafkaSource::serve_recoveries() {
  for (std::size_t i = 0; i < recoveries_.size();) {
    PositionResolver::News news = recoveries_[i].resolver->take();
    if (news.error) {
      session_.report(*std::move(news.error));
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

void LibrdkafkaSource::activate(std::vector<source::StartFacts> facts) {
  const std::vector<TopicPartition>& ids = session_.partitions();
  std::vector<source::Assigned> assigned;
  std::vector<source::StartDecision> decisions;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    facts[i].newcomer.topics_by_pattern = source::is_topic_pattern(options_.consumer);
    facts[i].newcomer.appeared_later = seen_at_first_ && !seen_at_first_->contains(ids[i]);
    decisions.push_back(
        source::decide_start(facts[i], options_.consumer.start.at, options_.consumer.on_data_loss));
    assigned.push_back({.id = ids[i], .start = decisions[i].start, .entry = {}});
    if (facts[i].committed) {
      assigned.back().entry = GroupEntry{.position = *facts[i].committed, .metadata = {}};
    }
  }
  assignment_.start(assigned);
  const bool stops = options_.consumer.on_data_loss == source::OnDataLoss::stop;
  for (std::uint32_t i = 0; i < decisions.size(); ++i) {
    Assignment::Reading& partition = assignment_[PartitionSlot{i}];
    partition.log_end = facts[i].log.end;
    partition.failed = decisions[i].lost && stops;
  }
  session_.activate(assigned);
  std::vector<TopicPartition> newcomers;
  for (std::uint32_t i = 0; i < decisions.size(); ++i) {
    if (!facts[i].committed && source::start_without_entry(options_.consumer.start.at, facts[i].newcomer) !=
                                   options_.consumer.start.at) {
      newcomers.push_back(ids[i]);
    }
    if (!decisions[i].lost) {
      continue;
    }
    const Position wanted = *facts[i].committed;
    const source::Loss loss{
        .kind = *source::loss_of(wanted, facts[i].log), .wanted = wanted, .log = facts[i].log};
    if (stops) {
      session_.tell_failed(PartitionSlot{i}, source::data_loss_stop(ids[i], loss));
    } else {
      session_.report(source::data_loss_warning(ids[i], loss));
    }
  }
  if (!newcomers.empty()) {
    session_.report(source::newcomers_begin_at_start(newcomers.front(), newcomers.size()));
  }
}

void LibrdkafkaSource::on_position_lost(PartitionSlot slot) {
  const bool under_way = std::any_of(recoveries_.begin(), recoveries_.end(),
                                     [&](const Recovery& recovery) { return recovery.slot == slot; });
  if (!under_way) {
    const Assignment::Reading& lost = assignment_[slot];
    recoveries_.push_back(
        {slot, ask({.partitions = {lost.id}, .wanted = {lost.position}, .start = options_.consumer.start})});
  }
}

void LibrdkafkaSource::recover(PartitionSlot slot, const source::StartFacts& facts) {
  Assignment::Reading& partition = assignment_[slot];
  if (partition.held || partition.failed) {  // fetch_from() says where to go on, or nobody does
    return;
  }
  const std::optional<source::LossKind> kind = source::loss_of(partition.position, facts.log);
  if (!kind) {
    partition.log_end = facts.log.end;
    reassign();
    return;
  }
  const source::Loss loss{.kind = *kind, .wanted = partition.position, .log = facts.log};
  if (options_.consumer.on_data_loss == source::OnDataLoss::stop) {
    fail(slot, source::data_loss_stop(partition.id, loss));
    return;
  }
  session_.report(source::data_loss_warning(partition.id, loss));
  partition.log_end = facts.log.end;
  if (kind == source::LossKind::deleted) {
    lost_.add(slot, source::resumed_at(loss));
    return;
  }
  partition.held = true;  // until fetch_from(), when what was handed over is published
  reassign_due_ = true;
  session_.tell_moved(slot, source::resumed_at(loss), {});
}

void LibrdkafkaSource::fetch_from(PartitionSlot slot, Position position) {
  CHECK(session_.has_slots());
  if (!session_.held()) {
    return;
  }
  Assignment::Reading& partition = assignment_[slot];
  partition.held = false;
  partition.position = position;
  lost_.drop(slot);
  batch_.clear();  // what is in it is fetched again
  front_offered_ = false;
  reassign_due_ = true;
  loop_.wake();  // to poll(), which assigns: else the loop may sleep first
}

void LibrdkafkaSource::hold(PartitionSlot slot) {
  CHECK(session_.has_slots());
  if (!session_.held()) {
    return;
  }
  assignment_[slot].held = true;
  lost_.drop(slot);
  batch_.clear();
  front_offered_ = false;
  reassign_due_ = true;
}

// Who reads without entries compares no topic ids.
void LibrdkafkaSource::distrust(PartitionSlot /*slot*/, Position /*position*/) {
  CHECK(false);
}

// Fetching starts, or starts again, at every partition's position.
void LibrdkafkaSource::reassign() {
  reassign_due_ = false;
  batch_.clear();
  front_offered_ = false;
  std::vector<PositionedPartition> partitions;
  for (std::uint32_t i = 0; i < assignment_.size(); ++i) {
    const Assignment::Reading& partition = assignment_[PartitionSlot{i}];
    if (partition.fetching() && !lost_.contains(PartitionSlot{i})) {
      partitions.push_back({.id = partition.id, .position = partition.position});
    }
  }
  if (Result<void> assigned = consumer_->assign(partitions); !assigned) {
    session_.report(std::move(assigned).error());
  }
}

// Records

const source::RecordSpan* LibrdkafkaSource::front() {
  while (session_.held()) {
    if (const source::RecordSpan* lost = lost_.front()) {
      return lost;
    }
    if (front_offered_) {
      return &front_;
    }
    if (batch_.empty()) {
      consumer_->take_messages(batch_, MessageBatch::k_messages_max);
    }
    if (batch_.empty()) {
      return nullptr;
    }
    if (const source::RecordSpan* span = span_at_front()) {
      return span;
    }
  }
  return nullptr;
}

// What the message at the front of the batch comes to. Null: it was taken care of.
const source::RecordSpan* LibrdkafkaSource::span_at_front() {
  const std::optional<PartitionSlot> slot = assignment_.find(batch_.front_topic(), batch_.front_partition());
  if (!slot || !assignment_[*slot].fetching() || lost_.contains(*slot)) {
    batch_.drop(1);
    return nullptr;
  }
  const int code = batch_.front_code();
  const bool at_end = code == RD_KAFKA_RESP_ERR__PARTITION_EOF;
  if (code != 0 && !at_end) {
    on_message_error(*slot);
    return nullptr;
  }
  const Position position = assignment_[*slot].position;
  const Position front{batch_.front_offset().value};
  if (at_end) {
    if (front <= position) {
      batch_.drop(1);
      return nullptr;
    }
    front_ = {.slot = *slot, .records = {}, .next = front};
  } else if (front < position) {
    ++stale_records_;
    batch_.drop(1);
    return nullptr;
  } else {
    if (std::exchange(assignment_[*slot].waiting, false)) {
      session_.tell_goes_on(*slot);
    }
    const std::span<const RecordView> run = batch_.front_run(options_.headers);
    front_ = {.slot = *slot, .records = run, .next = after(run.back().offset)};
  }
  front_offered_ = true;
  return &front_;
}

void LibrdkafkaSource::taken(std::size_t count) {
  if (lost_.offered()) {
    if (const auto lost = lost_.take()) {
      assignment_[lost->slot].position = lost->next;
      reassign();
    }
    return;
  }
  if (!std::exchange(front_offered_, false)) {
    return;
  }
  CHECK(count <= front_.records.size());
  Assignment::Reading& partition = assignment_[front_.slot];
  if (front_.records.empty()) {
    partition.position = front_.next;
    batch_.drop(1);
  } else if (count > 0) {
    partition.position = after(front_.records[count - 1].offset);
    batch_.drop(count);
  }
}

// Takes the error at the front of the batch.
void LibrdkafkaSource::on_message_error(PartitionSlot slot) {
  const int code = batch_.front_code();
  if (is_corrupt_batch(code)) {
    on_corrupt_batch(slot);
    return;
  }
  const std::string what = concat(named(assignment_[slot].id), ": ", batch_.front_reason());
  batch_.drop(1);
  if (is_data_loss(code)) {
    on_position_lost(slot);
  } else if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
    assignment_[slot].waiting = true;
    session_.tell_waits(slot, kafka_error(code, what));  // the library goes on trying
  } else {
    session_.report_passing(kafka_error(code, what));  // the library goes on trying
  }
}

// The library skips a batch that fails its checksum. What came after it is dropped, and the batch is fetched
// once more; then the partition stops.
void LibrdkafkaSource::on_corrupt_batch(PartitionSlot slot) {
  Assignment::Reading& corrupt = assignment_[slot];
  Error error = kafka_error(batch_.front_code(), concat(named(corrupt.id), ", position ",
                                                        corrupt.position.value, ": ", batch_.front_reason()));
  if (corrupt.refetched == corrupt.position) {
    fail(slot, std::move(error));
    return;
  }
  corrupt.refetched = corrupt.position;
  batch_.drop_partition_of_front();
  consumer_->seek(corrupt.id, corrupt.position);
  error.message += "; fetching it again";
  session_.report_passing(std::move(error));
}

void LibrdkafkaSource::fail(PartitionSlot slot, Error error) {
  assignment_[slot].failed = true;
  front_offered_ = false;
  lost_.drop(slot);
  consumer_->pause(assignment_[slot].id);
  session_.tell_failed(slot, std::move(error));
}

// Entries, commits, state, end

void LibrdkafkaSource::read_entries(
    std::vector<TopicPartition> /*partitions*/,
    std::function<void(Result<std::vector<std::optional<GroupEntry>>>)> done) {
  loop_.defer([done = std::move(done)] {
    done(make_error(ErrorKind::unsupported, Action::fatal,
                    "librdkafka alone does not serve exactly_once: write source.fetch: direct"));
  });
}

void LibrdkafkaSource::commit(std::span<const CommitItem> commits, std::function<void(CommitReply)> done) {
  consumer_->commit(session_.entries_of(commits), std::move(done));
}

void LibrdkafkaSource::stop_using_client() {
  cancel_resolvers();
  canceled_.clear();  // joins: they use the client
  batch_.clear();
  front_offered_ = false;
  lost_.clear();
  consumer_->stop();
}

void LibrdkafkaSource::close() {
  if (!session_.started()) {
    return;
  }
  stop_using_client();
  const std::unique_ptr<source::Membership> left = session_.close();
  consumer_.reset();  // its queue is one of the client's, which goes with `left`
  membership_ = nullptr;
  assignment_.clear();
}

void LibrdkafkaSource::partition_states(std::vector<source::PartitionState>& states) const {
  states.clear();
  for (std::uint32_t i = 0; i < assignment_.size(); ++i) {
    const PartitionSlot slot{i};
    const Assignment::Reading& partition = assignment_[slot];
    const Position log_end = std::max(consumer_->log_end(partition.id), partition.log_end);
    states.push_back({.slot = slot,
                      .position = partition.position,
                      .log_end = log_end,
                      .at_end_mark = session_.at_end_mark(slot, partition.position, log_end)});
  }
}

source::SourceCounters LibrdkafkaSource::counters() const {
  return {.stale_records = stale_records_, .errors = session_.error_count()};
}

}  // namespace penstock::rdkafka
