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

// A topic that the brokers do not know may be a moment old, or deleted: this many answers in a row, some
// seconds, are believed.
constexpr std::uint32_t k_unknown_answers_max = 6;

// The same for a leader of an epoch before the one we know. They are asked for while nothing can be fetched:
// 100 ms apart.
constexpr std::uint32_t k_older_answers_max = 30;

}  // namespace

Leaders::Leaders(const Clock& clock, wire::ClusterClient& cluster, WakeTimer& wake, Events events)
    : clock_(clock), cluster_(cluster), wake_(wake), events_(std::move(events)) {}

void Leaders::begin(std::shared_ptr<const std::vector<TopicPartition>> ids) {
  CHECK(partitions_.empty());
  ++epoch_;
  ids_ = std::move(ids);
  partitions_.resize(ids_->size());
  if (!partitions_.empty()) {
    need(clock_.now());
  }
}

void Leaders::end() {
  ++epoch_;
  partitions_.clear();
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
  for (std::uint32_t i = 0; i < partitions_.size(); ++i) {
    if (partitions_[i].given_up) {
      continue;
    }
    const auto leader = view->leaders.find((*ids_)[i]);
    if (leader != view->leaders.end()) {
      on_leader(PartitionSlot{i}, leader->second);
    } else {
      on_no_leader(PartitionSlot{i}, *view);
    }
  }
  const bool missing = std::ranges::any_of(
      partitions_, [](const Known& partition) { return !partition.leader && !partition.given_up; });
  failures_ = missing ? failures_ + 1 : 0;
  if (missing) {
    need(clock_.now() + backoff(failures_));
  }
}

void Leaders::on_leader(PartitionSlot slot, const wire::PartitionLeader& leader) {
  Known& partition = partitions_[slot.value];
  partition.unknown_answers = 0;
  if (!believed(partition, leader)) {
    return;
  }
  const bool stays = partition.leader && partition.leader->broker == leader.broker;
  partition.leader = leader;
  if (!stays) {
    events_.moved(slot, leader.broker);
  }
}

// A broker may not have heard the news yet. But a topic that was deleted and made anew begins its epochs
// anew.
bool Leaders::believed(Known& partition, const wire::PartitionLeader& leader) {
  const bool older = partition.leader && leader.epoch < partition.leader->epoch;
  partition.older_answers = older ? partition.older_answers + 1 : 0;
  return !older || partition.older_answers >= k_older_answers_max;
}

void Leaders::on_no_leader(PartitionSlot slot, const wire::ClusterView& view) {
  Known& partition = partitions_[slot.value];
  const TopicPartition& id = (*ids_)[slot.value];
  const auto told = view.topic_errors.find(id.topic);
  const wire::ErrorCode code = told != view.topic_errors.end() ? told->second : wire::ErrorCode::none;
  const bool topic_is_unknown = code == wire::ErrorCode::unknown_topic_or_partition;
  if (wire::fetch_outcome(code) == wire::FetchOutcome::stop_partition &&
      (!topic_is_unknown || ++partition.unknown_answers >= k_unknown_answers_max)) {
    events_.unknown(slot, wire::broker_error(code, named(id)));
  } else if (partition.leader) {
    partition.leader.reset();
    events_.gone(slot);
  }
}

}  // namespace penstock::kafka
