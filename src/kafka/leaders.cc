// How it works. One question to the cluster gives the leaders of all partitions of the assignment. Each
// partition is then compared with what was known of it.
//
// The worked case is the topic "orders", whose leader dies and comes back, and which is later made anew:
//
//   1. A Fetch fails. need() sets a time, and the next poll() asks. The answer names no leader: `gone` is
//      told. The question is asked again with a pause that grows. After ten seconds `waits` is told.
//   2. The answer names another broker, with a higher epoch: `moved`.
//   3. The answer names another topic id. It has to be told several times in a row, as a broker may not have
//      heard the news. Meanwhile nobody leads the partition, so that nothing of the one topic is read as the
//      other's. Then `anew` is told, and the new leader as `moved`.
//
// Where brokers tell no ids, a topic that was unknown and a leader epoch that goes back are told as
// `doubtful`.
#include "kafka/leaders.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/concat.h"
#include "kafka/backoff.h"
#include "wire/broker_errors.h"

namespace penstock::kafka {
namespace {

// A topic that the brokers do not know may be a moment old, or deleted: after this many answers in a row,
// some seconds, that is worth a line.
constexpr std::uint32_t k_unknown_answers_max = 6;

// A leader of an epoch before the one we know is believed after so many. They are asked for while nothing can
// be fetched: 100 ms apart.
constexpr std::uint32_t k_older_answers_max = 30;

// Another id of the topic is believed after so many: 100, 200 and 400 ms apart.
constexpr std::uint32_t k_other_id_answers_max = 4;

// Elections take seconds. A partition without a leader for longer is worth a line.
constexpr Duration k_without_leader_until_told = std::chrono::seconds(10);

}  // namespace

Leaders::Leaders(const Clock& clock, wire::ClusterClient& cluster, WakeTimer& wake, Events events)
    : clock_(clock), cluster_(cluster), wake_(wake), events_(std::move(events)) {}

void Leaders::begin(std::shared_ptr<const std::vector<TopicPartition>> ids) {
  CHECK(partitions_.empty());
  ++epoch_;
  ids_ = std::move(ids);
  partitions_.resize(ids_->size());
  answered_ = false;
  failures_ = 0;
  if (!partitions_.empty()) {
    need(clock_.now());
  }
}

void Leaders::end() {
  ++epoch_;
  partitions_.clear();
  all_partitions_.clear();
  due_.reset();
}

void Leaders::need(MonoTime not_before) {
  if (!due_ || not_before < *due_) {
    due_ = not_before;
    wake_.wake_at(not_before);
  }
}

void Leaders::poll() {
  if (due_ && clock_.now() >= *due_) {
    ask();
  } else if (due_) {
    wake_.wake_at(*due_);  // an earlier wake may have taken its place
  }
}

void Leaders::ask() {
  due_.reset();
  if (asked_ || partitions_.empty()) {
    return;
  }
  asked_ = true;
  std::set<std::string> topics;
  for (const TopicPartition& id : *ids_) {
    topics.insert(id.topic);
  }
  cluster_.ask_leaders({topics.begin(), topics.end()},
                       [this, epoch = epoch_, alive = alive_.watch()](const Result<wire::ClusterView>& view) {
                         if (alive.gone()) {
                           return;
                         }
                         asked_ = false;
                         if (epoch == epoch_) {
                           on_view(view);
                         } else if (!partitions_.empty()) {  // it is of an assignment that has ended
                           need(clock_.now());
                         }
                       });
}

void Leaders::on_view(const Result<wire::ClusterView>& view) {
  if (!view.ok()) {
    need(clock_.now() + backoff(failures_++));
    events_.trouble(view.error());
    return;
  }
  all_partitions_.clear();
  for (const auto& [id, leader] : view->leaders) {
    all_partitions_.push_back(id);
  }
  for (const auto& [id, code] : view->partition_errors) {
    all_partitions_.push_back(id);
  }
  for (std::uint32_t i = 0; i < partitions_.size(); ++i) {
    if (!partitions_[i].given_up) {
      on_partition(PartitionSlot{i}, *view);
    }
  }
  const bool missing = std::ranges::any_of(
      partitions_, [](const Known& partition) { return !partition.leader && !partition.given_up; });
  failures_ = missing ? failures_ + 1 : 0;
  if (missing) {
    need(clock_.now() + backoff(failures_));
  }
  if (!std::exchange(answered_, true)) {
    events_.answered();
  }
}

void Leaders::on_partition(PartitionSlot slot, const wire::ClusterView& view) {
  if (is_another_topic(slot, view)) {
    lose_leader(slot);
    return;
  }
  const auto leader = view.leaders.find((*ids_)[slot.value]);
  if (leader != view.leaders.end()) {
    on_leader(slot, leader->second);
  } else {
    on_no_leader(slot, view);
  }
}

// While it is doubtful nobody leads the partition: so nothing of the one topic is read as the other's.
bool Leaders::is_another_topic(PartitionSlot slot, const wire::ClusterView& view) {
  Known& partition = partitions_[slot.value];
  const auto told = view.topic_ids.find((*ids_)[slot.value].topic);
  if (told == view.topic_ids.end() || told->second.empty()) {
    return false;
  }
  if (partition.topic_id.empty()) {
    partition.topic_id = told->second;
  }
  const bool other = told->second != partition.topic_id;
  partition.other_id_answers = other ? partition.other_id_answers + 1 : 0;
  if (partition.other_id_answers < k_other_id_answers_max) {
    return other;
  }
  lose_leader(slot);
  partition = {};
  partition.topic_id = told->second;
  events_.anew(slot);
  return false;
}

void Leaders::on_leader(PartitionSlot slot, const wire::PartitionLeader& leader) {
  Known& partition = partitions_[slot.value];
  partition.unknown_answers = 0;
  partition.gone_since.reset();
  if (!believed(partition, leader)) {
    return;
  }
  const bool stays = partition.leader && partition.leader->broker == leader.broker;
  const bool went_back = leader.epoch < partition.epoch_max;
  const bool was_unknown = std::exchange(partition.was_unknown, false) && partition.was_led;
  partition.leader = leader;
  partition.epoch_max = leader.epoch;
  partition.was_led = true;
  if (!stays) {
    events_.moved(slot, leader.broker);
  }
  if (partition.topic_id.empty() && (went_back || was_unknown)) {
    events_.doubtful(slot, went_back ? Sign::epoch_went_back : Sign::was_unknown);
  }
}

// A broker may not have heard the news yet. But a topic that was deleted and made anew begins its epochs
// anew. While nobody is known to lead the partition whoever is named is believed.
bool Leaders::believed(Known& partition, const wire::PartitionLeader& leader) {
  const bool older = partition.leader && leader.epoch < partition.epoch_max;
  partition.older_answers = older ? partition.older_answers + 1 : 0;
  return !older || partition.older_answers >= k_older_answers_max;
}

void Leaders::on_no_leader(PartitionSlot slot, const wire::ClusterView& view) {
  Known& partition = partitions_[slot.value];
  const TopicPartition& id = (*ids_)[slot.value];
  const auto told = view.topic_errors.find(id.topic);
  const wire::ErrorCode code = told != view.topic_errors.end() ? told->second : wire::ErrorCode::none;
  const bool topic_is_unknown = code == wire::ErrorCode::unknown_topic_or_partition;
  partition.was_unknown = partition.was_unknown || topic_is_unknown;
  lose_leader(slot);
  const MonoTime now = clock_.now();
  if (!partition.gone_since) {
    partition.gone_since = now;
  }
  if (wire::fetch_outcome(code) == wire::FetchOutcome::stop_partition) {
    if (!topic_is_unknown || ++partition.unknown_answers >= k_unknown_answers_max) {
      events_.waits(slot, wire::broker_error(code, named(id)));
    }
  } else if (now - *partition.gone_since > k_without_leader_until_told) {
    events_.waits(slot, make_error(ErrorKind::unavailable, Action::retry,
                                   concat(named(id),
                                          ": no broker leads it; its records wait, and other "
                                          "partitions go on. Check the brokers that hold it"),
                                   "no leader"));
  }
}

void Leaders::lose_leader(PartitionSlot slot) {
  if (partitions_[slot.value].leader) {
    partitions_[slot.value].leader.reset();
    events_.gone(slot);
  }
}

}  // namespace penstock::kafka
