// Who leads which partition of an assignment, and which topic that is, as the cluster tells it: asked for at
// the beginning, and again whenever somebody finds that a leader has moved or is away, with a pause that
// grows.
//
//   need() ─► due ─► poll() asks the cluster ─► (an answer) ─► moved, gone, waits, anew; or due again
//
// Two things may be told wrongly for a moment by a broker that has not heard the news yet: a leader of an
// earlier epoch, and another id of the topic. Each is believed after some answers in a row.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "base/alive.h"
#include "base/clock.h"
#include "base/types.h"
#include "kafka/wake_timer.h"
#include "wire/cluster_client.h"

namespace penstock::kafka {

// What makes us doubt that a topic's log is the one that was read before, where brokers tell no ids.
enum class Sign : std::uint8_t {
  was_unknown,      // a broker that should know the topic did not, and it is known again
  epoch_went_back,  // within one log's life a leader's epoch only grows
};

class Leaders {
 public:
  struct Events {
    // The cluster has answered for the first time in this assignment.
    std::function<void()> answered;

    // Another broker leads the partition now, or the first one that is known, or one at another address.
    std::function<void(PartitionSlot, const wire::BrokerAddress&)> moved;

    // Nobody leads it at the moment.
    std::function<void(PartitionSlot)> gone;

    // That has lasted, or is for want of a right. It is tried on; often.
    std::function<void(PartitionSlot, Error)> waits;

    // The topic has another id than it had: it was deleted and made anew. Its leader may follow as `moved`.
    std::function<void(PartitionSlot)> anew;

    // Without ids only. The partition is led again.
    std::function<void(PartitionSlot, Sign)> doubtful;

    // Passes by itself; often.
    std::function<void(Error)> trouble;
  };

  // All outlive it.
  Leaders(const Clock& clock, wire::ClusterClient& cluster, WakeTimer& wake, Events events);

  // A new assignment. end() before the next.
  void begin(std::shared_ptr<const std::vector<TopicPartition>> ids);
  void end();

  // The leaders are to be asked for, at this time or before.
  void need(MonoTime not_before);
  bool needed() const { return due_.has_value(); }

  // Asks, if it is time.
  void poll();

  // None: not known, or nobody leads the partition.
  const std::optional<wire::PartitionLeader>& of(PartitionSlot slot) const {
    return partitions_[slot.value].leader;
  }

  // As Assigned::topic_id. Of a topic that was found made anew, the new one.
  const std::string& topic_id(PartitionSlot slot) const { return partitions_[slot.value].topic_id; }

  // All partitions of the assignment's topics, as the last answer had them.
  const std::vector<TopicPartition>& all_partitions() const { return all_partitions_; }
  bool answered() const { return answered_; }

  // Whoever is named next is believed, and told as `moved`.
  void forget(PartitionSlot slot) { partitions_[slot.value].leader.reset(); }

  // A leader has answered for this partition, so its topic is known.
  void heard_of(PartitionSlot slot) { partitions_[slot.value].unknown_answers = 0; }

  // A leader has said that it does not know the partition's topic.
  void not_known(PartitionSlot slot) { partitions_[slot.value].was_unknown = true; }

  // Nobody needs its leader any more.
  void give_up(PartitionSlot slot) { partitions_[slot.value].given_up = true; }

 private:
  struct Known {
    std::optional<wire::PartitionLeader> leader;
    std::string topic_id;
    std::uint32_t unknown_answers = 0;   // in a row, to who leads it
    std::uint32_t older_answers = 0;     // in a row, that name a leader of an earlier epoch
    std::uint32_t other_id_answers = 0;  // in a row, that name another id of the topic
    std::optional<MonoTime> gone_since;
    std::int32_t epoch_max = -1;  // of all its leaders so far
    bool was_led = false;
    bool was_unknown = false;
    bool given_up = false;
  };

  void ask();
  void on_view(const Result<wire::ClusterView>& view);
  void on_partition(PartitionSlot slot, const wire::ClusterView& view);
  bool is_another_topic(PartitionSlot slot, const wire::ClusterView& view);
  void on_leader(PartitionSlot slot, const wire::PartitionLeader& leader);
  void on_no_leader(PartitionSlot slot, const wire::ClusterView& view);
  void lose_leader(PartitionSlot slot);
  static bool believed(Known& partition, const wire::PartitionLeader& leader);

  const Clock& clock_;
  wire::ClusterClient& cluster_;
  WakeTimer& wake_;
  const Events events_;

  std::shared_ptr<const std::vector<TopicPartition>> ids_;  // of partitions_
  std::vector<Known> partitions_;
  std::vector<TopicPartition> all_partitions_;
  bool answered_ = false;
  bool asked_ = false;
  std::optional<MonoTime> due_;
  std::uint32_t failures_ = 0;
  std::uint64_t epoch_ = 0;  // counts assignments
  Alive alive_;
};

}  // namespace penstock::kafka
